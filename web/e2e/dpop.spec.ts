import { decodeJwt } from "jose";
import { proofFor, setIssuerClock, thumbprint } from "../lib/api/dpop";
import { expect, postAuth, somebody, test, webUrl } from "./support";

test("a token asked for with a proof is bound to its key; with a proof that does not hold there is none", async ({
  request,
}) => {
  await postAuth(request, "/sign-up/email", somebody());
  const url = `${webUrl()}/api/auth/token`;
  const ask = (proof: string) => request.get(url, { headers: { DPoP: proof } });
  const response = await ask(await proofFor("GET", url));
  expect(response.status()).toBe(200);
  const { token } = (await response.json()) as { token: string };
  expect(decodeJwt(token).cnf).toEqual({ jkt: await thumbprint() });
  // The page that asks learns from the token what time it is, so its own clock may be wrong by then.
  const now = Math.floor(Date.now() / 1000);
  const year = 365 * 24 * 60 * 60;
  const at = async (time: number) => {
    setIssuerClock(time);
    const proof = await proofFor("GET", url);
    setIssuerClock(now);
    return proof;
  };
  for (const off of [-0.9 * year, -36_000, 60, 36_000, 0.9 * year])
    expect((await ask(await at(now + Math.round(off)))).status(), `${off} s off`).toBe(200);
  const wrong = {
    "of two years ago": await at(now - 2 * year),
    "of two years from now": await at(now + 2 * year),
    "of another method": await proofFor("POST", url),
    "of another URL": await proofFor("GET", `${webUrl()}/api/auth/jwks`),
    "with another signature": `${(await proofFor("GET", url)).slice(0, -8)}AAAAAAAA`,
    "that is none": "nonsense",
  };
  for (const [what, proof] of Object.entries(wrong)) {
    const refused = await ask(proof);
    expect(refused.status(), what).toBe(400);
    expect(await refused.json(), what).not.toHaveProperty("token");
  }
});
