/** The changes a person makes, as things that wait their turn to be sent. */
import type { FieldProblem, ProblemKind } from "../api/problem";
import type { Task } from "../api/tasks";
import { type Words, wordsOf } from "./fields";

/** The words a change starts from, and when the task was last touched then. */
export type Base = Words & { updatedAt: string };

export interface Failure {
  kind: ProblemKind;
  message: string;
  fields: readonly FieldProblem[];
  /** With "changed": the task as it is now at the service. */
  theirs?: Task;
}

interface Common {
  id: string;
  /** When the person did it, RFC 3339. */
  at: string;
  /** held: may still be undone, not sent yet. */
  state: "held" | "queued" | "sending" | "failed";
  attempts: number;
  failure?: Failure;
}

/**
 * Until it is confirmed the new task goes by the change's own id, which is also its Idempotency-Key. `others`: the tasks
 * with the same words that were there before.
 */
export type AddOp = Common & { kind: "add"; others?: readonly string[] } & Words;
export type EditOp = Common & { kind: "edit"; taskId: string; base: Base } & Words;
export type ToggleOp = Common & { kind: "toggle"; taskId: string; completed: boolean; title: string };
/** `completed`: as the person saw it. A task that was opened again elsewhere is not deleted. */
export type DeleteOp = Common & { kind: "delete"; taskId: string; base: Base; completed: boolean };
/**
 * `seen`: the completed tasks that were on the page, by id; `until`: the newest of those the service listed; `open`: the
 * tasks that the page showed as open although the service may still have them as completed.
 */
export type ClearOp = Common & {
  kind: "clear";
  seen: Record<string, Words>;
  until: string | undefined;
  open?: readonly string[];
};
export type Op = AddOp | EditOp | ToggleOp | DeleteOp | ClearOp;

export const taskOf = (op: Op): string | undefined =>
  op.kind === "add" ? op.id : op.kind === "clear" ? undefined : op.taskId;

/** The tasks that were unticked and are not sent yet. */
export const reopenedIn = (ops: readonly Op[]): string[] =>
  ops.flatMap((op) => (op.kind === "toggle" && !op.completed ? [op.taskId] : []));

export function baseOf(task: Task): Base {
  return { ...wordsOf(task), updatedAt: task.updated_at };
}

/**
 * Joins a new change to one that has not been sent, so that ten clicks offline are one request. An `add` that was
 * tried is left alone: its key stands for the body it was first sent with.
 */
export function withOp(ops: readonly Op[], op: Op): Op[] {
  const index = ops.findLastIndex((earlier) => taskOf(earlier) === taskOf(op) && taskOf(op) !== undefined);
  const last = ops[index];
  if (last?.state !== "queued") return [...ops, op];
  const joined = join(last, op);
  return joined ? ops.with(index, joined) : [...ops, op];
}

function join(last: Op, op: Op): Op | undefined {
  if (op.kind === "toggle" && last.kind === "toggle") return { ...last, completed: op.completed };
  if (op.kind !== "edit") return undefined;
  const words = wordsOf(op);
  if (last.kind === "edit") return { ...last, ...words };
  if (last.kind === "add" && last.attempts === 0) return { ...last, ...words };
  return undefined;
}

/** A task got its real id: later changes to it must go there. */
export function renamed(ops: readonly Op[], from: string, to: string): Op[] {
  return ops.map((op) => ("taskId" in op && op.taskId === from ? { ...op, taskId: to } : op));
}

/** The first change that may be sent now: in order, and never past another one of the same task. */
export function nextReady(ops: readonly Op[]): Op | undefined {
  const blocked = new Set<string>();
  for (const op of ops) {
    const task = taskOf(op);
    if (op.state === "queued" && !(task && blocked.has(task))) return op;
    if (task) blocked.add(task);
  }
  return undefined;
}
