"use client";
/** What a person can do with a task, and where the focus goes when they have. */
import { useMemo, useRef, useState } from "react";
import { announce } from "@/lib/announce";
import type { Task } from "@/lib/api/tasks";
import { sameWords, typedOf, type Words, wordsOf } from "@/lib/tasks/fields";
import { type Base, baseOf, type EditOp, type Op } from "@/lib/tasks/ops";
import type { Pinned, Row, Rows } from "@/lib/tasks/view";
import type { EditDraft } from "@/lib/tasks/work";
import { useDesk } from "../desk-provider";
import { allChecks, checkId, focusMain, focusSoon } from "./focus";

export interface TaskActions {
  /** Ticks or unticks; the focus goes on to the row that takes this one's place. */
  toggle: (task: Task) => void;
  remove: (task: Task) => void;
  edit: (taskId: string) => void;
  /** Opens the editor for an edit that was not finished before, and leaves the focus where it is. */
  resume: (draft: EditDraft) => void;
  closeEditor: (taskId: string, toRow: boolean) => void;
  save: (row: Row, base: Base, words: Words) => void;
  retry: (op: Op) => void;
  discard: (op: Op) => void;
  /** The words of an edit that was refused, in the editor again. */
  reopen: (op: EditOp) => void;
  /** In a conflict: these words over those that are there now. */
  keepMine: (op: EditOp) => void;
  /** In a conflict: the person's words in the editor, to be brought together by hand. */
  merge: (op: EditOp) => void;
  /** The task is gone, its new words are not. */
  saveAsNew: (op: EditOp) => void;
  clearCompleted: (shown: readonly Task[], count: number, until: string | undefined) => void;
}

export interface Editor extends Pinned {
  focused: boolean;
}

/** The open editors, by the key of their row: it stays the same when a new task gets its real id. */
export type Editors = ReadonlyMap<string, Editor>;

export interface Editing {
  editors: Editors;
  actions: TaskActions;
  /** Tells the actions what is on the page now. */
  show: (rows: Rows) => void;
}

export function useTaskActions(): Editing {
  const desk = useDesk();
  const [editors, setEditors] = useState<Editors>(new Map());
  const rows = useRef<Rows>(undefined);
  const actions = useMemo<TaskActions>(() => {
    const { outbox, work } = desk;
    const checkOf = (taskId: string) => document.getElementById(checkId(desk.rowKey(taskId)));
    const focusTask = (taskId: string) => focusSoon(() => checkOf(desk.idNow(taskId)));
    const find = (taskId: string): Pinned | undefined => {
      const { open = [], done = [] } = rows.current ?? {};
      const is = ({ task }: Row) => task.id === taskId;
      const row = open.find(is);
      if (row) return { row, place: "open" };
      const other = done.find(is);
      return other && { row: other, place: "done" };
    };
    const open = (taskId: string, pinned: Pinned, focused: boolean) =>
      setEditors((before) => new Map(before).set(desk.rowKey(taskId), { ...pinned, focused }));
    const edit = (taskId: string) => {
      const found = find(taskId);
      if (found) open(taskId, found, true);
    };
    /** The words wait in a draft while the change that carried them is taken back. */
    const backToEditor = (op: EditOp, base: Base) => {
      const found = find(op.taskId);
      work.keepEdit({ taskId: op.taskId, typed: typedOf(op), base });
      outbox.withdraw(op.id);
      if (found) open(op.taskId, found, true);
    };
    /** Does something that takes a task's row away, and moves the focus to the row that takes its place. */
    const focusNextTo = (taskId: string, act: () => void) => {
      const own = checkOf(taskId);
      // Of the same list: working through the open ones must not run on into the completed ones.
      const list = own?.closest("ul");
      const checks = allChecks().filter((check) => list?.contains(check));
      const at = own ? checks.indexOf(own) : -1;
      const next = checks[at + 1] ?? checks[at - 1];
      act();
      if (next) next.focus();
      else focusMain();
    };
    const discard = (op: Op) => {
      if (op.failure?.kind === "gone" && "taskId" in op)
        void desk.cache.apply({ kind: "deleted", id: op.taskId });
      outbox.withdraw(op.id);
      announce("Your change was discarded");
    };
    return {
      toggle: (task) => {
        const tick = () => desk.toggle(task, () => focusTask(task.id));
        const inside = checkOf(task.id)?.closest("[data-row]")?.contains(document.activeElement);
        if (inside) focusNextTo(task.id, tick);
        else tick();
      },
      remove: (task) => focusNextTo(task.id, () => desk.remove(task, () => focusTask(task.id))),
      edit,
      resume: ({ taskId, base }) => {
        const { updatedAt } = base;
        const times = { created_at: updatedAt, updated_at: updatedAt };
        const task: Task = { id: taskId, ...wordsOf(base), completed: false, ...times };
        const missing: Pinned = { row: { task, saving: false, stuck: undefined }, place: "open" };
        open(taskId, find(taskId) ?? missing, false);
      },
      closeEditor: (taskId, toRow) => {
        setEditors((before) => {
          const after = new Map(before);
          after.delete(desk.rowKey(taskId));
          return after;
        });
        if (toRow) checkOf(taskId)?.focus({ preventScroll: true });
      },
      save: ({ task, stuck }, base, words) => {
        const failed = stuck?.state === "failed" ? stuck : undefined;
        // Back to the words that the service has: nothing is left to save.
        if (sameWords(words, base)) {
          if (failed?.kind === "edit") discard(failed);
          return;
        }
        // A change that failed is replaced by its correction.
        if (failed?.kind === "add") return outbox.retry(failed.id, words);
        if (failed?.kind === "edit") outbox.withdraw(failed.id);
        desk.edit(task.id, base, words);
      },
      retry: (op) => (op.state === "failed" ? outbox.retry(op.id) : outbox.wake()),
      discard,
      reopen: (op) => backToEditor(op, op.base),
      keepMine: (op) => {
        const { theirs } = op.failure ?? {};
        if (theirs) outbox.retry(op.id, { base: baseOf(theirs) });
      },
      merge: (op) => backToEditor(op, op.failure?.theirs ? baseOf(op.failure.theirs) : op.base),
      saveAsNew: (op) => {
        outbox.withdraw(op.id);
        void desk.cache.apply({ kind: "deleted", id: op.taskId });
        desk.add(wordsOf(op));
      },
      clearCompleted: (shown, count, until) => {
        desk.clearCompleted(shown, count, until, () =>
          focusSoon(() => document.querySelector<HTMLElement>("[data-clear]")),
        );
        focusMain();
      },
    };
  }, [desk]);
  const show = useMemo(
    () => (now: Rows) => {
      rows.current = now;
    },
    [],
  );
  return { editors, actions, show };
}
