import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { limitsOf, typesOf } from "@/scripts/api-types.mjs";

const read = (path: string) => readFileSync(path, "utf8");
const sources = (folder: string) =>
  readdirSync(folder, { recursive: true, encoding: "utf8" })
    .map((path) => join(folder, path))
    .filter((path) => /\.(ts|tsx|mjs)$/.test(path) && !path.endsWith("schema.d.ts"));

describe("the house", () => {
  it("has types that are those of the committed OpenAPI document", async () => {
    expect(read("lib/api/schema.d.ts")).toBe(await typesOf(JSON.parse(read("openapi.json"))));
  });

  it("takes the limits of a task's words from the same document", () => {
    expect(read("lib/api/limits.ts")).toBe(limitsOf(JSON.parse(read("openapi.json"))));
  });

  it("names the members of a task that a person writes in one place", () => {
    const paths = [...sources("components"), ...sources("lib")];
    const named = paths.filter((path) => /\bdescription\b\??:|\.description\b/.test(read(path)));
    expect(
      named.filter(
        (path) =>
          !/fields\.ts|early\.ts|server|task-row|composer|row-problem|schema|limits|transfer/.test(path),
      ),
    ).toEqual([]);
  });

  it("imports one way: lib, components, app", () => {
    const forbidden: Record<string, RegExp> = {
      lib: /from "(@\/|\.\.\/)*(components|app)\//,
      components: /from "(@\/|\.\.\/)*app\//,
    };
    for (const [folder, wrong] of Object.entries(forbidden)) {
      for (const path of sources(folder)) expect(read(path), path).not.toMatch(wrong);
    }
  });

  it("keeps the server's modules out of the browser: components take types from them, nothing else", () => {
    for (const path of sources("components")) {
      for (const line of read(path).match(/^import .*lib\/server.*$/gm) ?? [])
        expect(line, path).toMatch(/^import type/);
    }
  });

  it("has small files without any, without promises to finish later", () => {
    for (const folder of ["app", "components", "lib", "server", "scripts", "e2e"]) {
      for (const path of sources(folder)) {
        const text = read(path);
        expect(text.split("\n").length, path).toBeLessThanOrEqual(310);
        expect(text, path).not.toMatch(/\b(TODO|FIXME)\b|: any\b|as any\b|@ts-ignore/);
      }
    }
  });

  it("locks what it installs without saying where it came from", () => {
    expect(read("package-lock.json")).not.toMatch(/"resolved": "http/);
    const { dependencies, devDependencies } = JSON.parse(read("package.json"));
    for (const version of Object.values({ ...dependencies, ...devDependencies }))
      expect(version).toMatch(/^\d+\.\d+\.\d+$/);
  });

  it("documents every variable that is read", () => {
    const example = read(".env.example");
    const settings = read("lib/server/settings.ts") + read("server/start.mjs") + read("lib/api/dpop.ts");
    const names = new Set(settings.match(/\b(?:[A-Z][A-Z0-9]*_)+[A-Z0-9]+\b/g));
    const ours = [...names].filter((name) =>
      /^(DATABASE|BETTER_AUTH|TASKWARD|JWT|OIDC|WEB|REVOCATIONS|SMTP|MAIL|NEXT_PUBLIC)_/.test(name),
    );
    expect(ours.length).toBeGreaterThan(8);
    for (const name of ours) expect(example).toContain(name);
  });
});
