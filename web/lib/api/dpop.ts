/**
 * Tokens bound to a key of this page (RFC 9449), where NEXT_PUBLIC_DPOP=true was set when the client was built.
 * WebCrypto does all of it: a library would have to be loaded before the first token, and can fail to load.
 */
export const DPOP = process.env.NEXT_PUBLIC_DPOP === "true";

const ES256 = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };

interface Key {
  privateKey: CryptoKey;
  /** The public half. Its members in this order are what a thumbprint is made of (RFC 7638). */
  jwk: Pick<JsonWebKey, "crv" | "kty" | "x" | "y">;
}

let key: Promise<Key> | undefined;

async function makeKey(): Promise<Key> {
  // Not extractable: no script can carry it away, and it is gone with the page.
  const { privateKey, publicKey } = await crypto.subtle.generateKey(ES256, false, ["sign", "verify"]);
  const { crv, kty, x, y } = await crypto.subtle.exportKey("jwk", publicKey);
  return { privateKey, jwk: { crv, kty, x, y } };
}

function theKey(): Promise<Key> {
  key ??= makeKey();
  return key;
}

const utf8 = (text: string) => new TextEncoder().encode(text);

const base64url = (bytes: ArrayBuffer | Uint8Array) =>
  btoa(String.fromCharCode(...new Uint8Array(bytes)))
    .replaceAll("+", "-")
    .replaceAll("/", "_")
    .replace(/=+$/, "");

const encoded = (value: object) => base64url(utf8(JSON.stringify(value)));

const hashed = async (text: string) => base64url(await crypto.subtle.digest("SHA-256", utf8(text)));

/** Seconds by which the issuer's clock is ahead of this machine's: a proof with a wrong time is refused. */
let ahead = 0;

/** `iat` of a token that has just been made, in epoch seconds. */
export function setIssuerClock(iat: number): void {
  ahead = iat - Math.floor(Date.now() / 1000);
}

/** A proof for one request; `token` is the one that goes with it. */
export async function proofFor(method: string, url: string, token?: string): Promise<string> {
  const { privateKey, jwk } = await theKey();
  const { origin, pathname } = new URL(url);
  const claims = {
    htm: method,
    htu: origin + pathname,
    jti: crypto.randomUUID(),
    iat: Math.floor(Date.now() / 1000) + ahead,
    ...(token && { ath: await hashed(token) }),
  };
  const signed = `${encoded({ typ: "dpop+jwt", alg: "ES256", jwk })}.${encoded(claims)}`;
  return `${signed}.${base64url(await crypto.subtle.sign(ES256, privateKey, utf8(signed)))}`;
}

/** The `jkt` of tokens that are bound to this key (RFC 7638). */
export async function thumbprint(): Promise<string> {
  return hashed(JSON.stringify((await theKey()).jwk));
}

/** Puts a token on a request, with a proof where tokens are bound. */
export async function authorize(headers: Headers, token: string, method: string, url: string): Promise<void> {
  headers.set("Authorization", `${DPOP ? "DPoP" : "Bearer"} ${token}`);
  if (DPOP) headers.set("DPoP", await proofFor(method, url, token));
}
