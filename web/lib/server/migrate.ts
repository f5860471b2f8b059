/** Better Auth's tables, the table of revocations and the first signing key, made when missing. */
import { getMigrations } from "better-auth/db/migration";
import { createJwk } from "better-auth/plugins";
import { getAuth, jwtOptions, options } from "./auth";
import { pool } from "./database";
import { migrateRevocations } from "./revocations/migrate";
import { settings } from "./settings";

// Any number will do, as long as every replica waits for the same one.
const LOCK = 7_236_401;
const LOCK_PATIENCE_MS = 10 * 60_000;

/** A key of the configured algorithm exists before anyone asks: concurrent first requests would each mint one. */
async function ensureKey(): Promise<void> {
  const { algorithm } = settings();
  const now = new Date();
  const { rows } = await pool().query<{ alg: string | null; expiresAt: Date | null }>(
    'select alg, "expiresAt" from auth.jwks',
  );
  if (rows.some((key) => (key.alg ?? algorithm) === algorithm && (!key.expiresAt || key.expiresAt > now)))
    return;
  const context = await (await getAuth()).$context;
  // Only `context` of the endpoint's context is read; there is no request at start-up.
  await createJwk({ context } as Parameters<typeof createJwk>[0], jwtOptions(settings()));
}

export async function migrate(): Promise<void> {
  const lock = await pool().connect();
  try {
    // As long as another replica needs to migrate.
    const query = { text: "select pg_advisory_lock($1)", values: [LOCK], query_timeout: LOCK_PATIENCE_MS };
    await lock.query(query);
    const { runMigrations } = await getMigrations(options(settings()));
    await runMigrations();
    await migrateRevocations(lock);
    await ensureKey();
  } finally {
    // Closing the session gives the lock back even when the unlock itself could not be sent.
    lock.release(true);
  }
}
