/** The revocations in PostgreSQL, for the feed. */
import pg from "pg";
import { pool, SCHEMA } from "../database";
import type { Answer, Revocation, RevocationStore } from "../revocation-feed/feed";
import { settings } from "../settings";
import { CHANNEL } from "./schema";

/** How long a notification may be lost for: PgBouncer drops LISTEN without a word. */
const POLL_MS = 500;
const RELISTEN_MS = 2_000;

/** The cursor names the table, so that one from before a restore is unknown, and the oldest transaction then open. */
const MARK = `
  select c.oid::text || '-' || pg_snapshot_xmin(pg_current_snapshot())::text as next
  from pg_class c where c.oid = '${SCHEMA}.revocations'::regclass`;

const LIST = `
  with mark as (${MARK}), known as (
    select $1 ~ '^[0-9]{1,10}-[0-9]{1,19}$' and split_part($1, '-', 1) = split_part(next, '-', 1)
      and split_part($1, '-', 2)::numeric <= split_part(next, '-', 2)::numeric as known from mark
  )
  select mark.next, coalesce(known, false) as known, coalesce((
    select json_agg(json_build_object(
      'id', id::text, 'kind', kind, 'value', value,
      'not_before', ceil(extract(epoch from not_before))::bigint,
      'expires_at', ceil(extract(epoch from expires_at))::bigint) order by id)
    from ${SCHEMA}.revocations
    where expires_at > now()
      and (known is not true or xid >= split_part($1, '-', 2)::xid8)
  ), '[]') as events
  from mark, known`;

interface Row {
  next: string;
  known: boolean;
  events: Revocation[];
}

export class PostgresRevocations implements RevocationStore {
  private readonly waiters = new Set<() => void>();
  private listening = false;

  async since(after: string | undefined): Promise<Answer> {
    const { rows } = await pool().query<Row>(LIST, [after ?? ""]);
    const [row] = rows;
    if (!row) throw new Error("the table of revocations is missing");
    return { next: row.next, complete: !row.known, events: row.events };
  }

  changed(ms: number): Promise<void> {
    if (!this.listening) void this.listen();
    return new Promise((resolve) => {
      const done = () => {
        clearTimeout(timer);
        this.waiters.delete(done);
        resolve();
      };
      const timer = setTimeout(done, Math.min(ms, POLL_MS));
      this.waiters.add(done);
    });
  }

  /** One connection of the process listens for all; while there is none, waiting requests poll. */
  private async listen(): Promise<void> {
    this.listening = true;
    const client = new pg.Client({
      connectionString: settings().databaseUrl,
      connectionTimeoutMillis: 3_000,
      keepAlive: true,
    });
    const lost = () => setTimeout(() => (this.listening = false), RELISTEN_MS).unref();
    client.on("notification", () => {
      for (const done of [...this.waiters]) done();
    });
    client.on("error", () => {}); // followed by "end"
    client.once("end", lost);
    try {
      await client.connect();
      await client.query(`listen ${CHANNEL}`);
    } catch {
      client.end().catch(() => {});
    }
  }
}
