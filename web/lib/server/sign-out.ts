/** Ending a session for certain: Better Auth's own sign-out forgets the cookie even when the session stays alive. */
import { APIError } from "better-auth/api";
import { pool, SCHEMA } from "./database";

const PATIENCE = "5s";

/** Deletes the session with this token. Raises a 503 when it could not, and the person stays signed in. */
export async function endSession(token: string): Promise<void> {
  try {
    const client = await pool().connect();
    let failed = true;
    try {
      await client.query("begin");
      await client.query(`set local statement_timeout = '${PATIENCE}'`);
      await client.query(`delete from ${SCHEMA}.session where token = $1`, [token]);
      await client.query("commit");
      failed = false;
    } finally {
      client.release(failed);
    }
  } catch (error) {
    console.warn(
      `taskward web: a session could not be ended: ${error instanceof Error ? error.message : "unknown"}`,
    );
    throw new APIError("SERVICE_UNAVAILABLE", {
      code: "STILL_SIGNED_IN",
      message: "Signing out didn't work",
    });
  }
}
