/** The one pool of connections for Better Auth, in its own schema beside the service's tables. */
import type { PostgresPool, PostgresPoolClient } from "kysely";
import pg from "pg";
import { settings } from "./settings";

export const SCHEMA = "auth";
/** Two queries in a row fail before the page gives up. */
const PATIENCE_MS = 8_000;

// Next bundles instrumentation and routes apart: a module variable would make a pool for each.
const shared = globalThis as typeof globalThis & { taskwardPool?: pg.Pool };

export function pool(): pg.Pool {
  if (!shared.taskwardPool) {
    const made = new pg.Pool({
      connectionString: settings().databaseUrl,
      max: 10,
      // A database that is away must be an answer within seconds, not a page that hangs.
      connectionTimeoutMillis: 3_000,
      query_timeout: PATIENCE_MS,
      idleTimeoutMillis: 30_000,
    });
    // Without a listener an idle connection that the database drops would end the process.
    made.on("error", () => console.warn("taskward web: the database closed an idle connection"));
    shared.taskwardPool = made;
  }
  return shared.taskwardPool;
}

/**
 * The same connections for Kysely, which gives a connection back even when its query got no answer; the next query would
 * wait behind that one. After a failure the connection is closed, as by the pool's own `query`.
 */
export const kyselyPool: PostgresPool = {
  async connect() {
    const client = await pool().connect();
    let failed = false;
    const query = (text: string, values: readonly unknown[]) =>
      client.query(text, [...values]).catch((error: unknown) => {
        failed = true;
        throw error;
      });
    return {
      // In the types of pg a command is a string, in those of Kysely one of a list.
      query: query as unknown as PostgresPoolClient["query"],
      release: () => client.release(failed),
    };
  },
  end: () => pool().end(),
};
