/** What a token says besides whose it is, and who gets none. */
import { APIError } from "better-auth/api";
import { type Confirmation, confirmation } from "./binding";
import { isLeaving } from "./farewell";

interface SessionOfPerson {
  user: { id: string; banned?: boolean | null };
  session: { id: string };
}

/** `sub`, `iat`, `exp`, `iss` and `aud` are added by the plugin. No name and no e-mail: the service needs neither. */
export async function tokenPayload({
  user,
  session,
}: SessionOfPerson): Promise<{ sid: string } & Confirmation> {
  // A session that was being made while the account was deactivated outlives the others, but gets no token.
  if (user.banned)
    throw new APIError("UNAUTHORIZED", { code: "BANNED_USER", message: "This account is deactivated" });
  if (await isLeaving(user.id))
    throw new APIError("SERVICE_UNAVAILABLE", {
      code: "LEAVING",
      message: "This account is being deleted",
    });
  return { sid: session.id, ...(await confirmation()) };
}
