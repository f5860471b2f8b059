/** Brings the table of revocations and its triggers up to date. */
import type { ClientBase } from "pg";
import { SCHEMA } from "../database";
import { revocationsSchema } from "./schema";

/** Better not to start than to make every sign-in wait behind somebody's open transaction. */
const LOCK_PATIENCE = "5s";

export async function migrateRevocations(client: ClientBase): Promise<void> {
  const { rows } = await client.query<{ found: boolean }>(`select to_regclass($1) is not null as found`, [
    `${SCHEMA}."oauthConsent"`,
  ]);
  await client.query("begin");
  try {
    await client.query(`set local lock_timeout = '${LOCK_PATIENCE}'`);
    await client.query(revocationsSchema(rows[0]?.found ?? false));
    await client.query("commit");
  } catch (error) {
    await client.query("rollback");
    throw error;
  }
}
