/**
 * Completes Next's standalone folder with what it leaves out: static files (compressed, too), public files with the list
 * of what the service worker keeps, and our own server.
 */
import { cpSync, existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { brotliCompressSync, constants } from "node:zlib";

const standalone = join(".next", "standalone");
const built = join(".next", "static");
for (const from of [built, "public", "server"]) {
  const to = join(standalone, from);
  rmSync(to, { recursive: true, force: true });
  if (existsSync(from)) cpSync(from, to, { recursive: true });
}

// Browsers that know service workers need no polyfills.
const { polyfillFiles } = JSON.parse(readFileSync(join(".next", "build-manifest.json"), "utf8"));
const files = readdirSync(join(built, "chunks"), { recursive: true, encoding: "utf8" })
  .filter((name) => /\.(js|css)$/.test(name))
  .map((name) => `static/chunks/${name}`)
  .filter((path) => !polyfillFiles.includes(path))
  .map((path) => `/_next/${path}`);
const worker = join(standalone, "public", "sw.js");
const build = JSON.stringify({ version: String(Date.now()), files });
writeFileSync(worker, `const BUILD = ${build};\n${readFileSync(worker, "utf8")}`);

for (const path of files) {
  const file = join(standalone, ".next", path.replace("/_next/", ""));
  const text = readFileSync(file);
  const params = { [constants.BROTLI_PARAM_SIZE_HINT]: text.length };
  writeFileSync(`${file}.br`, brotliCompressSync(text, { params }));
}
