/** A Better Auth plugin that tells services which tokens ended early, signed with the keys that sign the tokens. */
import { createHash, timingSafeEqual } from "node:crypto";
import type { BetterAuthPlugin } from "better-auth";
import { APIError, createAuthEndpoint } from "better-auth/api";
import { type JwtOptions, signJWT } from "better-auth/plugins";
import { Feed, type RevocationStore } from "./feed";

/** The type of these documents (RFC 8725, 3.11): none can be taken for a token, and no token for one of them. */
export const FEED_TYPE = "revocations+jwt";
export const FEED_AUDIENCE = "revocations";
const LIFE_S = 60;
/** Below the idle time of common proxies. */
const LONGEST_WAIT_S = 25;

export interface RevocationFeedOptions {
  store: RevocationStore;
  /** The options of the `jwt` plugin: the same issuer and the same keys. */
  jwt: JwtOptions;
  /** Asked for as the password of HTTP Basic (any user name) or as a bearer token. */
  secret?: string | undefined;
  /** Whether a feed without a secret answers everybody. Otherwise it answers nobody. */
  open?: boolean;
}

/** A parameter that cannot be read is refused: taken for absent, it would hide a reader's mistake. */
function seconds(wait: unknown): number {
  if (wait === undefined) return 0;
  if (typeof wait !== "string" || !/^\d{1,6}$/.test(wait))
    throw new APIError("BAD_REQUEST", { code: "INVALID_WAIT", message: "wait is a number of whole seconds" });
  return Math.min(Number(wait), LONGEST_WAIT_S);
}

/** Repeated in the answer, so that a reader knows without a clock that the answer is not an old one. */
function nonceOf(nonce: unknown): { nonce?: string } {
  if (nonce === undefined) return {};
  if (typeof nonce !== "string" || !/^[\w-]{1,64}$/.test(nonce))
    throw new APIError("BAD_REQUEST", {
      code: "INVALID_NONCE",
      message: "nonce is 1 to 64 letters, digits, hyphens and underscores",
    });
  return { nonce };
}

const digest = (text: string) => createHash("sha256").update(text).digest();

function presented(authorization: string | null | undefined): string {
  const [, scheme = "", value = ""] = /^(\w+) +(\S+)$/.exec(authorization ?? "") ?? [];
  if (scheme.toLowerCase() === "bearer") return value;
  if (scheme.toLowerCase() !== "basic") return "";
  const pair = Buffer.from(value, "base64").toString("utf8");
  return pair.slice(pair.indexOf(":") + 1);
}

export function revocationFeed({ store, jwt, secret, open = false }: RevocationFeedOptions) {
  const allowed = (authorization: string | null | undefined) =>
    secret ? timingSafeEqual(digest(presented(authorization)), digest(secret)) : open;

  const feed = new Feed(store);
  return {
    id: "revocation-feed",
    endpoints: {
      getRevocations: createAuthEndpoint("/revocations", { method: "GET" }, async (ctx) => {
        if (!allowed(ctx.headers?.get("authorization")))
          throw new APIError(
            "UNAUTHORIZED",
            { code: "FEED_SECRET_REQUIRED", message: "The secret of the feed is required" },
            { "WWW-Authenticate": 'Basic realm="revocations"' },
          );
        const { after, wait, nonce } = (ctx.query ?? {}) as Record<string, unknown>;
        const repeated = nonceOf(nonce);
        const answer = await feed.ask(typeof after === "string" ? after : undefined, seconds(wait));
        const iat = Math.floor(Date.now() / 1000);
        const body = await signJWT(ctx, {
          options: jwt,
          payload: { ...answer, ...repeated, aud: FEED_AUDIENCE, iat, exp: iat + LIFE_S },
          header: { typ: FEED_TYPE },
        });
        return new Response(body, {
          headers: { "Content-Type": "application/jwt", "Cache-Control": "no-store" },
        });
      }),
    },
  } satisfies BetterAuthPlugin;
}
