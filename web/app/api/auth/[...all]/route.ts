/** Better Auth's endpoints, with the count of failed passwords in front of the two that look at one. */
import { getAuth } from "@/lib/server/auth";
import { guarded } from "@/lib/server/guard";

export const dynamic = "force-dynamic";

async function answer(request: Request): Promise<Response> {
  const auth = await getAuth();
  return auth.handler(request);
}

export const GET = answer;
export const POST = (request: Request) => guarded(request, answer);
