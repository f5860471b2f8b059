/** The real stack for the browser's tests: PostgreSQL, the service, an OIDC provider, and the web client. */
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { OAuth2Server } from "oauth2-mock-server";
import pg from "pg";
import { Mailbox } from "./mailbox";
import { PEER_HEADER } from "./peer";
import { Program } from "./process";

const WEB = join(dirname(fileURLToPath(import.meta.url)), "..");
const BIN = process.env.TASKWARD_BIN ?? join(WEB, "..", ".venv", "bin");

/** What Better Auth signs cookies and the links of letters with. */
export const SECRET = "only-for-tests-only-for-tests-only-for-tests";

async function freePorts(count: number): Promise<number[]> {
  const servers = await Promise.all(
    Array.from({ length: count }, async () => {
      const server = createServer();
      await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
      return server;
    }),
  );
  const ports = servers.map((server) => (server.address() as { port: number }).port);
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}

/** Somebody who has an account elsewhere. */
const STRANGER = {
  sub: "grace-42",
  email: "grace@elsewhere.example",
  email_verified: true,
  name: "Grace Hopper",
};

async function oidcProvider(port: number): Promise<OAuth2Server> {
  const provider = new OAuth2Server();
  await provider.issuer.keys.generate("RS256");
  await provider.start(port, "127.0.0.1");
  provider.issuer.url = `http://127.0.0.1:${port}`;
  provider.service.on("beforeTokenSigning", (token) => Object.assign(token.payload, STRANGER));
  provider.service.on("beforeUserinfo", (response) => {
    response.body = STRANGER;
  });
  return provider;
}

export class Stack {
  private constructor(
    readonly webUrl: string,
    readonly apiUrl: string,
    private readonly folder: string,
    private readonly database: Program,
    readonly databaseUrl: () => string,
    private readonly api: Program,
    private readonly web: Program,
    private readonly provider: OAuth2Server,
    private readonly mailbox: Mailbox,
  ) {}

  static async start(): Promise<Stack> {
    const [databasePort = 0, apiPort = 0, webPort = 0, oidcPort = 0, smtpPort = 0] = await freePorts(5);
    const folder = mkdtempSync(join(tmpdir(), "taskward-e2e-"));
    const python = { file: join(BIN, "python"), cwd: folder };
    const data = [join(WEB, "e2e", "postgres.py"), join(folder, "postgres"), String(databasePort)];
    const database = new Program({ ...python, name: "PostgreSQL", args: data, env: {} });
    database.start();
    const databaseUrl = () => database.output().findLast((line) => line.startsWith("postgresql://")) ?? "";
    await database.until(async () => databaseUrl());

    const webUrl = `http://localhost:${webPort}`;
    const apiUrl = `http://localhost:${apiPort}`;
    const shared = { DATABASE_URL: databaseUrl(), JWT_ISSUER: webUrl, JWT_AUDIENCE: webUrl };
    const service = {
      ...shared,
      JWKS_URL: `${webUrl}/api/auth/jwks`,
      CORS_ORIGINS: webUrl,
      REVOCATIONS: "database",
      // Playwright puts it on every request, so the browser asks the service whether it may.
      CORS_HEADERS: PEER_HEADER,
      PORT: String(apiPort),
      HOST: "127.0.0.1",
    };
    const taskward = join(BIN, "taskward");
    const migrated = spawnSync(taskward, ["migrate"], {
      cwd: folder,
      env: { ...process.env, ...service },
      encoding: "utf8",
    });
    if (migrated.status !== 0) throw new Error(`taskward migrate: ${migrated.stdout}${migrated.stderr}`);

    // Better Auth reads the provider's description when it starts, so the provider is there first.
    const provider = await oidcProvider(oidcPort);
    const mailbox = new Mailbox();
    await mailbox.start(smtpPort);
    const api = new Program({
      name: "the service",
      file: taskward,
      args: ["serve"],
      cwd: folder,
      env: service,
    });
    const web = new Program({
      name: "the web client",
      file: process.execPath,
      args: [join(WEB, "server", "start.mjs")],
      cwd: WEB,
      env: {
        ...shared,
        NODE_ENV: "production",
        PORT: String(webPort),
        HOSTNAME: "127.0.0.1",
        BETTER_AUTH_URL: webUrl,
        WEB_TRUSTED_PROXIES: "127.0.0.1",
        BETTER_AUTH_SECRET: SECRET,
        TASKWARD_API_URL: apiUrl,
        SMTP_URL: `smtp://127.0.0.1:${smtpPort}`,
        OIDC_ISSUER: `http://127.0.0.1:${oidcPort}`,
        OIDC_CLIENT_ID: "taskward",
        OIDC_CLIENT_SECRET: "only-for-tests",
        OIDC_NAME: "Elsewhere",
      },
    });
    api.start();
    web.start();
    const stack = new Stack(webUrl, apiUrl, folder, database, databaseUrl, api, web, provider, mailbox);
    await Promise.all([api.answers(`${apiUrl}/readyz`), web.answers(`${webUrl}/healthz`)]);
    return stack;
  }

  async stop(): Promise<void> {
    await Promise.all([this.api.stop(), this.web.stop(), this.provider.stop(), this.mailbox.stop()]);
    await this.database.stop();
    rmSync(this.folder, { recursive: true, force: true });
  }

  /** What a test may do to the stack, by name. */
  readonly controls: Record<string, (body: string) => Promise<unknown>> = {
    "api/stop": () => this.api.stop("SIGKILL"),
    "api/start": async () => {
      this.api.start();
      await this.api.answers(`${this.apiUrl}/readyz`);
    },
    "database/stop": () => this.database.stop(),
    "database/start": async () => {
      this.database.start();
      await this.database.until(async () => (await this.sql("select 1")).rowCount);
      await this.api.answers(`${this.apiUrl}/readyz`);
    },
    /** The signing key ends now; Better Auth makes another one when it next signs. */
    "keys/rotate": () => this.sql(`update auth.jwks set "expiresAt" = now()`),
    "keys/list": async () => (await this.sql("select id from auth.jwks")).rows,
    "session/end": (email) =>
      this.sql(`delete from auth.session where "userId" = (select id from auth."user" where email = $1)`, [
        email,
      ]),
    "person/count": async (email) =>
      (await this.sql(`select 1 from auth."user" where email = $1`, [email])).rowCount,
    "tasks/count": async (id) => (await this.sql("select 1 from tasks where user_id = $1", [id])).rowCount,
    "mail/links": async (email) => this.mailbox.links(email),
    "web/output": async () => this.web.output(),
  };

  private async sql(text: string, values: string[] = []): Promise<pg.QueryResult> {
    const client = new pg.Client({ connectionString: this.databaseUrl() });
    // The server may go away between two tests' queries; that is the point of some of them.
    client.on("error", () => {});
    await client.connect();
    try {
      return await client.query(text, values);
    } finally {
      await client.end();
    }
  }
}
