/** Everything the environment can say to this process, read once and complained about all at once. */
import { DPOP } from "../api/dpop";

export type Algorithm = "EdDSA" | "RS256";

export interface OAuthApp {
  clientId: string;
  clientSecret: string;
}

export interface Oidc extends OAuthApp {
  name: string;
  discoveryUrl: string;
}

export interface Mail {
  url: string;
  from: string;
}

export interface Settings {
  databaseUrl: string;
  secret: string;
  /** The origin people open, without a trailing slash. */
  origin: string;
  issuer: string;
  audience: string;
  algorithm: Algorithm;
  /** Where the browser finds the service, without a trailing slash. */
  apiUrl: string;
  /** Where this process finds it: differs from `apiUrl` inside a container network. */
  apiInternalUrl: string;
  /** How mail is sent: an SMTP URL with its credentials, and the sender. */
  mail?: Mail | undefined;
  /** What services must present to read the feed of revocations. */
  feedSecret?: string | undefined;
  /** Whether people open it on this machine only. */
  loopback: boolean;
  google?: OAuthApp;
  github?: OAuthApp;
  oidc?: Oidc;
}

type Environment = Record<string, string | undefined>;

const LOOPBACK = new Set(["localhost", "127.0.0.1", "[::1]", "::1"]);

/** Raised with one line for each thing that is wrong; never with a secret or a database password in it. */
export class BadSettings extends Error {
  constructor(readonly problems: readonly string[]) {
    super(problems.join("\n"));
  }
}

class Reader {
  readonly problems: string[] = [];
  constructor(private readonly env: Environment) {}

  text(name: string): string | undefined {
    return this.env[name]?.trim() || undefined;
  }

  required(name: string, what: string): string {
    const value = this.text(name);
    if (!value) this.problems.push(`${name} is not set: ${what}`);
    return value ?? "";
  }

  origin(name: string, value: string, what: string): string {
    if (!value) return "";
    const url = URL.canParse(value) ? new URL(value) : undefined;
    if (!url || !/^https?:$/.test(url.protocol) || url.username || url.password) {
      this.problems.push(`${name} is not an http(s) address: ${what}`);
    } else if (url.pathname !== "/" || url.search || url.hash) {
      this.problems.push(`${name} must be an origin without a path: write ${url.origin}`);
    } else {
      return url.origin;
    }
    return "";
  }

  /** Both halves of a client's credentials, or neither. */
  app(prefix: string): OAuthApp | undefined {
    const clientId = this.text(`${prefix}_CLIENT_ID`);
    const clientSecret = this.text(`${prefix}_CLIENT_SECRET`);
    if (clientId && clientSecret) return { clientId, clientSecret };
    if (clientId) this.problems.push(`${prefix}_CLIENT_SECRET is not set although ${prefix}_CLIENT_ID is`);
    if (clientSecret)
      this.problems.push(`${prefix}_CLIENT_ID is not set although ${prefix}_CLIENT_SECRET is`);
    return undefined;
  }
}

function readDatabaseUrl(reader: Reader): string {
  const raw = reader.required(
    "DATABASE_URL",
    "postgresql://user:password@host:5432/taskward, as the service has it",
  );
  if (!raw) return "";
  // The service also accepts SQLAlchemy's spelling; the two read one variable.
  const url = raw.replace(/^postgresql\+asyncpg:/, "postgresql:").replace(/^postgres:/, "postgresql:");
  if (!url.startsWith("postgresql://"))
    reader.problems.push("DATABASE_URL does not begin with postgresql://");
  return url;
}

function readSecret(reader: Reader): string {
  const secret = reader.required(
    "BETTER_AUTH_SECRET",
    "at least 32 characters, e.g. from: openssl rand -base64 32",
  );
  if (secret && secret.length < 32) {
    reader.problems.push(`BETTER_AUTH_SECRET has ${secret.length} characters: at least 32 are needed`);
  }
  return secret;
}

function readMail(reader: Reader, origin: string): Mail | undefined {
  const url = reader.text("SMTP_URL");
  const from = reader.text("MAIL_FROM");
  if (!url) {
    if (from) reader.problems.push("SMTP_URL is not set although MAIL_FROM is");
    return undefined;
  }
  if (!URL.canParse(url) || !/^smtps?:$/.test(new URL(url).protocol) || !new URL(url).hostname) {
    reader.problems.push("SMTP_URL does not have the form smtp://user:password@host:587 (or smtps://)");
    return undefined;
  }
  if (from && !/^[^\r\n]*[^\s@<>]+@[^\s@<>]+>?$/.test(from))
    reader.problems.push("MAIL_FROM is not an e-mail address, e.g. Taskward <no-reply@example.org>");
  const host = URL.canParse(origin) ? new URL(origin).hostname : "localhost";
  return { url, from: from ?? `Taskward <no-reply@${host}>` };
}

function readFeedSecret(reader: Reader): string | undefined {
  const secret = reader.text("REVOCATIONS_FEED_SECRET");
  if (secret && secret.length < 32)
    reader.problems.push(`REVOCATIONS_FEED_SECRET has ${secret.length} characters: at least 32 are needed`);
  return secret;
}

/** On a loopback listener the address people open must be this very port, or every sign-in is refused as foreign. */
function checkListener(reader: Reader, origin: string): void {
  const host = reader.text("HOSTNAME") ?? "127.0.0.1";
  if (!origin || !LOOPBACK.has(host)) return;
  const url = new URL(origin);
  const opened = url.port || (url.protocol === "https:" ? "443" : "80");
  const listening = reader.text("PORT") ?? "3000";
  if (LOOPBACK.has(url.hostname) && opened !== listening) {
    reader.problems.push(
      `BETTER_AUTH_URL is ${origin} but this server listens on port ${listening}: make the two agree`,
    );
  }
}

/** Browsers make keys only on pages that came by https or from this machine. */
function checkBinding(reader: Reader, origin: string): void {
  if (!DPOP || !origin) return;
  const { protocol, hostname } = new URL(origin);
  if (protocol === "https:" || LOOPBACK.has(hostname)) return;
  reader.problems.push(
    `BETTER_AUTH_URL is ${origin}: a client built with NEXT_PUBLIC_DPOP=true works only over https`,
  );
}

function readOidc(reader: Reader): Oidc | undefined {
  const app = reader.app("OIDC");
  const issuer = reader.text("OIDC_ISSUER");
  if (!app) {
    if (issuer && !reader.text("OIDC_CLIENT_ID"))
      reader.problems.push("OIDC_CLIENT_ID is not set although OIDC_ISSUER is");
    return undefined;
  }
  if (!issuer || !URL.canParse(issuer)) {
    reader.problems.push("OIDC_ISSUER is not an address although OIDC_CLIENT_ID is set");
    return undefined;
  }
  const discoveryUrl = issuer.includes("/.well-known/")
    ? issuer
    : `${issuer.replace(/\/$/, "")}/.well-known/openid-configuration`;
  return { ...app, discoveryUrl, name: reader.text("OIDC_NAME") ?? "single sign-on" };
}

export function readSettings(env: Environment): Settings {
  const reader = new Reader(env);
  const databaseUrl = readDatabaseUrl(reader);
  const secret = readSecret(reader);
  const publicUrl = reader.required("BETTER_AUTH_URL", "the origin people open, e.g. http://localhost:3000");
  const origin = reader.origin("BETTER_AUTH_URL", publicUrl, "e.g. http://localhost:3000");
  checkListener(reader, origin);
  checkBinding(reader, origin);
  const api = reader.required(
    "TASKWARD_API_URL",
    "where the browser reaches the service, e.g. http://localhost:8000",
  );
  const apiUrl = reader.origin("TASKWARD_API_URL", api, "e.g. http://localhost:8000");
  const internal = reader.text("TASKWARD_API_INTERNAL_URL");
  const apiInternalUrl = internal
    ? reader.origin("TASKWARD_API_INTERNAL_URL", internal, "e.g. http://api:8000")
    : apiUrl;
  const algorithm = reader.text("JWT_ALGORITHM") ?? "EdDSA";
  if (algorithm !== "EdDSA" && algorithm !== "RS256") {
    reader.problems.push("JWT_ALGORITHM must be EdDSA or RS256");
  }
  // The service may accept several, comma-separated; the first is the one this process writes.
  const first = (name: string) => reader.text(name)?.split(",")[0]?.trim() || origin;
  const settings: Settings = {
    databaseUrl,
    secret,
    origin,
    issuer: first("JWT_ISSUER"),
    audience: first("JWT_AUDIENCE"),
    algorithm: algorithm === "RS256" ? "RS256" : "EdDSA",
    apiUrl,
    apiInternalUrl,
    mail: readMail(reader, origin),
    feedSecret: readFeedSecret(reader),
    loopback: URL.canParse(origin) && LOOPBACK.has(new URL(origin).hostname),
    google: reader.app("GOOGLE"),
    github: reader.app("GITHUB"),
    oidc: readOidc(reader),
  };
  if (reader.problems.length > 0) throw new BadSettings(reader.problems);
  return settings;
}

let current: Settings | undefined;

/** The settings of this process. Throws `BadSettings`; start-up has already exited by then. */
export function settings(): Settings {
  current ??= readSettings(process.env);
  return current;
}
