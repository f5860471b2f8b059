/** The web process: Next.js behind a plain Node server that vouches for the peer's address and stops when told to. */
import { existsSync, readFileSync } from "node:fs";
import { createServer } from "node:http";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { packedFiles, sendPacked } from "./packed.mjs";
import { PEER_HEADER, peerOf, readTrustedProxies } from "./peer.mjs";
import { betterSpelling } from "./spelling.mjs";

const dev = process.argv.includes("--dev");
process.env.NEXT_TELEMETRY_DISABLED = "1";
Object.assign(process.env, { NODE_ENV: dev ? "development" : "production" });

const here = join(dirname(fileURLToPath(import.meta.url)), "..");
const built = join(here, ".next", "standalone");
// In an image this file already stands inside the standalone folder; in a checkout the folder is below it.
const dir = !dev && existsSync(built) ? built : here;
process.chdir(dir);

const hostname = process.env.HOSTNAME || "127.0.0.1";
const port = Number(process.env.PORT || 3000);
const { trusted, problems } = readTrustedProxies(process.env.WEB_TRUSTED_PROXIES);
if (!Number.isInteger(port) || port < 0 || port > 65_535)
  problems.push(`PORT is not a port: ${process.env.PORT}`);
if (!dev && !existsSync(join(dir, ".next", "required-server-files.json"))) {
  problems.push("there is no build here: run npm run build first");
}
if (problems.length > 0) {
  for (const problem of problems) console.error(`taskward web: ${problem}`);
  process.exit(2);
}

/** @type {import("next").NextConfig | undefined} */
let conf;
if (!dev) {
  conf = JSON.parse(readFileSync(join(dir, ".next", "required-server-files.json"), "utf8")).config;
  // As Next's own standalone server does: the configuration was settled at build time.
  process.env.__NEXT_PRIVATE_STANDALONE_CONFIG = JSON.stringify(conf);
}

const { default: next } = await import(
  dev ? "next" : join(dir, "node_modules", "next", "dist", "server", "next.js")
);
const packed = dev ? new Map() : packedFiles(join(dir, ".next", "static"));
const server = createServer((request, response) => {
  if (sendPacked(packed, request, response)) return;
  const better = betterSpelling(process.env.BETTER_AUTH_URL, request.headers.host, request.url);
  if (better) {
    response.writeHead(307, { Location: better }).end();
    return;
  }
  request.headers[PEER_HEADER] = peerOf(
    request.socket.remoteAddress,
    request.headers["x-forwarded-for"],
    trusted,
  );
  handle(request, response).catch((/** @type {unknown} */ error) => {
    console.error(`taskward web: ${error instanceof Error ? error.message : error}`);
    if (!response.headersSent) response.writeHead(500);
    response.end();
  });
});
/** @type {ReturnType<typeof import("next").default>} */
const app = (next.default ?? next)({ dev, dir, hostname, port, conf, httpServer: server });
// Settings and migrations are looked after in instrumentation.ts, which Next starts without waiting for it.
const started = new Promise((resolve) => Object.assign(globalThis, { taskwardStarted: resolve }));
await app.prepare();
// In development it waits for the first request, so nothing would ever be ready.
if (!dev) await started;
const handle = app.getRequestHandler();

// Longer than a proxy's own idle time, so that it is never we who hang up on a request under way.
server.keepAliveTimeout = 75_000;
server.on("error", (error) => {
  const busy = "code" in error && error.code === "EADDRINUSE";
  console.error(
    `taskward web: ${busy ? `port ${port} is taken: stop what listens there or set PORT` : error.message}`,
  );
  process.exit(1);
});
server.listen(port, hostname, () => {
  console.warn(`taskward web: ready on ${process.env.BETTER_AUTH_URL ?? `http://${hostname}:${port}`}`);
});

let stopping = false;
function stop() {
  if (stopping) return;
  stopping = true;
  // Requests under way get a moment; a browser's idle keep-alive connections do not hold us up.
  setTimeout(() => process.exit(0), 4_000).unref();
  server.close(() => process.exit(0));
  server.closeIdleConnections();
}
process.on("SIGTERM", stop);
process.on("SIGINT", stop);
