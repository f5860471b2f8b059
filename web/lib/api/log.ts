/** In development, a line for each request: what, how it went, how long. Never a header, so never a token. */

export function logRequest(request: Request, outcome: string, began: number): void {
  if (process.env.NODE_ENV !== "development") return;
  const { pathname, search } = new URL(request.url);
  const took = Math.round(performance.now() - began);
  // biome-ignore lint/suspicious/noConsole: this line is the feature, and production builds leave it out
  console.debug(`${request.method} ${pathname}${search} → ${outcome} (${took} ms)`);
}
