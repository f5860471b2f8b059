import type { APIRequestContext } from "@playwright/test";
import { decodeJwt } from "jose";
import type pg from "pg";
import { CHANNEL, revocationsSchema } from "../lib/server/revocations/schema";
import { connected, undone } from "./database";
import { expect, type Person, postAuth, somebody, test, webUrl } from "./support";

interface SignedIn extends Person {
  id: string;
  sid: string;
  token: string;
}

async function claims(request: APIRequestContext) {
  const response = await request.get(`${webUrl()}/api/auth/token`);
  expect(response.status()).toBe(200);
  const { token } = (await response.json()) as { token: string };
  const { sid, sub } = decodeJwt<{ sid: string; sub: string }>(token);
  return { id: sub, sid, token };
}

async function newcomer(request: APIRequestContext): Promise<SignedIn> {
  const person = somebody();
  expect((await postAuth(request, "/sign-up/email", person)).status()).toBe(200);
  return { ...person, ...(await claims(request)) };
}

/** Kind and value of what was written about one person or session. */
async function written(client: pg.Client, ...values: string[]): Promise<string[]> {
  const { rows } = await client.query<{ kind: string; value: string }>(
    "select kind, value from auth.revocations where value = any($1) order by id",
    [values],
  );
  return rows.map(({ kind, value }) => `${kind} ${value}`);
}

/** The payloads that arrive while `act` runs, up to the first `count`. */
async function notices(client: pg.Client, count: number, act: () => Promise<unknown>): Promise<string[]> {
  const heard: string[] = [];
  client.on("notification", ({ payload }) => heard.push(payload ?? ""));
  await client.query(`listen ${CHANNEL}`);
  await act();
  await expect.poll(() => heard.length).toBeGreaterThanOrEqual(count);
  return heard;
}

const ofPerson = (client: pg.Client, statement: string, { id }: SignedIn) => client.query(statement, [id]);

test("a token names its session, and nothing else about the person", async ({ request }) => {
  const { token, ...person } = await newcomer(request);
  const { iat, exp, iss, aud, ...rest } = decodeJwt(token);
  expect(rest).toEqual({ sub: person.id, sid: person.sid });
  expect((exp ?? 0) - (iat ?? 0)).toBe(900);
  await connected(async (client) => {
    const { rows } = await ofPerson(
      client,
      `select id from auth.session where "userId" = $1`,
      person as SignedIn,
    );
    expect(rows).toEqual([{ id: person.sid }]);
  });
});

test("signing out revokes this session and says so in the same transaction", async ({
  request,
  playwright,
}) => {
  const person = await newcomer(request);
  const other = await playwright.request.newContext();
  expect((await postAuth(other, "/sign-in/email", person)).status()).toBe(200);
  const elsewhere = await claims(other);
  await connected(async (client) => {
    const heard = await notices(client, 1, () => postAuth(request, "/sign-out", {}));
    expect(await written(client, person.sid, elsewhere.sid, person.id)).toEqual([`sid ${person.sid}`]);
    const { rows } = await client.query<{ id: string; lasts: number }>(
      `select id::text, extract(epoch from expires_at - not_before)::int as lasts
       from auth.revocations where value = $1`,
      [person.sid],
    );
    expect(heard).toContain(rows[0]?.id);
    // As long as the longest token, the service's largest leeway and two clocks that disagree.
    expect(rows[0]?.lasts).toBe(1500);
  });
  await other.dispose();
});

test("a sign-out that cannot end the session says so and stays signed in", async ({ request }) => {
  const person = await newcomer(request);
  await connected(async (client) => {
    await client.query("begin");
    // Holds the row, as a stuck transaction would, until the statement gives up.
    await client.query(`select 1 from auth.session where id = $1 for update`, [person.sid]);
    const response = await postAuth(request, "/sign-out", {});
    expect(response.status()).toBe(503);
    await client.query("rollback");
    expect(await written(client, person.sid)).toEqual([]);
  });
  expect((await claims(request)).sid).toBe(person.sid);
  expect((await postAuth(request, "/sign-out", {})).status()).toBe(200);
});

for (const [how, statement] of [
  ["a hand-written DELETE", `delete from auth.session where "userId" = $1`],
  [
    "an UPDATE that ends it where it stands",
    `update auth.session set "expiresAt" = now() where "userId" = $1`,
  ],
] as const) {
  test(`${how} revokes the session`, async ({ request }) => {
    const person = await newcomer(request);
    await connected(async (client) => {
      await ofPerson(client, statement, person);
      expect(await written(client, person.sid, person.id)).toEqual([`sid ${person.sid}`]);
    });
    expect((await request.get(`${webUrl()}/api/auth/token`)).status()).toBe(401);
  });
}

test("a session that was over already is deleted without a revocation", async ({ request }) => {
  const person = await newcomer(request);
  await undone(async (client) => {
    await client.query("alter table auth.session disable trigger user");
    await ofPerson(
      client,
      `update auth.session set "expiresAt" = now() - interval '1 hour' where "userId" = $1`,
      person,
    );
    await client.query("alter table auth.session enable trigger user");
    await ofPerson(client, `delete from auth.session where "userId" = $1`, person);
    expect(await written(client, person.sid)).toEqual([]);
  });
});

test("deleting a person by hand revokes the sessions that the foreign key takes along", async ({
  request,
}) => {
  const person = await newcomer(request);
  await connected(async (client) => {
    await ofPerson(client, `delete from auth."user" where id = $1`, person);
    expect(await written(client, person.sid, person.id)).toEqual(
      expect.arrayContaining([`sid ${person.sid}`, `sub ${person.id}`]),
    );
  });
});

test("TRUNCATE revokes too", async ({ request }) => {
  const person = await newcomer(request);
  await undone(async (client) => {
    await client.query(`truncate auth."user" cascade`);
    expect(await written(client, person.sid, person.id)).toEqual(
      expect.arrayContaining([`sid ${person.sid}`, `sub ${person.id}`]),
    );
  });
});

test("a deactivated person is signed out, gets no token and cannot sign in; reactivated, they can", async ({
  request,
}) => {
  const person = await newcomer(request);
  await connected(async (client) => {
    await ofPerson(client, `update auth."user" set banned = true where id = $1`, person);
    expect(await written(client, person.sid, person.id)).toEqual([`sub ${person.id}`, `sid ${person.sid}`]);
    const { rows } = await client.query<{ before: Date }>(
      "select not_before as before from auth.revocations where value = $1",
      [person.id],
    );
    expect(rows[0]?.before.getTime()).toBeGreaterThan((decodeJwt(person.token).iat ?? 0) * 1000);
    expect((await request.get(`${webUrl()}/api/auth/token`)).status()).toBe(401);
    expect((await postAuth(request, "/sign-in/email", person)).status()).toBe(403);
    // Saving the same again is no second ban.
    await ofPerson(client, `update auth."user" set banned = true, name = 'B' where id = $1`, person);
    expect(await written(client, person.id)).toHaveLength(1);
    await ofPerson(client, `update auth."user" set banned = false where id = $1`, person);
  });
  expect((await postAuth(request, "/sign-in/email", person)).status()).toBe(200);
  expect((await claims(request)).sid).not.toBe(person.sid);
});

test("a session that slipped past a deactivation gets no token", async ({ request }) => {
  const person = await newcomer(request);
  await connected(async (client) => {
    await client.query("begin");
    await client.query(`alter table auth."user" disable trigger revoke_banned_people`);
    await ofPerson(client, `update auth."user" set banned = true where id = $1`, person);
    await client.query(`alter table auth."user" enable trigger revoke_banned_people`);
    await client.query("commit");
  });
  expect((await request.get(`${webUrl()}/api/auth/token`)).status()).toBe(401);
});

test("more than a hundred at once are one notice that says: read everything", async ({ request }) => {
  const person = await newcomer(request);
  await connected(async (client) => {
    await client.query(
      `insert into auth.session (id, token, "userId", "expiresAt", "createdAt", "updatedAt")
       select gen_random_uuid()::text, gen_random_uuid()::text, $1, now() + interval '1 day', now(), now()
       from generate_series(1, 150)`,
      [person.id],
    );
    const heard = await notices(client, 1, () =>
      ofPerson(client, `delete from auth.session where "userId" = $1`, person),
    );
    expect(heard).toContain("*");
    const { rowCount } = await client.query("select 1 from auth.revocations where value = $1", [person.sid]);
    expect(rowCount).toBe(1);
  });
});

test("a withdrawn consent is a revoked grant, where there are consents", async () => {
  await undone(async (client) => {
    await client.query(`create table auth."oauthConsent" (id text, "userId" text, "clientId" text)`);
    await client.query(revocationsSchema(true));
    await client.query(`insert into auth."oauthConsent" values ('1', 'ada', 'client-7')`);
    await client.query(`delete from auth."oauthConsent"`);
    expect(await written(client, "ada client-7")).toEqual(["grant ada client-7"]);
  });
});

test("what has expired is pruned by the next who writes, and migrating again keeps the rest", async () => {
  await undone(async (client) => {
    await client.query(
      `insert into auth.revocations (kind, value, not_before, expires_at) values
         ('sid', 'stale', now() - interval '1 hour', now() - interval '1 second'),
         ('sid', 'fresh', now(), now() + interval '1 minute')`,
    );
    await client.query(revocationsSchema(false));
    await client.query("select auth.revoke('sid', array['newest'])");
    expect(await written(client, "stale", "fresh", "newest")).toEqual(["sid fresh", "sid newest"]);
  });
});
