"use client";
/** What a person can do with a task, and where the focus goes when they have. */
import { useMemo, useState } from "react";
import { announce } from "@/lib/announce";
import type { Task } from "@/lib/api/tasks";
import { type Base, baseOf, type EditOp, type Op, type Words } from "@/lib/tasks/ops";
import type { Row } from "@/lib/tasks/view";
import { useDesk } from "../desk-provider";
import { allChecks, checkId, focusHome, focusSoon } from "./focus";
import { useDrafts } from "./use-drafts";

export interface TaskActions {
  toggle: (task: Task) => void;
  remove: (task: Task) => void;
  edit: (taskId: string) => void;
  closeEditor: () => void;
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
  clearCompleted: (count: number) => void;
}

export function useTaskActions(): { editing: string | undefined; actions: TaskActions } {
  const desk = useDesk();
  const drafts = useDrafts();
  /** The key of the row being edited: it stays the same when a new task gets its real id. */
  const [editing, setEditing] = useState<string>();
  const actions = useMemo<TaskActions>(() => {
    const { outbox } = desk;
    const checkOf = (taskId: string) => document.getElementById(checkId(desk.rowKey(taskId)));
    const focusTask = (taskId: string) => focusSoon(() => checkOf(taskId));
    const open = (taskId: string) => setEditing(desk.rowKey(taskId));
    /** The words wait in a draft while the change that carried them is taken back. */
    const backToEditor = (op: EditOp, base: Base) => {
      drafts.keepEdit(op.taskId, { title: op.title, description: op.description ?? "", base });
      outbox.withdraw(op.id);
      open(op.taskId);
    };
    return {
      toggle: (task) => desk.toggle(task),
      remove: (task) => {
        const checks = allChecks();
        const own = checkOf(task.id);
        const at = own ? checks.indexOf(own) : -1;
        const next = checks[at + 1] ?? checks[at - 1];
        desk.remove(task, () => focusTask(task.id));
        if (next) next.focus();
        else focusHome();
      },
      edit: open,
      closeEditor: () => setEditing(undefined),
      save: ({ task, stuck }, base, words) => {
        // A change that failed is replaced by its correction.
        if (stuck?.kind === "add" && stuck.state === "failed") return outbox.retry(stuck.id, words);
        if (stuck?.kind === "edit" && stuck.state === "failed") outbox.withdraw(stuck.id);
        desk.edit(task.id, base, words);
      },
      retry: (op) => (op.state === "failed" ? outbox.retry(op.id) : outbox.wake()),
      discard: (op) => {
        if (op.failure?.kind === "gone" && "taskId" in op)
          void desk.cache.apply({ kind: "deleted", id: op.taskId });
        outbox.withdraw(op.id);
        announce("Your change was discarded");
      },
      reopen: (op) => backToEditor(op, op.base),
      keepMine: (op) => {
        const { theirs } = op.failure ?? {};
        if (theirs) outbox.retry(op.id, { base: baseOf(theirs) });
      },
      merge: (op) => backToEditor(op, op.failure?.theirs ? baseOf(op.failure.theirs) : op.base),
      saveAsNew: (op) => {
        outbox.withdraw(op.id);
        void desk.cache.apply({ kind: "deleted", id: op.taskId });
        desk.add({ title: op.title, description: op.description });
      },
      clearCompleted: (count) => {
        desk.clearCompleted(count, () =>
          focusSoon(() => document.querySelector<HTMLElement>("[data-clear]")),
        );
        focusHome();
      },
    };
  }, [desk, drafts]);
  return { editing, actions };
}
