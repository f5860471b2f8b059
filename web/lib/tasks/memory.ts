/**
 * What this browser remembers of a person's tasks, for the page that is opened without a connection. Never a token.
 * One record: whose turn comes next overwrites it, and signing out or being asked to sign in forgets it.
 */
import type { QueryClient } from "@tanstack/react-query";
import type { Counts, TaskPage } from "../api/tasks";
import type { FirstPage } from "../server/first-page";
import type { Person } from "../server/session";
import { keys, type Pages, tasksOf } from "./cache";

export type Known = Pick<Person, "id" | "name" | "email">;

export interface Memory {
  person: Known;
  first: FirstPage;
}

const NAME = "taskward-memory";
const KEY = "/memory";
/** So many changes within this time are written once. */
const PAUSE_MS = 300;

/** In the order they were asked for, so that nothing is written after it was forgotten. Without the store: nothing. */
let last: Promise<unknown> = Promise.resolve();
let forgotten = false;

function inTurn<T>(act: () => Promise<T>): Promise<T | undefined> {
  // No such store where the page is plain http; and some browsers refuse it in private windows.
  const next = last.then(() => ("caches" in globalThis ? act() : undefined)).catch(() => undefined);
  last = next;
  return next;
}

export function recall(): Promise<Memory | undefined> {
  return inTurn(async () => {
    const answer = await (await caches.open(NAME)).match(KEY);
    return answer && ((await answer.json()) as Memory);
  });
}

/** For as long as this page is open; what comes after signing in is another page. */
export function forgetMemory(): Promise<unknown> {
  forgotten = true;
  return inTurn(() => caches.delete(NAME));
}

function write(memory: Memory): void {
  void inTurn(async () => forgotten || (await caches.open(NAME)).put(KEY, Response.json(memory)));
}

function wholeOf(pages: Pages | undefined): TaskPage | undefined {
  return pages && { items: tasksOf(pages), next_cursor: pages.pages.at(-1)?.next_cursor ?? null };
}

/** Keeps what is remembered in step with what was loaded, until aborted. */
export function rememberFrom(client: QueryClient, person: Known, signal: AbortSignal): void {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const listOf = (completed: boolean) =>
    wholeOf(client.getQueryData<Pages>(keys.list(person.id, { completed, q: "" })));
  const save = () => {
    clearTimeout(timer);
    timer = undefined;
    const counts = client.getQueryData<Counts>(keys.counts(person.id));
    const [open, done] = [listOf(false), listOf(true)];
    if (counts && (open || done)) write({ person, first: { q: "", at: Date.now(), open, done, counts } });
  };
  const soon = () => {
    timer ??= setTimeout(save, PAUSE_MS);
  };
  const quiet = client.getQueryCache().subscribe(({ type }) => {
    if (type === "updated" || type === "added") soon();
  });
  window.addEventListener("pagehide", () => timer && save(), { signal });
  signal.addEventListener("abort", () => {
    clearTimeout(timer);
    quiet();
  });
}
