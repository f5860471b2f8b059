"use client";
/** The lists and counts a page needs, with the person's own unsent changes laid over them. */
import { keepPreviousData, useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { useMemo } from "react";
import { type ApiProblem, asProblem } from "@/lib/api/problem";
import type { Counts } from "@/lib/api/tasks";
import { keys, type Pages, tasksOf } from "@/lib/tasks/cache";
import { countsOf, rowsOf } from "@/lib/tasks/view";
import { useDesk, useOutbox } from "../desk-provider";
import type { Filters } from "./use-filters";

const AGAIN_MS = 3_000;

/** A list that could not be had is asked for again by itself, as soon as the service wants to be asked. */
function whenToAskAgain(query: { state: { error: Error | null } }): number | false {
  const { error } = query.state;
  if (!error) return false;
  const { kind, retryAfter } = asProblem(error);
  if (kind === "signed-out" || kind === "refused") return false;
  return (retryAfter ?? 0) * 1000 || AGAIN_MS;
}

function useList(completed: boolean, q: string, enabled: boolean) {
  const desk = useDesk();
  const query = useInfiniteQuery({
    queryKey: keys.list(desk.owner, { completed, q }),
    queryFn: ({ pageParam, signal }) => desk.api.list({ completed, q, cursor: pageParam }, signal),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (page) => page.next_cursor ?? undefined,
    placeholderData: keepPreviousData,
    refetchInterval: whenToAskAgain,
    enabled,
  });
  const pages: Pages | undefined = query.data;
  const tasks = useMemo(() => (enabled ? tasksOf(pages) : []), [pages, enabled]);
  return { query, tasks };
}

export type List = ReturnType<typeof useList>;

export interface TaskLists {
  state: "loading" | "failed" | "ready";
  /** Why what is shown is old, or why nothing is. */
  problem: ApiProblem | undefined;
  rows: ReturnType<typeof rowsOf>;
  counts: Counts | undefined;
  open: List["query"];
  done: List["query"];
  retry: () => void;
}

export function useTaskLists({ show, q }: Filters): TaskLists {
  const desk = useDesk();
  const { ops } = useOutbox();
  const open = useList(false, q, show !== "done");
  const done = useList(true, q, show !== "open");
  const counted = useQuery({
    queryKey: keys.counts(desk.owner),
    queryFn: ({ signal }) => desk.api.counts(signal),
    refetchInterval: whenToAskAgain,
  });
  const wanted = [...(show === "done" ? [] : [open.query]), ...(show === "open" ? [] : [done.query])];
  const error = wanted.find((query) => query.error)?.error;
  const missing = wanted.some((query) => !query.data);
  const rows = useMemo(
    () => rowsOf({ open: open.tasks, done: done.tasks }, ops, q),
    [open.tasks, done.tasks, ops, q],
  );
  const counts = counted.data && countsOf(counted.data, ops, (id) => desk.cache.find(id));
  return {
    state: !missing ? "ready" : error ? "failed" : "loading",
    problem: error ? asProblem(error) : undefined,
    rows,
    counts,
    open: open.query,
    done: done.query,
    retry: () => {
      for (const query of wanted) void query.refetch();
      void counted.refetch();
      desk.outbox.wake();
    },
  };
}
