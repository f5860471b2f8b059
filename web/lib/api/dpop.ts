/** Tokens bound to a key of this page (RFC 9449), where NEXT_PUBLIC_DPOP=true was set when the client was built. */
import type { JWK } from "jose";

export const DPOP = process.env.NEXT_PUBLIC_DPOP === "true";

interface Key {
  privateKey: CryptoKey;
  jwk: JWK;
}

let key: Promise<Key> | undefined;

/** What makes keys and signs, loaded only where tokens are bound. */
const signing = () => import("jose");

async function makeKey(): Promise<Key> {
  const { generateKeyPair, exportJWK } = await signing();
  // Not extractable: no script can carry it away, and it is gone with the page.
  const { privateKey, publicKey } = await generateKeyPair("ES256", { extractable: false });
  return { privateKey, jwk: await exportJWK(publicKey) };
}

function theKey(): Promise<Key> {
  key ??= makeKey();
  return key;
}

/** Seconds by which the issuer's clock is ahead of this machine's: a proof with a wrong time is refused. */
let ahead = 0;

/** `iat` of a token that has just been made, in epoch seconds. */
export function setIssuerClock(iat: number): void {
  ahead = iat - Math.floor(Date.now() / 1000);
}

async function hashed(token: string): Promise<string> {
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(token));
  return btoa(String.fromCharCode(...new Uint8Array(digest)))
    .replaceAll("+", "-")
    .replaceAll("/", "_")
    .replace(/=+$/, "");
}

/** A proof for one request; `token` is the one that goes with it. */
export async function proofFor(method: string, url: string, token?: string): Promise<string> {
  const { privateKey, jwk } = await theKey();
  const { origin, pathname } = new URL(url);
  const { SignJWT } = await signing();
  const claims = { htm: method, htu: origin + pathname, ...(token && { ath: await hashed(token) }) };
  return new SignJWT({ ...claims, jti: crypto.randomUUID() })
    .setProtectedHeader({ typ: "dpop+jwt", alg: "ES256", jwk })
    .setIssuedAt(Math.floor(Date.now() / 1000) + ahead)
    .sign(privateKey);
}

/** The `jkt` of tokens that are bound to this key (RFC 7638). */
export async function thumbprint(): Promise<string> {
  const { calculateJwkThumbprint } = await signing();
  return calculateJwkThumbprint((await theKey()).jwk);
}

/** Puts a token on a request, with a proof where tokens are bound. */
export async function authorize(headers: Headers, token: string, method: string, url: string): Promise<void> {
  headers.set("Authorization", `${DPOP ? "DPoP" : "Bearer"} ${token}`);
  if (DPOP) headers.set("DPoP", await proofFor(method, url, token));
}
