import { type MemoryDB, memoryAdapter } from "better-auth/adapters/memory";
import { betterAuth } from "better-auth/minimal";
import { jwt } from "better-auth/plugins";
import { createLocalJWKSet, decodeJwt, type JSONWebKeySet, jwtVerify } from "jose";
import { describe, expect, it } from "vitest";
import type { RevocationStore } from "@/lib/server/revocation-feed/feed";
import { revocationFeed } from "@/lib/server/revocation-feed/plugin";

const ORIGIN = "http://issuer.example";
const SECRET = "only-for-tests-only-for-tests-only-for-tests";
const store: RevocationStore = {
  since: async (after) => ({ next: "7", complete: after !== "7", events: [] }),
  changed: async () => {},
};

function issuer(secret?: string, open = secret === undefined) {
  const options = { jwt: { issuer: ORIGIN, audience: ORIGIN } };
  const database: MemoryDB = { user: [], session: [], account: [], verification: [], jwks: [] };
  const auth = betterAuth({
    baseURL: ORIGIN,
    secret: SECRET,
    database: memoryAdapter(database),
    plugins: [jwt(options), revocationFeed({ store, jwt: options, secret, open })],
  });
  return (path: string, headers: Record<string, string> = {}) =>
    auth.handler(new Request(`${ORIGIN}/api/auth${path}`, { headers }));
}

describe("the feed as a plugin of any Better Auth", () => {
  it("is signed by the key set, and no token can be taken for it", async () => {
    const ask = issuer();
    const response = await ask("/revocations?after=7");
    expect(response.status).toBe(200);
    const keys = createLocalJWKSet((await (await ask("/jwks")).json()) as JSONWebKeySet);
    const right = { issuer: ORIGIN, audience: "revocations", typ: "revocations+jwt" };
    const body = await response.text();
    const { payload } = await jwtVerify(body, keys, right);
    expect(payload).toMatchObject({ next: "7", complete: false, events: [] });
    await expect(jwtVerify(body, keys, { ...right, audience: ORIGIN })).rejects.toThrow();
    await expect(jwtVerify(body, keys, { ...right, typ: "JWT" })).rejects.toThrow();
  });

  it("repeats the nonce of a question, and refuses one that cannot be repeated", async () => {
    const ask = issuer();
    const told = async (query: string) => decodeJwt(await (await ask(`/revocations${query}`)).text());
    expect(await told("?nonce=aZ09_-")).toMatchObject({ nonce: "aZ09_-" });
    expect(await told("")).not.toHaveProperty("nonce");
    for (const nonce of ["", "a b", "a.b", "x".repeat(65), "%0a", "a&nonce=b"])
      expect((await ask(`/revocations?nonce=${nonce}`)).status, nonce).toBe(400);
  });

  it.each<Record<string, string>>([
    {},
    { Authorization: "Bearer " },
    { Authorization: `Basic ${btoa("feed:")}` },
    { Authorization: "Bearer undefined" },
  ])("without a secret and not open, answers nobody (%o)", async (headers) => {
    expect((await issuer(undefined, false)("/revocations", headers)).status).toBe(401);
    expect((await issuer("", false)("/revocations", headers)).status).toBe(401);
  });

  it.each([
    ["nothing", {}, 401],
    ["another bearer token", { Authorization: `Bearer ${SECRET}x` }, 401],
    ["another password", { Authorization: `Basic ${btoa(`feed:${SECRET.slice(1)}`)}` }, 401],
    ["the secret in another scheme", { Authorization: `Digest ${SECRET}` }, 401],
    ["the secret as a bearer token", { Authorization: `Bearer ${SECRET}` }, 200],
    ["the secret as a password", { Authorization: `Basic ${btoa(`feed:${SECRET}`)}` }, 200],
  ])("with a secret, given %s", async (_, headers, status) => {
    const response = await issuer(SECRET)("/revocations", headers);
    expect(response.status).toBe(status);
    if (status === 401) {
      expect(response.headers.get("WWW-Authenticate")).toContain("Basic");
      expect(await response.text()).not.toContain("events");
    }
  });
});
