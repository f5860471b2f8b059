import { randomUUID } from "node:crypto";
import type { APIRequestContext } from "@playwright/test";
import { createRemoteJWKSet, jwtVerify } from "jose";
import type { Answer } from "../lib/server/revocation-feed/feed";
import { connected } from "./database";
import { expect, postAuth, somebody, test, webUrl } from "./support";

const keys = () => createRemoteJWKSet(new URL(`${webUrl()}/api/auth/jwks`));

async function ask(request: APIRequestContext, query = ""): Promise<Answer> {
  const response = await request.get(`${webUrl()}/api/auth/revocations${query}`);
  expect(response.status()).toBe(200);
  expect(response.headers()).toMatchObject({
    "content-type": "application/jwt",
    "cache-control": "no-store",
  });
  const { payload } = await jwtVerify<Answer>(await response.text(), keys(), {
    issuer: webUrl(),
    audience: "revocations",
    typ: "revocations+jwt",
  });
  expect((payload.exp ?? 0) - (payload.iat ?? 0)).toBe(60);
  return payload;
}

async function signedIn(request: APIRequestContext): Promise<string> {
  await postAuth(request, "/sign-up/email", somebody());
  const response = await request.get(`${webUrl()}/api/auth/get-session`);
  return ((await response.json()) as { session: { id: string } }).session.id;
}

const signOut = (request: APIRequestContext) => postAuth(request, "/sign-out", {});

test("without a cursor, or with an unknown one, the feed is the whole list, signed", async ({ request }) => {
  const sid = await signedIn(request);
  await signOut(request);
  for (const query of ["", "?after=nonsense", "?after=1-1", "?after=", "?after=99999-99999999999"]) {
    const answer = await ask(request, query);
    expect(answer.complete, query).toBe(true);
    const event = answer.events.find(({ value }) => value === sid);
    expect(event).toMatchObject({ kind: "sid", id: expect.stringMatching(/^\d+$/) });
    expect((event?.expires_at ?? 0) - (event?.not_before ?? 0)).toBe(1500);
    // Its own cursor is known.
    expect((await ask(request, `?after=${answer.next}`)).complete).toBe(false);
  }
});

test("a waiting reader hears of a sign-out within a second", async ({ request, playwright }) => {
  const sid = await signedIn(request);
  const reader = await playwright.request.newContext();
  let { next } = await ask(reader);
  const heard = (async () => {
    // Others sign out meanwhile; each answer leads on to the next.
    for (;;) {
      const answer = await ask(reader, `?after=${next}&wait=20`);
      next = answer.next;
      if (answer.events.some(({ value }) => value === sid)) return Date.now();
    }
  })();
  await new Promise((resolve) => setTimeout(resolve, 300));
  await signOut(request);
  const began = Date.now();
  expect((await heard) - began).toBeLessThan(1_000);
  await reader.dispose();
});

test("ids that are committed out of order are not missed", async ({ request }) => {
  const [slowOne, quickOne] = [`slow-${randomUUID()}`, `quick-${randomUUID()}`];
  await connected((slow) =>
    connected(async (quick) => {
      await slow.query("begin");
      await slow.query("select auth.revoke('sid', array[$1])", [slowOne]);
      await quick.query("select auth.revoke('sid', array[$1])", [quickOne]);
      const first = await ask(request);
      const values = ({ events }: Answer) => events.map(({ value }) => value);
      expect(values(first)).toContain(quickOne);
      expect(values(first)).not.toContain(slowOne);
      await slow.query("commit");
      const second = await ask(request, `?after=${first.next}`);
      expect(second.complete).toBe(false);
      expect(values(second)).toContain(slowOne);
    }),
  );
});

test("a wait that cannot be read is refused", async ({ request }) => {
  for (const wait of ["-1", "soon", "1e9", "9999999"])
    expect((await request.get(`${webUrl()}/api/auth/revocations?wait=${wait}`)).status(), wait).toBe(400);
});
