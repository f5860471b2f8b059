/** Before every page: one spelling of the address, and a Content-Security-Policy with a nonce of its own. */
import { type NextRequest, NextResponse } from "next/server";
import { contentSecurityPolicy } from "@/lib/server/csp";
import { settings } from "@/lib/server/settings";

const LOOPBACK = new Set(["localhost", "127.0.0.1", "[::1]"]);

/** http://127.0.0.1:3000 for http://localhost:3000: cookies and origins are by name, so sign-in would fail there. */
function otherSpelling(request: NextRequest): string | undefined {
  const ours = new URL(settings().origin);
  const host = request.headers.get("host") ?? "";
  const asked = URL.canParse(`http://${host}`) ? new URL(`http://${host}`) : undefined;
  if (!asked || asked.host === ours.host || asked.port !== ours.port) return undefined;
  if (!LOOPBACK.has(asked.hostname) || !LOOPBACK.has(ours.hostname)) return undefined;
  return `${ours.origin}${request.nextUrl.pathname}${request.nextUrl.search}`;
}

export function proxy(request: NextRequest): NextResponse {
  const better = otherSpelling(request);
  if (better) return NextResponse.redirect(better, 307);
  const nonce = Buffer.from(crypto.getRandomValues(new Uint8Array(18))).toString("base64");
  const policy = contentSecurityPolicy(nonce, settings().apiUrl, process.env.NODE_ENV === "development");
  const headers = new Headers(request.headers);
  // Next reads the nonce out of this request header and puts it on every script it writes.
  headers.set("Content-Security-Policy", policy);
  headers.set("x-nonce", nonce);
  const response = NextResponse.next({ request: { headers } });
  response.headers.set("Content-Security-Policy", policy);
  return response;
}

export const config = { matcher: ["/((?!api/|_next/static|_next/image|healthz|icon.svg).*)"] };
