import { describe, expect, it, vi } from "vitest";
import { ApiProblem } from "@/lib/api/problem";
import type { Tagged, Task, TasksApi } from "@/lib/api/tasks";
import type { EditOp, Op } from "@/lib/tasks/ops";
import { Replay, Versions } from "@/lib/tasks/replay";
import { AT, base, task, words } from "./tasks";

const T1 = "2026-11-21T10:00:00Z";
const tagged = (changes: Partial<Task> = {}): Tagged => {
  const made = task(changes);
  return { task: made, etag: `"${made.updated_at}"` };
};
const common = { id: "op", at: AT, state: "sending", attempts: 1 } as const;
const edit: EditOp = { ...common, kind: "edit", taskId: "t", base: base(), ...words({ title: "mine" }) };
const remove: Op = { ...common, kind: "delete", taskId: "t", base: base(), completed: false };

function replay(api: Partial<TasksApi>) {
  const publish = vi.fn(async () => {});
  return { send: new Replay(api as TasksApi, new Versions(), publish).send, publish };
}

describe("replaying a change", () => {
  it("names the version it was made on, and sends only what differs", async () => {
    const patch = vi.fn(async () => tagged({ title: "mine", updated_at: T1 }));
    const { send } = replay({ edit: patch });
    expect(await send(edit)).toEqual({ state: "done" });
    expect(patch).toHaveBeenCalledWith("t", { title: "mine" }, `"${AT}"`);
  });

  it("goes on when only the tick changed meanwhile, naming the newer version", async () => {
    const patch = vi
      .fn<TasksApi["edit"]>()
      .mockRejectedValueOnce(new ApiProblem("changed"))
      .mockResolvedValueOnce(tagged({ title: "mine" }));
    const { send } = replay({ edit: patch, get: async () => tagged({ completed: true, updated_at: T1 }) });
    expect(await send(edit)).toEqual({ state: "done" });
    expect(patch.mock.calls[1]?.[2]).toBe(`"${T1}"`);
  });

  it("stops when the words themselves changed, and hands over theirs", async () => {
    const patch = vi.fn<TasksApi["edit"]>().mockRejectedValue(new ApiProblem("changed"));
    const theirs = tagged({ title: "theirs", updated_at: T1 });
    const { send } = replay({ edit: patch, get: async () => theirs });
    expect(await send(edit)).toMatchObject({
      state: "failed",
      failure: { kind: "changed", theirs: theirs.task },
    });
    expect(patch).toHaveBeenCalledTimes(1);
  });

  it("recognises its own words when an earlier answer was lost", async () => {
    const patch = vi.fn<TasksApi["edit"]>().mockRejectedValue(new ApiProblem("changed"));
    const { send } = replay({ edit: patch, get: async () => tagged({ title: "mine", updated_at: T1 }) });
    expect(await send(edit)).toEqual({ state: "done" });
  });

  it("does not delete what somebody has just rewritten", async () => {
    const gone = vi.fn<TasksApi["remove"]>().mockRejectedValue(new ApiProblem("changed"));
    const { send } = replay({
      remove: gone,
      get: async () => tagged({ title: "important now", updated_at: T1 }),
    });
    expect(await send(remove)).toMatchObject({ state: "failed", failure: { kind: "changed" } });
    expect(gone).toHaveBeenCalledTimes(1);
  });

  it("takes a task that is gone already for deleted", async () => {
    const { send, publish } = replay({ remove: async () => Promise.reject(new ApiProblem("gone")) });
    expect(await send(remove)).toEqual({ state: "done" });
    expect(publish).toHaveBeenCalledWith({ kind: "deleted", id: "t" });
  });

  it.each(["offline", "unreachable", "busy", "signed-out", "refused"] as const)(
    "tries again later when %s",
    async (kind) => {
      const { send } = replay({ setCompleted: async () => Promise.reject(new ApiProblem(kind)) });
      const toggle: Op = { ...common, kind: "toggle", taskId: "t", completed: true, title: "a" };
      expect(await send(toggle)).toMatchObject({ state: "later", problem: { kind } });
    },
  );

  it("gives an addition its id as Idempotency-Key, and learns the real one", async () => {
    const post = vi.fn(async () => tagged({ id: "real" }));
    const { send } = replay({ add: post });
    const op: Op = { ...common, kind: "add", ...words() };
    expect(await send(op)).toEqual({ state: "done", becomes: "real" });
    expect(post).toHaveBeenCalledWith(words(), "op");
  });
});
