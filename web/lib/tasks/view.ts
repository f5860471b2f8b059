/** What a person sees: the service's lists with their own unsent changes laid over them. Pure. */
import type { Counts, Task } from "../api/tasks";
import { type Op, taskOf } from "./ops";

export interface Row {
  task: Task;
  /** Shown already, not confirmed yet. */
  saving: boolean;
  /** The change to this task that waits for the person, or that has been tried in vain. */
  stuck: Op | undefined;
}

export interface Lists {
  open: readonly Task[];
  done: readonly Task[];
}

export interface Rows {
  open: Row[];
  done: Row[];
}

export function matches(task: Pick<Task, "title" | "description">, q: string): boolean {
  const needle = q.toLowerCase();
  return `${task.title}\n${task.description ?? ""}`.toLowerCase().includes(needle);
}

/** Newest first, as the service lists: ids are UUIDv7, whose order is the order of creation. */
export function newestFirst(a: Task, b: Task): number {
  return a.id < b.id ? 1 : a.id > b.id ? -1 : 0;
}

function draftOf(op: Extract<Op, { kind: "add" }>): Task {
  const { id, title, description, at } = op;
  return { id, title, description, completed: false, created_at: at, updated_at: at };
}

function changed(row: Row, op: Op): Row | undefined {
  const stuck = op.state === "failed" || op.attempts > 0 ? op : row.stuck;
  switch (op.kind) {
    case "edit":
      return { task: { ...row.task, title: op.title, description: op.description }, saving: true, stuck };
    case "toggle":
      return { ...row, task: { ...row.task, completed: op.completed } };
    case "delete":
      return undefined;
    default:
      return row;
  }
}

export function rowsOf({ open, done }: Lists, ops: readonly Op[], q = ""): Rows {
  const rows = new Map<string, Row>();
  for (const task of [...open, ...done]) rows.set(task.id, { task, saving: false, stuck: undefined });
  const added: Row[] = [];
  for (const op of ops) {
    if (op.kind === "clear") {
      for (const [id, row] of rows) if (row.task.completed) rows.delete(id);
      continue;
    }
    const id = taskOf(op) ?? "";
    if (op.kind === "add") {
      // Shown although a search would not find it: it was just typed here.
      const row = { task: draftOf(op), saving: true, stuck: op.attempts > 0 ? op : undefined };
      rows.set(id, row);
      added.unshift(row);
      continue;
    }
    const row = rows.get(id);
    if (!row) continue;
    const next = changed(row, op);
    const place = added.indexOf(row);
    if (place >= 0) added.splice(place, 1, ...(next ? [next] : []));
    if (next) rows.set(id, next);
    else rows.delete(id);
  }
  const settled = [...rows.values()]
    .filter((row) => !added.includes(row) && (row.saving || matches(row.task, q)))
    .sort((a, b) => newestFirst(a.task, b.task));
  const all = [...added, ...settled];
  return { open: all.filter(({ task }) => !task.completed), done: all.filter(({ task }) => task.completed) };
}

/** The service's counts with the unsent changes added. `known` finds a task in what has been loaded. */
export function countsOf(
  counts: Counts,
  ops: readonly Op[],
  known: (id: string) => Task | undefined,
): Counts {
  let { open, completed } = counts;
  const state = new Map<string, boolean>();
  const stateOf = (id: string) => state.get(id) ?? known(id)?.completed;
  for (const op of ops) {
    if (op.state === "failed") continue;
    if (op.kind === "clear") {
      completed = 0;
    } else if (op.kind === "add") {
      open += 1;
      state.set(op.id, false);
    } else if (op.kind === "toggle" || op.kind === "delete") {
      const before = stateOf(op.taskId);
      if (before === undefined) continue;
      if (op.kind === "delete") {
        if (before) completed -= 1;
        else open -= 1;
      } else if (before !== op.completed) {
        open += op.completed ? -1 : 1;
        completed += op.completed ? 1 : -1;
        state.set(op.taskId, op.completed);
      }
    }
  }
  return { open: Math.max(0, open), completed: Math.max(0, completed) };
}
