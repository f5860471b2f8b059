/** Stands before the endpoints that check a password: five failures a minute for an address, then a wait. */
import { Failures } from "./failures";
import { networkOf, PEER_HEADER } from "./peer";

const LIMIT = 5;
const WINDOW_MS = 60_000;

/** The answers that mean "that password was wrong", by endpoint. */
const CHECKS = new Map<string, ReadonlySet<number>>([
  ["/api/auth/sign-in/email", new Set([401])],
  ["/api/auth/delete-user", new Set([400])],
  ["/api/auth/change-password", new Set([400])],
]);

const shared = globalThis as typeof globalThis & { taskwardFailures?: Failures };

function failures(): Failures {
  shared.taskwardFailures ??= new Failures(LIMIT, WINDOW_MS);
  return shared.taskwardFailures;
}

function tooMany(retryAfter: number): Response {
  return Response.json(
    { code: "TOO_MANY_ATTEMPTS", message: `Too many attempts. Try again in ${retryAfter} seconds.` },
    { status: 429, headers: { "Retry-After": String(retryAfter), "Cache-Control": "no-store" } },
  );
}

export async function guarded(
  request: Request,
  answer: (request: Request) => Promise<Response>,
): Promise<Response> {
  const { pathname } = new URL(request.url);
  const wrong = CHECKS.get(pathname.replace(/\/+$/, ""));
  if (!wrong) return answer(request);
  const key = `${networkOf(request.headers.get(PEER_HEADER) ?? "unknown")} ${pathname}`;
  const verdict = failures().take(key);
  if (!verdict.allowed) return tooMany(verdict.retryAfter);
  let failed = false;
  try {
    const response = await answer(request);
    failed = wrong.has(response.status);
    return response;
  } finally {
    if (!failed) failures().giveBack(key);
  }
}
