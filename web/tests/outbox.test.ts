import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { ApiProblem } from "@/lib/api/problem";
import type { Op } from "@/lib/tasks/ops";
import { Outbox, type Outcome } from "@/lib/tasks/outbox";
import { base, words } from "./tasks";

let count = 0;
const common = (): Pick<Op, "id" | "at" | "state" | "attempts"> => {
  count += 1;
  return { id: `op-${count}`, at: "2026-11-21T09:00:00Z", state: "queued", attempts: 0 };
};
const add = (title: string): Op => ({ ...common(), kind: "add", ...words({ title }) });
const edit = (taskId: string, title: string): Op => ({
  ...common(),
  kind: "edit",
  taskId,
  base: base(),
  ...words({ title }),
});
const toggle = (taskId: string, completed: boolean): Op => ({
  ...common(),
  kind: "toggle",
  taskId,
  completed,
  title: "a",
});
const remove = (taskId: string): Op => ({
  ...common(),
  kind: "delete",
  taskId,
  base: base(),
  completed: false,
  state: "held",
});

const done: Outcome = { state: "done" };
const later = (kind: ApiProblem["kind"], retryAfter?: number): Outcome => ({
  state: "later",
  problem: new ApiProblem(kind, { retryAfter }),
});
const failed: Outcome = { state: "failed", failure: { kind: "invalid", message: "no", fields: [] } };

function outbox(answer: (op: Op) => Outcome | Promise<Outcome> = () => done) {
  const sent: Op[] = [];
  const saved: (readonly Op[])[] = [];
  const onRefused = vi.fn();
  const onSignedOut = vi.fn();
  const box = new Outbox({
    send: async (op) => {
      sent.push(op);
      return answer(op);
    },
    save: (ops) => saved.push(ops),
    onRefused,
    onSignedOut,
  });
  return { box, sent, saved, onRefused, onSignedOut, ops: () => box.snapshot().ops };
}

beforeEach(() => {
  vi.useFakeTimers();
});

afterEach(() => {
  vi.useRealTimers();
});

const settle = () => vi.advanceTimersByTimeAsync(0);

describe("the outbox", () => {
  it("sends in order, one at a time", async () => {
    let under = 0;
    let most = 0;
    const { box, sent, ops } = outbox(async () => {
      under += 1;
      most = Math.max(most, under);
      await new Promise((resolve) => setTimeout(resolve, 10));
      under -= 1;
      return done;
    });
    const all = [add("one"), toggle("t", true), add("two")];
    for (const op of all) box.push(op);
    await vi.advanceTimersByTimeAsync(100);
    expect(sent.map(({ id }) => id)).toEqual(all.map(({ id }) => id));
    expect(most).toBe(1);
    expect(ops()).toEqual([]);
  });

  it("keeps everything when nothing answers, and sends it in order when something does", async () => {
    let up = false;
    const { box, sent, ops } = outbox(() => (up ? done : later("unreachable")));
    box.push(add("one"));
    box.push(add("two"));
    await settle();
    expect(ops()).toHaveLength(2);
    expect(box.snapshot().waiting?.kind).toBe("unreachable");
    up = true;
    sent.length = 0;
    await vi.advanceTimersByTimeAsync(1_000);
    expect(sent.map((op) => op.kind === "add" && op.title)).toEqual(["one", "two"]);
    expect(ops()).toEqual([]);
  });

  it("waits exactly as long as Retry-After says", async () => {
    const answers = [later("busy", 7), done];
    const { box, sent } = outbox(() => answers.shift() ?? done);
    box.push(add("one"));
    await vi.advanceTimersByTimeAsync(6_900);
    expect(sent).toHaveLength(1);
    await vi.advanceTimersByTimeAsync(200);
    expect(sent).toHaveLength(2);
  });

  it("backs off further each time, and begins anew after a success", async () => {
    const { box, sent } = outbox(() => later("unreachable"));
    box.push(add("one"));
    const at: number[] = [];
    for (let second = 0; second < 16; second += 1) {
      await vi.advanceTimersByTimeAsync(1_000);
      at.push(sent.length);
    }
    // tried at 0, 1, 3, 7 and 15 seconds
    expect(at[15]).toBe(5);
  });

  it("keeps the words of a refused addition, and takes back a refused tick with a notice", async () => {
    const { box, ops, onRefused } = outbox(() => failed);
    box.push(add("one"));
    box.push(toggle("t", true));
    await settle();
    expect(ops()).toMatchObject([{ kind: "add", state: "failed", failure: { kind: "invalid" } }]);
    expect(onRefused).toHaveBeenCalledOnce();
  });

  it("sends a retried addition under the same key", async () => {
    const answers = [failed, done];
    const { box, sent, ops } = outbox(() => answers.shift() ?? done);
    box.push(add("one"));
    await settle();
    box.retry(ops()[0]?.id ?? "");
    await settle();
    expect(sent[0]?.id).toBe(sent[1]?.id);
    expect(ops()).toEqual([]);
  });

  it("gives later changes the real id of a task that has just been made", async () => {
    const { box, sent } = outbox(async (op) => {
      await new Promise((resolve) => setTimeout(resolve, 10));
      return op.kind === "add" ? { state: "done", becomes: "real" } : done;
    });
    const made = add("one");
    box.push(made);
    await settle();
    box.push(toggle(made.id, true));
    await vi.advanceTimersByTimeAsync(100);
    expect(sent[1]).toMatchObject({ kind: "toggle", taskId: "real" });
  });

  it("never sends a change past a failed one of the same task", async () => {
    const { box, sent } = outbox((op) => (op.kind === "edit" ? failed : done));
    box.push(edit("t", "b"));
    await settle();
    box.push(toggle("t", true));
    box.push(toggle("other", true));
    await settle();
    expect(sent.map((op) => op.kind === "toggle" && op.taskId)).toEqual([false, "other"]);
  });

  it("holds a deletion until it is released, lets others pass, and forgets it when it is undone", async () => {
    const { box, sent, ops } = outbox();
    const first = remove("t");
    const second = remove("u");
    box.push(first);
    box.push(second);
    box.push(add("meanwhile"));
    await settle();
    expect(sent.map(({ kind }) => kind)).toEqual(["add"]);
    expect(box.withdraw(first.id)).toBe(true);
    box.release(second.id);
    await settle();
    expect(sent.map(({ id }) => id)).toContain(second.id);
    expect(sent.map(({ id }) => id)).not.toContain(first.id);
    expect(ops()).toEqual([]);
  });

  it("does not undo what is on its way", async () => {
    const { box } = outbox(() => new Promise(() => {}));
    const op = remove("t");
    box.push(op);
    box.release(op.id);
    await settle();
    expect(box.withdraw(op.id)).toBe(false);
  });

  it("makes ten clicks without a connection one request", async () => {
    let up = false;
    const { box, sent, ops } = outbox(() => (up ? done : later("offline")));
    for (let click = 0; click < 10; click += 1) {
      box.push(toggle("t", click % 2 === 0));
      await settle();
    }
    expect(ops()).toHaveLength(1);
    up = true;
    sent.length = 0;
    box.wake();
    await settle();
    expect(sent).toMatchObject([{ completed: false }]);
  });

  it("joins an edit to an addition that was never tried, and never to one that was", async () => {
    const { box, ops } = outbox(() => later("offline"));
    box.push(toggle("t", true));
    await settle();
    const made = add("one");
    box.push(made);
    box.push(edit(made.id, "one, better"));
    expect(ops()).toHaveLength(2);
    expect(ops()[1]).toMatchObject({ kind: "add", title: "one, better" });
    const { box: tried, ops: triedOps } = outbox(() => later("offline"));
    const attempted = add("two");
    tried.push(attempted);
    await settle();
    tried.push(edit(attempted.id, "two, better"));
    expect(triedOps().map(({ kind }) => kind)).toEqual(["add", "edit"]);
  });

  it.each(["signed-out", "refused"] as const)("stops and says so when %s, losing nothing", async (kind) => {
    const { box, ops, onSignedOut, sent } = outbox(() => later(kind));
    box.push(add("one"));
    await vi.advanceTimersByTimeAsync(60_000);
    expect(onSignedOut).toHaveBeenCalledWith(kind);
    expect(sent).toHaveLength(1);
    expect(ops()).toHaveLength(1);
  });

  it("sends what a closed page left behind, and no longer holds it", async () => {
    const { box, sent } = outbox();
    box.adopt([remove("t"), { ...add("one"), state: "sending" }]);
    await settle();
    expect(sent.map(({ kind }) => kind)).toEqual(["delete", "add"]);
  });

  it("saves every new list", () => {
    const { box, saved } = outbox(() => new Promise(() => {}));
    box.push(add("one"));
    expect(saved.at(-1)).toHaveLength(1);
    box.clear();
    expect(saved.at(-1)).toEqual([]);
  });
});
