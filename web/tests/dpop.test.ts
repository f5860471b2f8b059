import { verifyDpopProof } from "better-auth/oauth2";
import { afterEach, describe, expect, it, vi } from "vitest";

async function dpop(on: boolean) {
  vi.resetModules();
  vi.stubEnv("NEXT_PUBLIC_DPOP", String(on));
  return import("@/lib/api/dpop");
}

afterEach(() => vi.unstubAllEnvs());

const URL_OF_LIST = "http://api.example/api/ada/tasks?limit=1#x";

describe("a token on a request", () => {
  it("is a bearer token unless tokens are bound", async () => {
    const { authorize } = await dpop(false);
    const headers = new Headers();
    await authorize(headers, "t", "GET", URL_OF_LIST);
    expect(Object.fromEntries(headers)).toEqual({ authorization: "Bearer t" });
  });

  it("comes with a proof for this method, this URL and this token", async () => {
    const { authorize, thumbprint } = await dpop(true);
    const headers = new Headers();
    await authorize(headers, "t", "POST", URL_OF_LIST);
    expect(headers.get("Authorization")).toBe("DPoP t");
    const proofJwt = headers.get("DPoP") ?? "";
    const right = {
      proofJwt,
      method: "POST",
      url: "http://api.example/api/ada/tasks",
      accessToken: "t",
      expectedJkt: await thumbprint(),
      requireAth: true,
    };
    const { jti } = await verifyDpopProof(right);
    await expect(verifyDpopProof({ ...right, method: "GET" })).rejects.toThrow();
    await expect(verifyDpopProof({ ...right, accessToken: "u" })).rejects.toThrow();
    await expect(verifyDpopProof({ ...right, url: "http://api.example/api/bob/tasks" })).rejects.toThrow();
    const again = new Headers();
    await authorize(again, "t", "POST", URL_OF_LIST);
    const second = await verifyDpopProof({ ...right, proofJwt: again.get("DPoP") ?? "" });
    expect(second.jti).not.toBe(jti);
  });

  it("is proved at the issuer's time, whatever this machine's clock says", async () => {
    const { proofFor, setIssuerClock } = await dpop(true);
    const iat = Math.floor(Date.now() / 1000) + 7_200;
    setIssuerClock(iat);
    const proof = await verifyDpopProof({
      proofJwt: await proofFor("GET", URL_OF_LIST),
      method: "GET",
      url: "http://api.example/api/ada/tasks",
      nowSeconds: iat,
    });
    expect(proof.iat).toBeGreaterThanOrEqual(iat);
  });
});

describe("a client that binds tokens", () => {
  it.each([
    ["http://192.168.1.2:3000", false],
    ["http://tasks.example", false],
    ["https://tasks.example", true],
    ["http://localhost:3000", true],
    ["http://127.0.0.1:3000", true],
  ])("starts only where browsers make keys: %s", async (origin, starts) => {
    await dpop(true);
    const { readSettings } = await import("@/lib/server/settings");
    const read = () =>
      readSettings({
        DATABASE_URL: "postgresql://u:p@localhost/taskward",
        BETTER_AUTH_SECRET: "s".repeat(32),
        BETTER_AUTH_URL: origin,
        TASKWARD_API_URL: "http://localhost:8000",
      });
    if (starts) expect(read().origin).toBe(origin);
    else expect(read).toThrow(/only over https/);
  });
});
