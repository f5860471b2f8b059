/** Before every page: a Content-Security-Policy with a nonce of its own. */
import { type NextRequest, NextResponse } from "next/server";
import { contentSecurityPolicy } from "@/lib/server/csp";
import { settings } from "@/lib/server/settings";

export function proxy(request: NextRequest): NextResponse {
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

export const config = {
  matcher: ["/((?!api/|_next/static|_next/image|healthz|icon|apple-icon|manifest.webmanifest).*)"],
};
