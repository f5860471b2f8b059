"use client";
/** The lists and counts a page needs, with the person's own unsent changes laid over them. */
import { keepPreviousData, useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { useEffect, useMemo, useRef } from "react";
import { type ApiProblem, asProblem } from "@/lib/api/problem";
import type { Counts } from "@/lib/api/tasks";
import type { FirstPage } from "@/lib/server/first-page";
import { keys, listed, type Pages, tasksOf, untilOf } from "@/lib/tasks/cache";
import type { AddOp } from "@/lib/tasks/ops";
import { countsOf, type Pinned, rowsOf, twinOf } from "@/lib/tasks/view";
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

function useList(completed: boolean, q: string, enabled: boolean, first: FirstPage | undefined) {
  const desk = useDesk();
  const page = first?.q === q ? (completed ? first.done : first.open) : undefined;
  const initialData = page && { pages: [listed(page)], pageParams: [undefined as string | undefined] };
  const query = useInfiniteQuery({
    queryKey: keys.list(desk.owner, { completed, q }),
    queryFn: async ({ pageParam, signal }: { pageParam: string | undefined; signal: AbortSignal }) =>
      listed(await desk.api.list({ completed, q, cursor: pageParam }, signal)),
    initialPageParam: undefined as string | undefined,
    initialData,
    initialDataUpdatedAt: first?.at,
    getNextPageParam: (page) => page.next_cursor ?? undefined,
    placeholderData: keepPreviousData,
    refetchInterval: whenToAskAgain,
    enabled,
  });
  const pages: Pages | undefined = query.data;
  const tasks = useMemo(() => (enabled ? tasksOf(pages) : []), [pages, enabled]);
  // All of it is here: its length is its count.
  const whole = enabled && pages !== undefined && !query.hasNextPage && !query.isPlaceholderData;
  return { query, tasks, whole };
}

export type List = ReturnType<typeof useList>;

/** How many tasks there are; with "at least" where more would have to be loaded to know. */
export interface Shown {
  open: number;
  completed: number;
  openMore: boolean;
  completedMore: boolean;
}

export interface TaskLists {
  state: "loading" | "failed" | "ready";
  /** Why what is shown is old, or why nothing is. */
  problem: ApiProblem | undefined;
  rows: ReturnType<typeof rowsOf>;
  /** Of what was searched for, if something was. */
  counts: Shown | undefined;
  /** The newest time among the completed tasks that the service listed. */
  until: string | undefined;
  open: List["query"];
  done: List["query"];
  retry: () => void;
}

export function useTaskLists(
  { show, q }: Filters,
  pinned: readonly Pinned[],
  first: FirstPage | undefined,
): TaskLists {
  const desk = useDesk();
  const { ops } = useOutbox();
  // A search counts what it finds in both, so both are asked for.
  const open = useList(false, q, show !== "done" || q !== "", first);
  const done = useList(true, q, show !== "open" || q !== "", first);
  const counted = useQuery({
    queryKey: keys.counts(desk.owner),
    queryFn: ({ signal }) => desk.api.counts(signal),
    initialData: first?.counts,
    initialDataUpdatedAt: first?.at,
    refetchInterval: whenToAskAgain,
  });
  useAgreement(open, done, q ? undefined : counted);
  const wanted = [...(show === "done" ? [] : [open.query]), ...(show === "open" ? [] : [done.query])];
  const error = wanted.find((query) => query.error)?.error;
  const missing = wanted.some((query) => !query.data);
  const rows = useMemo(
    () =>
      rowsOf({ open: open.tasks, done: done.tasks }, ops, {
        q,
        pinned,
        idNow: desk.idNow,
        isOwn: desk.isOwn,
      }),
    [open.tasks, done.tasks, ops, q, pinned, desk],
  );
  const isMade = (op: AddOp) => twinOf(op, open.tasks, desk.isOwn) !== undefined;
  return {
    state: !missing ? "ready" : error ? "failed" : "loading",
    problem: error ? asProblem(error) : undefined,
    rows,
    counts: shownOf(
      rows.counts,
      open.whole,
      done.whole,
      q === "" ? counted.data && countsOf(counted.data, ops, (id) => desk.cache.find(id), isMade) : undefined,
      q !== "" && Boolean(open.query.data && done.query.data),
    ),
    until: untilOf(done.query.data),
    open: open.query,
    done: done.query,
    retry: () => {
      for (const query of wanted) void query.refetch();
      void counted.refetch();
      desk.outbox.wake();
    },
  };
}

/** Where a list is here as a whole, its rows are the count, so the two never differ. */
function shownOf(
  rows: Counts,
  openWhole: boolean,
  doneWhole: boolean,
  counted: Counts | undefined,
  searched: boolean,
): Shown | undefined {
  if (!counted && !searched && !(openWhole && doneWhole)) return undefined;
  return {
    open: openWhole ? rows.open : (counted?.open ?? rows.open),
    completed: doneWhole ? rows.completed : (counted?.completed ?? rows.completed),
    openMore: searched && !openWhole,
    completedMore: searched && !doneWhole,
  };
}

const SETTLE_MS = 1_500;

/** The service's counts and its lists are two answers. When they differ, something changed between them: asked anew. */
function useAgreement(
  open: List,
  done: List,
  counted: { data: Counts | undefined; isFetching: boolean } | undefined,
): void {
  const desk = useDesk();
  const last = useRef(0);
  const counts = counted?.data;
  const quiet = !counted?.isFetching && !open.query.isFetching && !done.query.isFetching;
  const differs =
    counts !== undefined &&
    ((open.whole && open.tasks.length !== counts.open) ||
      (done.whole && done.tasks.length !== counts.completed));
  useEffect(() => {
    if (!quiet || !differs) return;
    const timer = setTimeout(
      () => {
        last.current = Date.now();
        desk.cache.refresh();
      },
      Math.max(0, last.current + SETTLE_MS - Date.now()),
    );
    return () => clearTimeout(timer);
  }, [quiet, differs, desk]);
}
