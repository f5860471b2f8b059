/** The one pool of connections for Better Auth, in its own schema beside the service's tables. */
import pg from "pg";
import { settings } from "./settings";

export const SCHEMA = "auth";

// Next bundles instrumentation and routes apart: a module variable would make a pool for each.
const shared = globalThis as typeof globalThis & { taskwardPool?: pg.Pool };

export function pool(): pg.Pool {
  if (!shared.taskwardPool) {
    const made = new pg.Pool({
      connectionString: settings().databaseUrl,
      max: 10,
      // A database that is away must be an answer within seconds, not a page that hangs.
      connectionTimeoutMillis: 3_000,
      idleTimeoutMillis: 30_000,
    });
    // Without a listener an idle connection that the database drops would end the process.
    made.on("error", () => console.warn("taskward web: the database closed an idle connection"));
    shared.taskwardPool = made;
  }
  return shared.taskwardPool;
}
