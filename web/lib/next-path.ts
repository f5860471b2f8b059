/** Where to go after signing in: a page of ours, and nothing that could be read as somebody else's. */

export const HOME = "/tasks";

export function safeNext(wanted: string | string[] | undefined | null): string {
  const path = Array.isArray(wanted) ? wanted[0] : wanted;
  if (!path || !/^\/(?![/\\])[^\s\\]*$/.test(path)) return HOME;
  return /^\/(sign-in|sign-up|api)\b/.test(path) ? HOME : path;
}

export function signInPath(next: string, reason?: "refused" | "ended" | "arrived"): string {
  const query = new URLSearchParams({ next: safeNext(next) });
  if (reason) query.set("reason", reason);
  return `/sign-in?${query}`;
}
