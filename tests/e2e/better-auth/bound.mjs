/**
 * A page of a real Chromium with a key that cannot be taken out of it: signs up, asks for a bound token, adds a task.
 *
 * Given to Node on standard input with `web/` as working directory. Prints what happened as one line of JSON.
 */
import { chromium } from "@playwright/test";

const { BETTER_AUTH, SERVICE, CHROMIUM } = process.env;

const browser = await chromium.launch({
  executablePath: CHROMIUM,
  args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"],
});
try {
  const page = await browser.newPage();
  await page.goto(`${BETTER_AUTH}/api/auth/ok`);
  const said = await page.evaluate(inThePage, { service: SERVICE, email: `ada-${Date.now()}@example.org` });
  console.log(JSON.stringify(said));
} finally {
  await browser.close();
}

/** Runs in the page. What it returns is what a thief can see: the token, a used proof, and no key. */
async function inThePage({ service, email }) {
  const base64url = (bytes) =>
    btoa(String.fromCharCode(...new Uint8Array(bytes)))
      .replaceAll("+", "-")
      .replaceAll("/", "_")
      .replace(/=+$/, "");
  const text = (value) => new TextEncoder().encode(value);
  const { privateKey, publicKey } = await crypto.subtle.generateKey({ name: "ECDSA", namedCurve: "P-256" }, false, [
    "sign",
    "verify",
  ]);
  const { kty, crv, x, y } = await crypto.subtle.exportKey("jwk", publicKey);

  async function proof(method, url, token) {
    const ath = token && { ath: base64url(await crypto.subtle.digest("SHA-256", text(token))) };
    const claims = { jti: crypto.randomUUID(), htm: method, htu: url.split("?")[0], iat: Math.floor(Date.now() / 1000), ...ath };
    const head = { typ: "dpop+jwt", alg: "ES256", jwk: { kty, crv, x, y } };
    const signed = [head, claims].map((part) => base64url(text(JSON.stringify(part)))).join(".");
    const signature = await crypto.subtle.sign({ name: "ECDSA", hash: "SHA-256" }, privateKey, text(signed));
    return `${signed}.${base64url(signature)}`;
  }

  const json = { "Content-Type": "application/json" };
  const body = JSON.stringify({ name: "Ada", email, password: "correct horse battery" });
  const signedUp = await fetch("/api/auth/sign-up/email", { method: "POST", headers: json, body });
  const tokenUrl = `${location.origin}/api/auth/token`;
  const { token } = await (await fetch(tokenUrl, { headers: { DPoP: await proof("GET", tokenUrl) } })).json();

  const tasks = `${service}/api/me/tasks`;
  const used = [];
  async function ask(method, url, init = {}) {
    const shown = await proof(method, url, token);
    used.push(shown);
    const headers = { ...json, Authorization: `DPoP ${token}`, DPoP: shown };
    return fetch(url, { method, headers, cache: "no-store", ...init });
  }
  const made = await ask("POST", tasks, { body: JSON.stringify({ title: "Bound to this page" }) });
  const list = await (await ask("GET", `${tasks}?limit=5`)).json();
  const stream = (await ask("GET", `${service}/api/me/events`)).body.getReader();
  const event = new TextDecoder().decode((await stream.read()).value);
  await stream.cancel();
  const refused = await fetch(tasks, { headers: { Authorization: `DPoP ${token}` } });
  return {
    signedUp: signedUp.status,
    made: made.status,
    titles: list.items.map((task) => task.title),
    event,
    challenge: refused.headers.get("WWW-Authenticate"),
    extracted: await crypto.subtle.exportKey("jwk", privateKey).then(
      () => true,
      () => false,
    ),
    token,
    used,
  };
}
