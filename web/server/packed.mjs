/** The files of the build as the build has compressed them, for browsers that take Brotli. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

const TYPES = new Map([
  [".js", "application/javascript; charset=UTF-8"],
  [".css", "text/css; charset=UTF-8"],
]);
const SUFFIX = ".br";

/** @typedef {{ body: Buffer, type: string }} Packed */

/**
 * By the path of their URL, a few hundred kilobytes in all. A request only chooses among these.
 * @param {string} folder Next's static folder
 * @returns {ReadonlyMap<string, Packed>}
 */
export function packedFiles(folder) {
  /** @type {Map<string, Packed>} */
  const found = new Map();
  for (const name of readdirSync(folder, { recursive: true, encoding: "utf8" })) {
    const plain = name.slice(0, -SUFFIX.length);
    const type = TYPES.get(plain.slice(plain.lastIndexOf(".")));
    if (!name.endsWith(SUFFIX) || !type) continue;
    const body = readFileSync(join(folder, name));
    found.set(`/_next/static/${plain.replaceAll("\\", "/")}`, { body, type });
  }
  return found;
}

/**
 * Answers a request for a packed file. False when there is none, or the browser does not take it: then Next does.
 * @param {ReadonlyMap<string, Packed>} files
 * @param {import("node:http").IncomingMessage} request
 * @param {import("node:http").ServerResponse} response
 */
export function sendPacked(files, request, response) {
  const file = files.get(request.url?.split("?")[0] ?? "");
  if (!file || (request.method !== "GET" && request.method !== "HEAD")) return false;
  if (!/\bbr\b(?!\s*;\s*q=0(\.0*)?(,|$))/.test(String(request.headers["accept-encoding"]))) return false;
  response.writeHead(200, {
    "Content-Type": file.type,
    "Content-Encoding": "br",
    "Content-Length": file.body.length,
    "Cache-Control": "public, max-age=31536000, immutable",
    "X-Content-Type-Options": "nosniff",
    Vary: "Accept-Encoding",
  });
  response.end(request.method === "HEAD" ? undefined : file.body);
  return true;
}
