import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { brotliCompressSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { packedFiles, sendPacked } from "@/server/packed.mjs";

const folder = mkdtempSync(join(tmpdir(), "taskward-packed-"));
mkdirSync(join(folder, "chunks"));
writeFileSync(join(folder, "chunks", "a.js"), "plain");
writeFileSync(join(folder, "chunks", "a.js.br"), brotliCompressSync("packed"));
writeFileSync(join(folder, "chunks", "b.css"), "b{}");
writeFileSync(join(folder, "secret.br"), "no script and no style");

const files = packedFiles(folder);
const server = createServer((request, response) => {
  if (!sendPacked(files, request, response)) response.writeHead(404).end("Next's");
});
let origin = "";

beforeAll(async () => {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(() => {
  server.close();
  rmSync(folder, { recursive: true });
});

const ask = (path: string, accept = "gzip, br", method = "GET") =>
  fetch(origin + path, { method, headers: { "Accept-Encoding": accept } });

describe("a file of the build", () => {
  it("is sent as it was compressed, to be kept for good", async () => {
    const answer = await ask("/_next/static/chunks/a.js?dpl=1");
    expect(await answer.text()).toBe("packed");
    expect(Object.fromEntries(answer.headers)).toMatchObject({
      "content-encoding": "br",
      "content-type": "application/javascript; charset=UTF-8",
      "cache-control": "public, max-age=31536000, immutable",
      "x-content-type-options": "nosniff",
      vary: "Accept-Encoding",
    });
    const head = await ask("/_next/static/chunks/a.js", "br", "HEAD");
    expect([head.status, await head.text()]).toEqual([200, ""]);
  });

  it("is left to Next where the browser does not take it, and where there is none", async () => {
    for (const accept of ["gzip", "identity", "gzip, br;q=0", "br;q=0.0, gzip", "brx"])
      expect((await ask("/_next/static/chunks/a.js", accept)).status, accept).toBe(404);
    const others = [
      "/_next/static/chunks/b.css",
      "/_next/static/secret",
      "/_next/static/chunks/a.js.br",
      "/chunks/a.js",
    ];
    for (const path of [...others, "/_next/static/chunks/%2e%2e/secret", "/_next/static//chunks/a.js"])
      expect((await ask(path)).status, path).toBe(404);
    expect((await ask("/_next/static/chunks/a.js", "br", "POST")).status).toBe(404);
  });
});
