import { describe, expect, it, vi } from "vitest";
import type { Task, TasksApi } from "@/lib/api/tasks";
import { clearSeen } from "@/lib/tasks/clearing";
import type { ClearOp } from "@/lib/tasks/ops";
import { AT, task, words } from "./tasks";

const at = (second: number) => `2026-11-21T09:00:0${second}Z`;
const done = (id: string, second: number): Task =>
  task({ id, title: id, completed: true, updated_at: at(second) });

function service(tasks: Task[]) {
  const clearCompleted = vi.fn(async (_until: string) => 1);
  const remove = vi.fn(async (_id: string, _etag: string | null) => {});
  const list = async () => ({ items: tasks, next_cursor: null });
  return { api: { list, clearCompleted, remove } as unknown as TasksApi, clearCompleted, remove };
}

const clear = (changes: Partial<ClearOp>): ClearOp => ({
  id: "c",
  at: AT,
  state: "sending",
  attempts: 1,
  kind: "clear",
  seen: {},
  until: undefined,
  ...changes,
});

describe("clearing completed tasks", () => {
  it("takes what was shown as completed and what is older than that, in one request", async () => {
    const { api, clearCompleted, remove } = service([done("a", 1), done("b", 2)]);
    await clearSeen(api, clear({ seen: { b: words({ title: "b" }) }, until: at(2) }));
    expect(clearCompleted.mock.calls).toEqual([[at(2)]]);
    expect(remove).not.toHaveBeenCalled();
  });

  it("leaves a task that the page showed as open, because unticking it was not sent yet", async () => {
    const { api, clearCompleted, remove } = service([done("a", 1), done("open", 2), done("b", 3)]);
    const seen = { a: words({ title: "a" }), b: words({ title: "b" }) };
    await clearSeen(api, clear({ seen, until: at(3), open: ["open"] }));
    expect(clearCompleted.mock.calls).toEqual([[at(1)]]);
    expect(remove.mock.calls).toEqual([["b", `"${at(3)}"`]]);
  });
});
