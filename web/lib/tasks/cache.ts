/** The lists and counts held by TanStack Query, and how a confirmed change is written into them. */
import type { InfiniteData, QueryClient } from "@tanstack/react-query";
import type { Counts, Task, TaskPage } from "../api/tasks";
import { matches, sameWords, type Words } from "./fields";
import { lastTouchedFirst, newestFirst } from "./order";

export type Change =
  | { kind: "saved"; task: Task }
  | { kind: "deleted"; id: string }
  | { kind: "cleared"; seen: Record<string, Words> };

const idOf = (change: Exclude<Change, { kind: "cleared" }>) =>
  change.kind === "saved" ? change.task.id : change.id;

export interface Filter {
  completed: boolean;
  q: string;
}

/** `until`: the newest `updated_at` among the tasks the service listed, before anything was written into the page. */
export interface ListedPage extends TaskPage {
  until: string | undefined;
}

export type Pages = InfiniteData<ListedPage>;

export function listed(page: TaskPage): ListedPage {
  return { ...page, until: [...page.items].sort(lastTouchedFirst)[0]?.updated_at };
}

/** Everything completed up to this moment was in the list, as far as it was asked for. Pages after the first are newer. */
export const untilOf = (pages: Pages | undefined): string | undefined => pages?.pages[0]?.until;

export const keys = {
  all: (owner: string) => ["tasks", owner] as const,
  lists: (owner: string) => ["tasks", owner, "list"] as const,
  list: (owner: string, filter: Filter) => ["tasks", owner, "list", filter] as const,
  counts: (owner: string) => ["tasks", owner, "counts"] as const,
};

/** Pages overlap when tasks came in between two loads: each task once, the first time it appears. */
export function tasksOf(pages: Pages | undefined): Task[] {
  const seen = new Map<string, Task>();
  for (const page of pages?.pages ?? []) {
    for (const task of page.items) if (!seen.has(task.id)) seen.set(task.id, task);
  }
  return [...seen.values()];
}

function without({ pages, pageParams }: Pages, gone: (task: Task) => boolean): Pages {
  return {
    pageParams,
    pages: pages.map((page) => ({ ...page, items: page.items.filter((task) => !gone(task)) })),
  };
}

function inserted({ pages, pageParams }: Pages, task: Task): Pages {
  const place = pages.findIndex(({ items }) => items.some((other) => newestFirst(task, other) < 0));
  const index = place < 0 ? pages.length - 1 : place;
  const into = (items: Task[]) => [...items, task].sort(newestFirst);
  return {
    pageParams,
    pages: pages.map((page, at) => (at === index ? { ...page, items: into(page.items) } : page)),
  };
}

export function patched(pages: Pages, filter: Filter, change: Change): Pages {
  if (change.kind === "cleared") {
    const { seen } = change;
    const isSeen = (task: Task, words = seen[task.id]) => words !== undefined && sameWords(words, task);
    return filter.completed ? without(pages, isSeen) : pages;
  }
  const id = idOf(change);
  const rest = without(pages, (task) => task.id === id);
  if (change.kind === "deleted") return rest;
  const { task } = change;
  return task.completed === filter.completed && matches(task, filter.q) ? inserted(rest, task) : rest;
}

function recounted(counts: Counts, change: Change, before: Task | undefined, isNew: boolean): Counts {
  let { open, completed } = counts;
  // How many are left only the service knows.
  if (change.kind === "cleared") return counts;
  if (before) before.completed ? completed-- : open--;
  if (change.kind === "saved" && (before || isNew)) change.task.completed ? completed++ : open++;
  return { open: Math.max(0, open), completed: Math.max(0, completed) };
}

export class TaskCache {
  constructor(
    private readonly client: QueryClient,
    private readonly owner: string,
  ) {}

  find(id: string): Task | undefined {
    const lists = this.client.getQueriesData<Pages>({ queryKey: keys.lists(this.owner) });
    for (const [, pages] of lists) {
      const found = tasksOf(pages).find((task) => task.id === id);
      if (found) return found;
    }
    return undefined;
  }

  /** The ids of the tasks with just these words, as far as they were loaded. */
  sameAs(words: Words): string[] {
    const lists = this.client.getQueriesData<Pages>({ queryKey: keys.lists(this.owner) });
    const same = lists.flatMap(([, pages]) => tasksOf(pages).filter((task) => sameWords(task, words)));
    return [...new Set(same.map(({ id }) => id))];
  }

  async apply(change: Change): Promise<void> {
    const { client, owner } = this;
    // Anything that was asked before this change was confirmed may answer with how things were: it is called off and
    // asked again. Called off before the change is written, because that also takes back what was written meanwhile.
    const overtaken = client.isFetching({ queryKey: keys.lists(owner) }) > 0;
    await client.cancelQueries({ queryKey: keys.all(owner) });
    const before = change.kind === "cleared" ? undefined : this.find(idOf(change));
    for (const query of client.getQueryCache().findAll({ queryKey: keys.lists(owner) })) {
      const filter = query.queryKey[3] as Filter;
      client.setQueryData<Pages>(query.queryKey, (pages) => pages && patched(pages, filter, change));
    }
    const isNew = change.kind === "saved" && change.task.created_at === change.task.updated_at && !before;
    client.setQueryData<Counts>(
      keys.counts(owner),
      (counts) => counts && recounted(counts, change, before, isNew),
    );
    const anew = overtaken || change.kind === "cleared";
    void client.invalidateQueries({ queryKey: anew ? keys.all(owner) : keys.counts(owner) });
  }

  /**
   * Asks for everything anew: something is different from what this page thought. What is said meanwhile is asked for
   * afterwards, so that many changes one after the other do not keep an answer from ever coming.
   */
  refresh(): void {
    this.wanted = true;
    if (!this.refreshing) void this.refreshAll();
  }

  private wanted = false;
  private refreshing = false;

  private async refreshAll(): Promise<void> {
    this.refreshing = true;
    while (this.wanted) {
      this.wanted = false;
      await this.client.invalidateQueries({ queryKey: keys.all(this.owner) });
    }
    this.refreshing = false;
  }

  forget(): void {
    this.client.clear();
  }
}
