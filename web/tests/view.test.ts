import { QueryClient } from "@tanstack/react-query";
import { describe, expect, it } from "vitest";
import type { Task } from "@/lib/api/tasks";
import { keys, listed, type Pages, patched, TaskCache, tasksOf } from "@/lib/tasks/cache";
import { matches } from "@/lib/tasks/fields";
import type { Op } from "@/lib/tasks/ops";
import { countsOf, rowsOf } from "@/lib/tasks/view";
import { AT, task as aTask, base, words } from "./tasks";

const task = (id: string, title = id, completed = false): Task => aTask({ id, title, completed });
const common = { at: AT, state: "queued", attempts: 0 } as const;
const open = [task("3"), task("1")];
const done = [task("2", "2", true)];
const ids = (rows: { task: Task }[]) => rows.map((row) => row.task.id);

describe("what a person sees", () => {
  it("is what the service has, when nothing is on its way", () => {
    const rows = rowsOf({ open, done }, []);
    expect([ids(rows.open), ids(rows.done)]).toEqual([["3", "1"], ["2"]]);
  });

  it("has new tasks on top, the newest first, marked as unsaved", () => {
    const ops: Op[] = [
      { ...common, id: "x", kind: "add", ...words({ title: "x" }) },
      { ...common, id: "y", kind: "add", ...words({ title: "y" }) },
    ];
    const rows = rowsOf({ open, done }, ops);
    expect(ids(rows.open)).toEqual(["y", "x", "3", "1"]);
    expect(rows.open.map(({ saving }) => saving)).toEqual([true, true, false, false]);
  });

  it("has a task once that was added already although the answer is not there yet", () => {
    const add = { ...common, id: "x", kind: "add", ...words({ title: "same" }) } as const;
    const older = task("0", "same");
    const made = task("4", "same");
    const tried: Op = { ...add, attempts: 1, others: ["0"] };
    const shown = (op: Op, isOwn = () => false) =>
      ids(rowsOf({ open: [made, older], done }, [op], { isOwn }).open);
    expect(shown(tried)).toEqual(["x", "0"]);
    expect(rowsOf({ open: [made, older], done }, [tried]).counts.open).toBe(2);
    const both: Op[] = [tried, { ...tried, id: "y" }];
    expect(ids(rowsOf({ open: [task("5", "same"), made, older], done }, both).open)).toEqual(["y", "x", "0"]);
    // Not sent yet, added by this page before, other words, or not known: nothing is hidden.
    expect(shown({ ...tried, attempts: 0 })).toEqual(["x", "4", "0"]);
    expect(shown(tried, () => true)).toEqual(["x", "4", "0"]);
    expect(shown({ ...tried, title: "other" })).toEqual(["x", "4", "0"]);
    expect(shown({ ...add, attempts: 1 })).toEqual(["x", "4", "0"]);
    expect(
      countsOf(
        { open: 2, completed: 0 },
        [tried],
        () => undefined,
        () => true,
      ).open,
    ).toBe(2);
  });

  it("has ticked tasks below, in their place", () => {
    const rows = rowsOf({ open, done }, [
      { ...common, id: "x", kind: "toggle", taskId: "3", completed: true, title: "" },
    ]);
    expect([ids(rows.open), ids(rows.done)]).toEqual([["1"], ["3", "2"]]);
  });

  it("has no deleted and no cleared tasks", () => {
    const rows = rowsOf({ open, done }, [
      { ...common, id: "x", kind: "delete", state: "held", taskId: "1", base: base(), completed: false },
      {
        ...common,
        id: "y",
        kind: "clear",
        state: "held",
        seen: { "2": words({ title: "2" }) },
        until: AT,
      },
    ]);
    expect([ids(rows.open), ids(rows.done)]).toEqual([["3"], []]);
  });

  it("follows a task that is new, changed and ticked before any of it was sent", () => {
    const rows = rowsOf({ open, done }, [
      { ...common, id: "x", kind: "add", ...words({ title: "x" }) },
      {
        ...common,
        id: "e",
        kind: "edit",
        taskId: "x",
        base: base(),
        ...words({ title: "better", description: "d" }),
      },
      { ...common, id: "t", kind: "toggle", taskId: "x", completed: true, title: "" },
    ]);
    expect(rows.done[0]?.task).toMatchObject({ id: "x", title: "better", description: "d", completed: true });
    expect(ids(rows.open)).toEqual(["3", "1"]);
  });

  it("counts what was done, not what failed", () => {
    const known = (id: string) => [...open, ...done].find((each) => each.id === id);
    const ops: Op[] = [
      { ...common, id: "x", kind: "add", ...words({ title: "x" }) },
      { ...common, id: "f", kind: "add", ...words({ title: "f" }), state: "failed" },
      { ...common, id: "t", kind: "toggle", taskId: "x", completed: true, title: "" },
      { ...common, id: "u", kind: "toggle", taskId: "3", completed: true, title: "" },
      { ...common, id: "d", kind: "delete", taskId: "2", base: base(), completed: true },
    ];
    expect(countsOf({ open: 2, completed: 1 }, ops, known)).toEqual({ open: 1, completed: 2 });
  });

  it("searches title and description without regard to case", () => {
    expect(matches(words({ title: "Ünï" }), "ÜNÏ")).toBe(true);
    expect(matches(words({ description: "Bcd" }), "bC")).toBe(true);
    expect(matches(words({ description: "b" }), "ab")).toBe(false);
  });
});

const pagesOf = (...pages: Task[][]): Pages => ({
  pages: pages.map((items) => listed({ items, next_cursor: null })),
  pageParams: pages.map(() => undefined),
});

describe("the lists that are kept", () => {
  it("take a task in where it belongs, and out of where it no longer does", () => {
    const saved = { kind: "saved", task: task("2") } as const;
    const pages = pagesOf([task("4"), task("3")], [task("1")]);
    expect(tasksOf(patched(pages, { completed: false, q: "" }, saved)).map(({ id }) => id)).toEqual([
      "4",
      "3",
      "2",
      "1",
    ]);
    expect(tasksOf(patched(pagesOf([task("2")]), { completed: true, q: "" }, saved))).toEqual([]);
    expect(tasksOf(patched(pages, { completed: false, q: "zzz" }, saved)).map(({ id }) => id)).not.toContain(
      "2",
    );
  });

  it("show a task once although two pages have it", () => {
    expect(tasksOf(pagesOf([task("2")], [task("2"), task("1")])).map(({ id }) => id)).toEqual(["2", "1"]);
  });

  it("do not let an answer that was asked for earlier undo a change", async () => {
    const client = new QueryClient({ defaultOptions: { queries: { retry: false } } });
    const key = keys.list("ada", { completed: false, q: "" });
    let answer: (pages: Pages) => void = () => {};
    const asked = client.fetchQuery({
      queryKey: key,
      queryFn: () => new Promise<Pages>((resolve) => (answer = resolve)),
    });
    const stale = expect(asked).rejects.toThrow();
    const cache = new TaskCache(client, "ada");
    await cache.apply({ kind: "saved", task: task("1") });
    answer(pagesOf([]));
    await stale;
    expect(client.getQueryData(key)).toBeUndefined();
    expect(client.getQueryState(key)?.isInvalidated).toBe(true);
  });
});
