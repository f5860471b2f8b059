/** Deleting a person's tasks before their account goes, and once more when no token of theirs can write any. */
import { authorize, DPOP, thumbprint } from "../api/dpop";
import { getAuth } from "./auth";
import { pool, SCHEMA } from "./database";
import { settings } from "./settings";
import { REVOCATION_LEEWAY_S, TOKEN_LIFE_S } from "./token-life";

const PATIENCE_MS = 8_000;
const TOKEN_S = 60;
/** A deletion that takes longer was interrupted: the person may go on. */
const LEAVING = "interval '1 minute'";
const SWEEP_EVERY_MS = 15_000;
const SWEEP_AGAIN = "interval '5 minutes'";

/** The tasks could not be deleted, so the account stays. */
export class TasksRemain extends Error {}

const words = (error: unknown) => (error instanceof Error ? error.message : "unknown");

async function call(token: string, method: string, path: string): Promise<void> {
  const { apiUrl, apiInternalUrl } = settings();
  const headers = new Headers();
  // A proof names the URL that clients use, which is the service's PUBLIC_URL.
  await authorize(headers, token, method, `${apiUrl}/api/me/tasks${path}`);
  const response = await fetch(`${apiInternalUrl}/api/me/tasks${path}`, {
    method,
    headers,
    signal: AbortSignal.timeout(PATIENCE_MS),
    cache: "no-store",
  });
  if (!response.ok) throw new Error(`${method} answered ${response.status}`);
  await response.body?.cancel();
}

/** A token of no session, for our own errand. `iat` in epoch seconds. */
async function errand(sub: string, iat = Math.floor(Date.now() / 1000)): Promise<string> {
  const auth = await getAuth();
  const bound = DPOP ? { cnf: { jkt: await thumbprint() } } : {};
  const { token } = await auth.api.signJWT({ body: { payload: { sub, iat, exp: iat + TOKEN_S, ...bound } } });
  return token;
}

async function deleteTasks(token: string): Promise<void> {
  await call(token, "DELETE", "?completed=true");
  await call(token, "DELETE", "?completed=false");
}

/** True while an account is being deleted: it gets no tokens then. */
export async function isLeaving(id: string): Promise<boolean> {
  const { rowCount } = await pool().query(
    `select 1 from ${SCHEMA}.farewells where user_id = $1 and said_at > clock_timestamp() - ${LEAVING}`,
    [id],
  );
  return Boolean(rowCount);
}

/** Ends the tokens there are. Returns the epoch second from which a new one is believed again. */
async function sayFarewell(id: string): Promise<number> {
  await pool().query(
    `insert into ${SCHEMA}.farewells (user_id) values ($1)
     on conflict (user_id) do update set said_at = clock_timestamp()`,
    [id],
  );
  const { rows } = await pool().query<{ since: string }>(
    `with moment as (select date_trunc('second', clock_timestamp()) + interval '1 second' as at)
     select extract(epoch from at)::bigint as since, ${SCHEMA}.revoke('sub', array[$1], at) from moment`,
    [id],
  );
  return Number(rows[0]?.since);
}

async function takeBack(id: string): Promise<void> {
  await pool().query(`delete from ${SCHEMA}.farewells where user_id = $1`, [id]);
}

/** Asks first whether the service is well, so that nothing is half deleted when it is not. Raises `TasksRemain`. */
export async function deleteTasksOf(id: string): Promise<void> {
  try {
    await call(await errand(id), "GET", "/counts");
    // The revocation comes before the tasks go: otherwise another device writes a task that nobody can see.
    const since = await sayFarewell(id);
    await new Promise((resolve) => setTimeout(resolve, Math.min(1_000, since * 1000 - Date.now())));
    await deleteTasks(await errand(id, since));
  } catch (error) {
    console.warn(`taskward web: an account was not deleted: ${words(error)}`);
    await takeBack(id).catch(() => {}); // it lapses by itself
    throw new TasksRemain("Your tasks could not be deleted just now, so your account is still here.");
  }
}

/** Deletes again what a token wrote that was still believed, by people whose accounts are gone. */
export async function sweep(): Promise<void> {
  const { rows } = await pool().query<{ id: string; here: boolean }>(
    `select f.user_id as id, u.id is not null as here
     from ${SCHEMA}.farewells f left join ${SCHEMA}."user" u on u.id = f.user_id
     where f.sweep_at <= clock_timestamp()
       and (u.id is null or f.said_at < clock_timestamp() - ${LEAVING})
     order by f.sweep_at limit 100`,
  );
  for (const { id, here } of rows) {
    if (here) {
      await takeBack(id);
      continue;
    }
    // First, so that one who cannot be swept does not hold up the others.
    await pool().query(
      `update ${SCHEMA}.farewells set sweep_at = clock_timestamp() + ${SWEEP_AGAIN} where user_id = $1`,
      [id],
    );
    await deleteTasks(await errand(id));
    await pool().query(
      `delete from ${SCHEMA}.farewells
       where user_id = $1 and said_at < clock_timestamp() - interval '${TOKEN_LIFE_S + REVOCATION_LEEWAY_S} seconds'`,
      [id],
    );
  }
}

export function sweepNowAndThen(): void {
  setInterval(() => {
    sweep().catch((error: unknown) =>
      console.warn(`taskward web: the tasks of deleted accounts are still there: ${words(error)}`),
    );
  }, SWEEP_EVERY_MS).unref();
}
