/**
 * A real Better Auth server, as small as it can be, with the knobs the end-to-end tests turn.
 *
 * Given to Node on standard input with `web/` as working directory: that is how it finds web's node_modules.
 * Prints its own address once it is ready.
 */
import { createServer } from "node:http";
import { tryGetCurrentAuthEndpointContext } from "@better-auth/core/context";
import { betterAuth } from "better-auth";
import { getMigrations } from "better-auth/db/migration";
import { toNodeHandler } from "better-auth/node";
import { verifyDpopProof } from "better-auth/oauth2";
import { jwt } from "better-auth/plugins";
import pg from "pg";

const { DATABASE_URL, JWT_ALGORITHM, TOKEN_LIFETIME, ROTATION_SECONDS, JWT_AUDIENCE } = process.env;

const server = createServer((request, response) => handle(request, response));
await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
const origin = `http://localhost:${server.address().port}`;

// Better Auth's tables stand in a schema of their own, beside the service's.
const pool = new pg.Pool({ connectionString: DATABASE_URL, options: "-c search_path=auth" });
await pool.query("create schema if not exists auth");

/** A token that is asked for with a DPoP proof is bound to its key, as web/lib/server/binding.ts does it. */
async function binding() {
  const proofJwt = tryGetCurrentAuthEndpointContext()?.headers?.get("dpop");
  if (!proofJwt) return {};
  const { jkt } = await verifyDpopProof({ proofJwt, method: "GET", url: `${origin}/api/auth/token` });
  return { cnf: { jkt } };
}

const options = {
  baseURL: origin,
  secret: "for-tests-only-".repeat(3),
  database: pool,
  emailAndPassword: { enabled: true },
  // Tests come in faster than people do.
  rateLimit: { enabled: false },
  telemetry: { enabled: false },
  plugins: [
    jwt({
      jwks: {
        keyPairConfig: JWT_ALGORITHM === "RS256" ? { alg: "RS256" } : { alg: "EdDSA", crv: "Ed25519" },
        ...(ROTATION_SECONDS && { rotationInterval: Number(ROTATION_SECONDS) }),
      },
      jwt: {
        issuer: origin,
        audience: JWT_AUDIENCE,
        expirationTime: TOKEN_LIFETIME ?? "15m",
        definePayload: binding,
      },
    }),
  ],
};
const { runMigrations } = await getMigrations(options);
await runMigrations();
const handle = toNodeHandler(betterAuth(options));

console.log(origin);
