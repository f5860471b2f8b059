/**
 * A Better Auth plugin for the account page: where a person is signed in, and ending one of these sessions by its id.
 * Better Auth's own list carries the sessions' tokens into the page, and is refused a day after signing in.
 */
import type { BetterAuthPlugin } from "better-auth";
import { APIError, createAuthEndpoint, sessionMiddleware } from "better-auth/api";
import { pool, SCHEMA } from "./database";

export interface OwnSession {
  id: string;
  /** The one that asks. */
  current: boolean;
  since: string;
  userAgent: string;
  ip: string;
}

const LIST = `
  select id, id = $2 as current, "createdAt" as since,
    coalesce("userAgent", '') as "userAgent", coalesce("ipAddress", '') as ip
  from ${SCHEMA}.session where "userId" = $1 and "expiresAt" > now()
  order by id = $2 desc, "updatedAt" desc limit 100`;

export function ownSessions() {
  return {
    id: "own-sessions",
    endpoints: {
      listOwnSessions: createAuthEndpoint(
        "/own-sessions",
        { method: "GET", use: [sessionMiddleware] },
        async (ctx) => {
          const { user, session } = ctx.context.session;
          const { rows } = await pool().query<OwnSession>(LIST, [user.id, session.id]);
          return ctx.json(rows);
        },
      ),
      endOwnSession: createAuthEndpoint(
        "/own-sessions/end",
        { method: "POST", use: [sessionMiddleware] },
        async (ctx) => {
          const id: unknown = (ctx.body as Record<string, unknown> | undefined)?.id;
          if (typeof id !== "string")
            throw new APIError("BAD_REQUEST", { code: "INVALID_ID", message: "id is missing" });
          // Somebody else's session is not found, like one that is over.
          await pool().query(`delete from ${SCHEMA}.session where id = $1 and "userId" = $2`, [
            id,
            ctx.context.session.user.id,
          ]);
          return ctx.json({ ended: true });
        },
      ),
    },
  } satisfies BetterAuthPlugin;
}
