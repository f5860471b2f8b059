/** What is looked at before and after an endpoint of Better Auth runs. */
import type { GenericEndpointContext } from "better-auth";
import { APIError, createAuthMiddleware, isAPIError } from "better-auth/api";
import { endSession } from "./sign-out";

const tokenOf = (ctx: GenericEndpointContext) =>
  ctx.getSignedCookie(ctx.context.authCookies.sessionToken.name, ctx.context.secret);

/** Raises when the database cannot be asked. Better Auth's `getSessionFromCtx` says then that there is no session. */
async function sessionOf(ctx: GenericEndpointContext) {
  const token = await tokenOf(ctx);
  const found = token ? await ctx.context.internalAdapter.findSession(token) : null;
  return found && found.session.expiresAt > new Date() ? found : undefined;
}

export const before = createAuthMiddleware(async (ctx) => {
  if (ctx.path === "/sign-out") {
    const token = await tokenOf(ctx);
    if (token) await endSession(token);
  }
  // Better Auth lets a session of today do without the password; somebody at an unlocked screen must not.
  if (ctx.path === "/delete-user" && !ctx.body?.password) {
    const session = await sessionOf(ctx);
    const account = session && (await ctx.context.internalAdapter.findCredentialAccount(session.user.id));
    if (account)
      throw new APIError("BAD_REQUEST", { code: "INVALID_PASSWORD", message: "The password is required" });
  }
});

/** The 401 of an endpoint that found no session; others are about passwords and banned people. */
function isSignedOut(returned: unknown): boolean {
  return (
    isAPIError(returned) &&
    returned.statusCode === 401 &&
    (returned.body?.code ?? "UNAUTHORIZED") === "UNAUTHORIZED"
  );
}

/** In an outage of the database the answer is a 500 and not a 401, so that the page asks again. */
export const after = createAuthMiddleware(async (ctx) => {
  if (!isSignedOut(ctx.context.returned)) return;
  // Better Auth takes the cookie back. By now another tab may have signed in, and this would be the cookie of that.
  ctx.context.responseHeaders?.delete("set-cookie");
  // Raised as a plain error: an `APIError` would keep the status that is already set.
  if (await sessionOf(ctx)) throw new Error("a session could not be looked up");
});
