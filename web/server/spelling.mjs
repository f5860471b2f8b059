/** One spelling of the address: cookies and origins go by name, so sign-in fails under any other. */

const LOOPBACK = new Set(["localhost", "127.0.0.1", "[::1]"]);

/**
 * Where to send somebody who opened http://127.0.0.1:3000 although it is http://localhost:3000 here.
 * @param {string | undefined} ours the origin people should open
 * @param {string | undefined} host what the browser asked for
 * @param {string | undefined} path with its query
 * @returns {string | undefined} undefined when there is nothing to correct
 */
export function betterSpelling(ours, host, path) {
  if (!ours || !URL.canParse(ours) || !host || !URL.canParse(`http://${host}`)) return undefined;
  const [wanted, asked] = [new URL(ours), new URL(`http://${host}`)];
  if (asked.host === wanted.host || asked.port !== wanted.port) return undefined;
  if (!LOOPBACK.has(asked.hostname) || !LOOPBACK.has(wanted.hostname)) return undefined;
  // Only what is opened as a page: the service asks for keys under whatever name it was given.
  return path?.startsWith("/") && !/^\/(api|_next|healthz)\b/.test(path) ? wanted.origin + path : undefined;
}
