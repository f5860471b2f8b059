/**
 * Gives the page its shell and its files without a connection. It answers nothing else: what the service or Better Auth
 * says is asked for anew each time and kept nowhere. scripts/assemble.mjs writes BUILD in front: `version`, which grows
 * with each build, and `files`, what the shell may need.
 */
/* global BUILD */
const SHELL = "/shell";
const PREFIX = "taskward-shell-";
const NAME = PREFIX + BUILD.version;

/** What a proxy says in place of a web client that is away. */
const AWAY = new Set([502, 503, 504]);

self.addEventListener("install", (event) => event.waitUntil(install()));
self.addEventListener("activate", (event) => event.waitUntil(activate()));
self.addEventListener("fetch", (event) => {
  const { request, preloadResponse } = event;
  const { origin, pathname } = new URL(request.url);
  if (request.method !== "GET" || origin !== location.origin || pathname.startsWith("/api/")) return;
  if (request.mode === "navigate") event.respondWith(page(request, preloadResponse));
  else if (pathname.startsWith("/_next/static/")) event.respondWith(file(request));
});

async function install() {
  const cache = await caches.open(NAME);
  // Nobody's page: asked for without cookies.
  await cache.addAll([SHELL, ...BUILD.files].map((path) => new Request(path, { credentials: "omit" })));
  await self.skipWaiting();
}

async function activate() {
  const others = (await caches.keys()).filter((name) => name.startsWith(PREFIX) && name !== NAME);
  // Pages that are open go on with the files of the build before; nothing is older than that.
  await Promise.all(
    others
      .sort()
      .slice(0, -1)
      .map((name) => caches.delete(name)),
  );
  await self.registration.navigationPreload?.enable();
  await self.clients.claim();
}

async function page(request, preloadResponse) {
  try {
    const answer = (await preloadResponse) ?? (await fetch(request));
    if (!AWAY.has(answer.status)) return answer;
  } catch {
    // No connection.
  }
  return (await caches.match(SHELL, { cacheName: NAME })) ?? Response.error();
}

/** The name of a file changes with what is in it. */
async function file(request) {
  return (await caches.match(request, { ignoreVary: true })) ?? fetch(request);
}
