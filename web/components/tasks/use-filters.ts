"use client";
/** What the list shows, kept in the address so that it can be reloaded, shared and gone back to. */
import { useSearchParams } from "next/navigation";
import { useCallback } from "react";

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

export function useFilters() {
  const params = useSearchParams();
  const wanted = params.get("show");
  const show: Show = wanted === "open" || wanted === "done" ? wanted : "all";
  const q = params.get("q") ?? "";
  // The browser's own history, not the router's: no trip to the server, so it also works offline.
  const setShow = useCallback(
    (next: Show) => window.history.pushState(null, "", hrefOf({ show: next, q })),
    [q],
  );
  const setQuery = useCallback(
    (next: string) => window.history.replaceState(null, "", hrefOf({ show, q: next })),
    [show],
  );
  return { show, q, setShow, setQuery };
}
