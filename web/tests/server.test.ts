import { describe, expect, it } from "vitest";
import { safeNext, signInPath } from "@/lib/next-path";
import { contentSecurityPolicy } from "@/lib/server/csp";
import { Failures } from "@/lib/server/failures";
import { networkOf } from "@/lib/server/peer";
import { BadSettings, readSettings } from "@/lib/server/settings";
import { peerOf, readTrustedProxies } from "@/server/peer.mjs";
import { betterSpelling } from "@/server/spelling.mjs";

const GOOD = {
  DATABASE_URL: "postgresql://u:hunter2@localhost/taskward",
  BETTER_AUTH_SECRET: "s".repeat(32),
  BETTER_AUTH_URL: "http://localhost:3000",
  TASKWARD_API_URL: "http://localhost:8000/",
};

function problems(changes: Record<string, string | undefined>): readonly string[] {
  try {
    readSettings({ ...GOOD, ...changes });
    return [];
  } catch (error) {
    if (error instanceof BadSettings) return error.problems;
    throw error;
  }
}

describe("settings", () => {
  it("have sensible values for everything that may be left out", () => {
    expect(readSettings(GOOD)).toMatchObject({
      issuer: "http://localhost:3000",
      audience: "http://localhost:3000",
      algorithm: "EdDSA",
      apiUrl: "http://localhost:8000",
      apiInternalUrl: "http://localhost:8000",
      oidc: undefined,
    });
  });

  it.each([
    ["http://localhost:3000", true],
    ["http://127.0.0.1:3000", true],
    ["https://app.example", false],
    ["https://localhost.app.example", false],
    ["http://192.168.1.2:3000", false],
  ])("open the feed of revocations without its secret on this machine only: %s", (origin, loopback) => {
    expect(readSettings({ ...GOOD, BETTER_AUTH_URL: origin })).toMatchObject({ loopback });
  });

  it("are refused all at once, without a secret in the words", () => {
    const found = problems({
      DATABASE_URL: "mysql://u:hunter2@h/d",
      BETTER_AUTH_SECRET: "short-secret",
      BETTER_AUTH_URL: "http://localhost:3000/api/auth",
      TASKWARD_API_URL: undefined,
      JWT_ALGORITHM: "HS256",
      GOOGLE_CLIENT_ID: "x",
      OIDC_ISSUER: "https://issuer.example",
    });
    expect(found).toHaveLength(7);
    expect(found.join()).not.toMatch(/hunter2|short-secret/);
  });

  it.each([
    [{ BETTER_AUTH_URL: "http://localhost:3001" }, "listens on port 3000"],
    [{ BETTER_AUTH_URL: "ftp://x" }, "not an http(s) address"],
    [{ PORT: "3005" }, "listens on port 3005"],
    [{ SMTP_URL: "smtp.example:587" }, "SMTP_URL does not have the form"],
    [{ SMTP_URL: "https://smtp.example" }, "SMTP_URL does not have the form"],
    [{ MAIL_FROM: "a@b.example" }, "SMTP_URL is not set although MAIL_FROM is"],
    [{ SMTP_URL: "smtp://h", MAIL_FROM: "nobody" }, "MAIL_FROM is not an e-mail address"],
    [{ REVOCATIONS_FEED_SECRET: "short" }, "REVOCATIONS_FEED_SECRET has 5 characters"],
  ])("say that %o cannot work", (changes, words) => {
    expect(problems(changes).join()).toContain(words);
  });

  it.each([
    { SMTP_URL: "smtps://u:p%40ss@smtp.example:465", MAIL_FROM: "Taskward <no-reply@example.org>" },
    { HOSTNAME: "0.0.0.0", BETTER_AUTH_URL: "http://localhost:8080" },
    { BETTER_AUTH_URL: "https://tasks.example" },
    { DATABASE_URL: "postgresql+asyncpg://u@h/d" },
  ])("allow %o", (changes) => {
    expect(problems(changes)).toEqual([]);
  });

  it("take the service's spelling of the database and the first of several issuers", () => {
    const read = readSettings({
      ...GOOD,
      DATABASE_URL: "postgres://u@h/d",
      JWT_ISSUER: "https://a.example, https://b.example",
    });
    expect(read).toMatchObject({ databaseUrl: "postgresql://u@h/d", issuer: "https://a.example" });
  });
});

describe("whose connection it is", () => {
  const none = readTrustedProxies(undefined).trusted;
  const proxies = readTrustedProxies("127.0.0.1, 10.0.0.0/8, fd00::/8").trusted;

  it("is the socket's word, whatever a client claims", () => {
    expect(peerOf("203.0.113.9", "1.2.3.4", none)).toBe("203.0.113.9");
    expect(peerOf("127.0.0.1", "1.2.3.4", none)).toBe("127.0.0.1");
    expect(peerOf("203.0.113.9", "1.2.3.4", proxies)).toBe("203.0.113.9");
  });

  it("is what trusted proxies say, read from the right", () => {
    expect(peerOf("127.0.0.1", "1.2.3.4, 203.0.113.9", proxies)).toBe("203.0.113.9");
    expect(peerOf("::ffff:127.0.0.1", "203.0.113.9, 10.1.1.1", proxies)).toBe("203.0.113.9");
    expect(peerOf("fd00::1", "2001:db8::7", proxies)).toBe("2001:db8::7");
    expect(peerOf("127.0.0.1", "nonsense", proxies)).toBe("127.0.0.1");
    expect(peerOf("127.0.0.1", undefined, proxies)).toBe("127.0.0.1");
  });

  it("needs addresses to be addresses", () => {
    expect(readTrustedProxies("proxy.example, 10.0.0.0/99").problems).toHaveLength(2);
  });
});

describe("another spelling of the address", () => {
  const ours = "http://localhost:3000";
  it.each([
    ["127.0.0.1:3000", "/tasks?q=a", "http://localhost:3000/tasks?q=a"],
    ["[::1]:3000", "/", "http://localhost:3000/"],
    ["localhost:3000", "/tasks", undefined],
    ["127.0.0.1:3000", "/api/auth/jwks", undefined],
    ["127.0.0.1:3000", "/healthz", undefined],
    ["127.0.0.1:9999", "/tasks", undefined],
    ["evil.example:3000", "/tasks", undefined],
    ["127.0.0.1:3000", "//evil.example", "http://localhost:3000//evil.example"],
    [undefined, "/tasks", undefined],
  ])("%s%s leads to %s", (host, path, wanted) => {
    expect(betterSpelling(ours, host, path)).toBe(wanted);
  });
});

describe("one subscriber", () => {
  it.each([
    ["203.0.113.9", "203.0.113.9"],
    ["2001:db8::1", "2001:db8:0:0"],
    ["2001:0DB8:0000:0000:abcd::", "2001:db8:0:0"],
    ["2001:db8:1:2:3:4:5:6", "2001:db8:1:2"],
    ["::1", "0:0:0:0"],
  ])("of %s is %s", (address, network) => {
    expect(networkOf(address)).toBe(network);
  });
});

describe("failed passwords", () => {
  function counted() {
    const clock = { now: 1_000_000 };
    return { clock, failures: new Failures(5, 60_000, () => clock.now) };
  }

  it("are allowed five times, then not until the first is a minute old", () => {
    const { clock, failures } = counted();
    for (let tries = 0; tries < 5; tries += 1) {
      expect(failures.take("a").allowed).toBe(true);
      clock.now += 1_000;
    }
    expect(failures.take("a")).toEqual({ allowed: false, retryAfter: 55 });
    expect(failures.take("b").allowed).toBe(true);
    clock.now += 55_000;
    expect(failures.take("a").allowed).toBe(true);
  });

  it("do not include the one that was right", () => {
    const { failures } = counted();
    for (let tries = 0; tries < 20; tries += 1) {
      expect(failures.take("a").allowed).toBe(true);
      failures.giveBack("a");
    }
  });

  it("are counted before they are looked at, so a hundred at once are five", () => {
    const { failures } = counted();
    const verdicts = Array.from({ length: 100 }, () => failures.take("a").allowed);
    expect(verdicts.filter(Boolean)).toHaveLength(5);
  });
});

describe("where one goes after signing in", () => {
  it.each([
    ["/tasks?show=open&q=a", "/tasks?show=open&q=a"],
    ["/account", "/account"],
    ["https://evil.example", "/tasks"],
    ["//evil.example", "/tasks"],
    ["/\\evil.example", "/tasks"],
    ["/a\tb", "/tasks"],
    ["javascript:alert(1)", "/tasks"],
    ["/sign-in?next=/sign-in", "/tasks"],
    ["/api/auth/sign-out", "/tasks"],
    [undefined, "/tasks"],
    [["/account", "/tasks"], "/account"],
  ])("%o leads to %s", (wanted, path) => {
    expect(safeNext(wanted)).toBe(path);
  });

  it("is carried along", () => {
    expect(signInPath("/tasks?q=a&show=open", "ended")).toBe(
      "/sign-in?next=%2Ftasks%3Fq%3Da%26show%3Dopen&reason=ended",
    );
  });
});

describe("the Content-Security-Policy", () => {
  it("allows nothing inline without the nonce, and no connection but the service", () => {
    const policy = contentSecurityPolicy("n0nce", "http://localhost:8000", false);
    expect(policy).toContain("script-src 'self' 'nonce-n0nce' 'strict-dynamic'");
    expect(policy).toContain("connect-src 'self' http://localhost:8000;");
    expect(policy).not.toMatch(/unsafe|\*|ws:/);
  });
});
