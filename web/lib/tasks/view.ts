/** What a person sees: the service's lists with their own unsent changes laid over them. Pure. */
import type { Counts, Task } from "../api/tasks";
import { matches, sameWords, wordsOf } from "./fields";
import { type AddOp, type Op, taskOf } from "./ops";
import { lastTouchedFirst, newestFirst } from "./order";

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

export type Place = "open" | "done";

/** A row whose editor is open: it stays in its place, whatever happens to its task meanwhile. */
export interface Pinned {
  /** As it was when the editor opened. */
  row: Row;
  place: Place;
}

export interface Rows {
  open: Row[];
  done: Row[];
  /** How many tasks that is, without rows that only their editor keeps. */
  counts: Counts;
}

interface View {
  q?: string;
  pinned?: readonly Pinned[];
  /** The id a task goes by now; that of a new task changes when it is saved. */
  idNow?: (id: string) => string;
  /** Whether a task was added by this page, and confirmed. */
  isOwn?: (id: string) => boolean;
}

/**
 * The task that an addition has made already, although its answer is still on its way or was lost: it stands in the
 * list as the addition does, and would be shown twice.
 */
export function twinOf(op: AddOp, tasks: Iterable<Task>, isOwn: (id: string) => boolean): Task | undefined {
  const { attempts, others } = op;
  if (attempts === 0 || !others) return undefined;
  for (const task of tasks)
    if (!task.completed && sameWords(task, op) && !others.includes(task.id) && !isOwn(task.id)) return task;
  return undefined;
}

function draftOf(op: AddOp): Task {
  return { id: op.id, ...wordsOf(op), completed: false, created_at: op.at, updated_at: op.at };
}

function changed(row: Row, op: Op): Row | undefined {
  const stuck = op.state === "failed" || op.attempts > 0 ? op : row.stuck;
  switch (op.kind) {
    case "edit":
      return { task: { ...row.task, ...wordsOf(op) }, saving: true, stuck };
    case "toggle":
      return { ...row, task: { ...row.task, completed: op.completed } };
    case "delete":
      return undefined;
    default:
      return row;
  }
}

/** A task that is gone, or not on this page: its new words need a place all the same. */
function homeless(op: Extract<Op, { kind: "edit" }>): Task {
  const { updatedAt } = op.base;
  return { id: op.taskId, ...wordsOf(op), completed: false, created_at: updatedAt, updated_at: updatedAt };
}

export function rowsOf({ open, done }: Lists, ops: readonly Op[], view: View = {}): Rows {
  const { q = "", pinned = [], idNow = (id) => id, isOwn = () => false } = view;
  const rows = new Map<string, Row>();
  for (const task of [...open, ...done]) rows.set(task.id, { task, saving: false, stuck: undefined });
  const added = new Set<string>();
  const ticked = new Map<string, number>();
  for (const [order, op] of ops.entries()) {
    if (op.kind === "clear") {
      for (const [id, { task }] of rows) if (task.completed && id in op.seen) rows.delete(id);
      continue;
    }
    const id = taskOf(op) ?? "";
    if (op.kind === "add") {
      const made = twinOf(
        op,
        [...rows.values()].filter(({ saving }) => !saving).map(({ task }) => task),
        isOwn,
      );
      if (made) rows.delete(made.id);
      // Shown although a search would not find it: it was just typed here.
      rows.set(id, { task: draftOf(op), saving: true, stuck: op.attempts > 0 ? op : undefined });
      added.add(id);
      continue;
    }
    if (op.kind === "edit" && op.state === "failed" && !rows.has(id))
      rows.set(id, { task: homeless(op), saving: true, stuck: op });
    const row = rows.get(id);
    if (!row) continue;
    const next = changed(row, op);
    if (next) rows.set(id, next);
    else rows.delete(id);
    if (op.kind === "toggle") ticked.set(id, order);
  }
  const place = (row: Row): number => {
    const { id, completed } = row.task;
    // Not confirmed yet: on top, the latest first, since this browser's clock says nothing about the service's.
    if (completed) return ticked.get(id) ?? -1;
    return added.has(id) ? [...added].indexOf(id) : -1;
  };
  const inOrder = (a: Row, b: Row) =>
    place(b) - place(a) || (a.task.completed ? lastTouchedFirst : newestFirst)(a.task, b.task);
  const found = [...rows.values()].filter((row) => row.saving || matches(row.task, q));
  const counts = {
    open: found.filter(({ task }) => !task.completed).length,
    completed: found.filter(({ task }) => task.completed).length,
  };
  const kept = pinned.map(({ row, place: where }) => {
    const current = rows.get(idNow(row.task.id));
    return { where, was: row.task, row: current ?? row };
  });
  const isKept = (row: Row) => kept.some((each) => each.row === row);
  const listOf = (where: Place): Row[] => {
    const list = found
      .filter((row) => row.task.completed === (where === "done") && !isKept(row))
      .sort(inOrder);
    for (const each of kept.filter((one) => one.where === where)) {
      const compare = where === "done" ? lastTouchedFirst : newestFirst;
      const at = list.findIndex((row) => place(row) < 0 && compare(each.was, row.task) < 0);
      list.splice(at < 0 ? list.length : at, 0, each.row);
    }
    return list;
  };
  return { open: listOf("open"), done: listOf("done"), counts };
}

/**
 * The service's counts with the unsent changes added. `known` finds a task in what has been loaded, `isMade` says that
 * an addition is among them already.
 */
export function countsOf(
  counts: Counts,
  ops: readonly Op[],
  known: (id: string) => Task | undefined,
  isMade: (op: AddOp) => boolean = () => false,
): Counts {
  let { open, completed } = counts;
  const state = new Map<string, boolean>();
  const stateOf = (id: string) => state.get(id) ?? known(id)?.completed;
  for (const op of ops) {
    if (op.state === "failed") continue;
    if (op.kind === "clear") {
      completed = 0;
    } else if (op.kind === "add") {
      if (!isMade(op)) open += 1;
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
