/** Better Auth as Taskward runs it. */
import { betterAuth } from "better-auth";
import { APIError } from "better-auth/api";
import { admin, genericOAuth, type JwtOptions, jwt } from "better-auth/plugins";
import { PostgresDialect } from "kysely";
import { kyselyPool, SCHEMA } from "./database";
import { deleteTasksOf, TasksRemain } from "./farewell";
import { after, before } from "./hooks";
import { sendResetPassword, sendVerificationEmail } from "./letters";
import { mailWorks } from "./mail";
import { named } from "./names";
import { ownSessions } from "./own-sessions";
import { PEER_HEADER } from "./peer";
import { revocationFeed } from "./revocation-feed/plugin";
import { PostgresRevocations } from "./revocations/store";
import { type Settings, settings } from "./settings";
import { TOKEN_LIFE_S } from "./token-life";
import { tokenPayload } from "./token-payload";

const revocations = new PostgresRevocations();

const DAY = 24 * 60 * 60;

export function jwtOptions({ issuer, audience, algorithm }: Settings): JwtOptions {
  return {
    // A token for every look at the session would be minted and thrown away; it is asked for when needed.
    disableSettingJwtHeader: true,
    jwks: {
      keyPairConfig: algorithm === "RS256" ? { alg: "RS256" } : { alg: "EdDSA", crv: "Ed25519" },
      rotationInterval: 90 * DAY,
    },
    jwt: {
      issuer,
      audience,
      expirationTime: `${TOKEN_LIFE_S}s`,
      definePayload: tokenPayload,
    },
  };
}

function providers({ google, github, oidc }: Settings) {
  return {
    social: { ...(google && { google }), ...(github && { github }) },
    generic: oidc
      ? [
          {
            providerId: "oidc",
            clientId: oidc.clientId,
            clientSecret: oidc.clientSecret,
            discoveryUrl: oidc.discoveryUrl,
            scopes: ["openid", "email", "profile"],
            // An unreachable provider must not become one whose ID tokens are believed unverified.
            requireIdTokenVerification: true,
            // Signing out here is not signing out there.
            disableProviderLogout: true,
          },
        ]
      : [],
  };
}

export function options(from: Settings) {
  const { social, generic } = providers(from);
  return {
    appName: "Taskward",
    baseURL: from.origin,
    secret: from.secret,
    database: {
      dialect: new PostgresDialect({ pool: kyselyPool }),
      type: "postgres" as const,
      schemaName: SCHEMA,
      transaction: true,
    },
    emailAndPassword: {
      enabled: true,
      minPasswordLength: 8,
      maxPasswordLength: 128,
      revokeSessionsOnPasswordReset: true,
      ...(mailWorks() && { sendResetPassword }),
    },
    ...(mailWorks() && { emailVerification: { sendOnSignUp: true, sendVerificationEmail } }),
    socialProviders: social,
    // Off, so that a session that was ended gets no new tokens out of a cached copy.
    session: { cookieCache: { enabled: false } },
    user: {
      deleteUser: {
        enabled: true,
        beforeDelete: async ({ id }: { id: string }) => {
          try {
            await deleteTasksOf(id);
          } catch (error) {
            if (!(error instanceof TasksRemain)) throw error;
            throw new APIError("SERVICE_UNAVAILABLE", { code: "TASKS_REMAIN", message: error.message });
          }
        },
      },
    },
    hooks: { before, after },
    databaseHooks: { user: { create: { before: named }, update: { before: named } } },
    rateLimit: {
      enabled: true,
      customRules: {
        // Counted by `Failures`, which forgives a password that was right.
        "/sign-in/email": false as const,
        "/sign-up/email": { window: 60, max: 60 },
        "/request-password-reset": { window: 60, max: 5 },
        "/send-verification-email": { window: 60, max: 3 },
        "/token": { window: 10, max: 100 },
        // A reader asks again as soon as it is answered; a burst of sign-outs answers it each time.
        "/revocations": { window: 10, max: 200 },
      },
    },
    advanced: {
      cookiePrefix: "taskward",
      // Written by our own server from the socket; whatever a client sent under this name is overwritten.
      ipAddress: { ipAddressHeaders: [PEER_HEADER] },
      // Checked by migrating at start; at run time a database that is away must not be remembered as a bad schema.
      database: { validateSchema: false },
    },
    telemetry: { enabled: false },
    logger: { level: "error" as const },
    onAPIError: {
      errorURL: "/sign-in",
      // A line each: in an outage they come by the second.
      onError: (error: unknown) => {
        if (error instanceof APIError && error.statusCode < 500) return;
        console.error(
          `taskward web: Better Auth: ${error instanceof Error ? error.message : "unknown error"}`,
        );
      },
    },
    plugins: [
      jwt(jwtOptions(from)),
      admin(),
      ownSessions(),
      genericOAuth({ config: generic }),
      revocationFeed({
        store: revocations,
        jwt: jwtOptions(from),
        secret: from.feedSecret,
        // It tells everybody when which session ended, and each question is a query.
        open: from.loopback,
      }),
    ],
    // A person's tasks are theirs alone: an administrator can deactivate an account, not walk around in it.
    disabledPaths: ["/admin/impersonate-user"],
  };
}

function build(from: Settings) {
  return betterAuth(options(from));
}

export type Auth = ReturnType<typeof build>;

const RETRY_DISCOVERY_MS = 15_000;
const shared = globalThis as typeof globalThis & { taskwardAuth?: { auth: Auth; madeAt: number } };

/** Discovery runs once, when Better Auth starts; a provider that was away then would stay away for good. */
async function lacksOidc(auth: Auth): Promise<boolean> {
  const context = await auth.$context;
  return !context.socialProviders.some((provider) => provider.id === "oidc");
}

export async function getAuth(): Promise<Auth> {
  const now = Date.now();
  const held = shared.taskwardAuth;
  if (held) {
    const stale = settings().oidc && now - held.madeAt > RETRY_DISCOVERY_MS && (await lacksOidc(held.auth));
    if (!stale) return held.auth;
  }
  const auth = build(settings());
  shared.taskwardAuth = { auth, madeAt: now };
  return auth;
}
