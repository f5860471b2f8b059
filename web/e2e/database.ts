/** The stack's database, for tests about what is written there. */
import pg from "pg";
import { test } from "./support";

/** A connection of the test's own; skips the test where the stack is not ours to look into. */
export async function connected<T>(use: (client: pg.Client) => Promise<T>): Promise<T> {
  const connectionString = process.env.DATABASE_URL;
  if (!connectionString || !process.env.CONTROL_URL)
    test.skip(true, "this database is not ours to look into");
  const client = new pg.Client({ connectionString });
  await client.connect();
  try {
    return await use(client);
  } finally {
    await client.end();
  }
}

/** Does something, and then undoes it: for statements that would end everybody's session. */
export async function undone<T>(use: (client: pg.Client) => Promise<T>): Promise<T> {
  return connected(async (client) => {
    await client.query("begin");
    try {
      return await use(client);
    } finally {
      await client.query("rollback");
    }
  });
}
