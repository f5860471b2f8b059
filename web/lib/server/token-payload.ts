/** What a token says besides whose it is, and who gets none. */
import { APIError } from "better-auth/api";

interface SessionOfPerson {
  user: { id: string; banned?: boolean | null };
  session: { id: string };
}

/** `sub`, `iat`, `exp`, `iss` and `aud` are added by the plugin. No name and no e-mail: the service needs neither. */
export function tokenPayload({ user, session }: SessionOfPerson): { sid: string } {
  // A session that was being made while the account was deactivated outlives the others, but gets no token.
  if (user.banned)
    throw new APIError("UNAUTHORIZED", { code: "BANNED_USER", message: "This account is deactivated" });
  return { sid: session.id };
}
