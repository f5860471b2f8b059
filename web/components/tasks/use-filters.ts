"use client";
/**
 * What the list shows, kept in the URL so that it can be reloaded, shared and gone back to.
 *
 * The browser's own history is used, past Next's router: the router asks the server for a page whose query changed,
 * and without a connection leaves for an error page. An entry without its mark it leaves alone.
 */
import { useCallback, useSyncExternalStore } from "react";

export type Show = "all" | "open" | "done";

export interface Filters {
  show: Show;
  q: string;
}

export function hrefOf({ show, q }: Filters): string {
  const query = new URLSearchParams();
  if (show !== "all") query.set("show", show);
  if (q) query.set("q", q);
  return query.size > 0 ? `/tasks?${query}` : "/tasks";
}

const listeners = new Set<() => void>();

function write(how: "pushState" | "replaceState", href: string): void {
  History.prototype[how].call(window.history, null, "", href);
  for (const listener of listeners) listener();
}

function subscribe(listener: () => void): () => void {
  // Also the entry this page was loaded into: going back to it must not wake the router either.
  if (window.history.state !== null) write("replaceState", window.location.href);
  listeners.add(listener);
  window.addEventListener("popstate", listener);
  return () => {
    listeners.delete(listener);
    window.removeEventListener("popstate", listener);
  };
}

export function useFilters(initial: string) {
  const search = useSyncExternalStore(
    subscribe,
    () => window.location.search,
    () => initial,
  );
  const params = new URLSearchParams(search);
  const wanted = params.get("show");
  const show: Show = wanted === "open" || wanted === "done" ? wanted : "all";
  const q = params.get("q") ?? "";
  const setShow = useCallback((next: Show) => write("pushState", hrefOf({ show: next, q })), [q]);
  const setQuery = useCallback((next: string) => write("replaceState", hrefOf({ show, q: next })), [show]);
  /** Another place in the history when other tasks are shown; a search that is typed is one place. */
  const setFilters = useCallback(
    (next: Filters) => write(next.show === show ? "replaceState" : "pushState", hrefOf(next)),
    [show],
  );
  return { show, q, setShow, setQuery, setFilters };
}
