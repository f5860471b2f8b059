/** Tokens for tests: shaped like Better Auth's, signed by nobody, since the browser never verifies one. */

const part = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url");

export function unsigned(owner: string, { lifetime = 900, iat = 1_000_000, mark = "" } = {}): string {
  return `${part({ alg: "EdDSA", mark })}.${part({ sub: owner, iat, exp: iat + lifetime })}.c2ln`;
}
