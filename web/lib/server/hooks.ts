/** What is looked at before an endpoint of Better Auth runs. */
import { APIError, createAuthMiddleware, getSessionFromCtx } from "better-auth/api";
import { endSession } from "./sign-out";

export const before = createAuthMiddleware(async (ctx) => {
  if (ctx.path === "/sign-out") {
    const token = await ctx.getSignedCookie(ctx.context.authCookies.sessionToken.name, ctx.context.secret);
    if (token) await endSession(token);
  }
  // Better Auth lets a session of today do without the password; somebody at an unlocked screen must not.
  if (ctx.path === "/delete-user" && !ctx.body?.password) {
    const session = await getSessionFromCtx(ctx);
    const account = session && (await ctx.context.internalAdapter.findCredentialAccount(session.user.id));
    if (account)
      throw new APIError("BAD_REQUEST", { code: "INVALID_PASSWORD", message: "The password is required" });
  }
});
