"use client";
/** Editing in place: Enter or leaving saves, Escape puts everything back. */
import { type FocusEvent, useEffect, useRef, useState } from "react";
import { announce } from "@/lib/announce";
import { exactTime } from "@/lib/relative-time";
import { FIELD_NAMES, FIELDS, typedOf } from "@/lib/tasks/fields";
import { baseOf } from "@/lib/tasks/ops";
import type { Row } from "@/lib/tasks/view";
import { useDesk } from "../desk-provider";
import { afterPress } from "./press";
import styles from "./row.module.css";
import type { TaskActions } from "./use-task-actions";
import { useWords } from "./use-words";
import { WordField } from "./word-field";

interface RowEditorProps {
  row: Row;
  titleId: string;
  /** False when the page opened it, for an edit that was not finished before: then the focus stays where it is. */
  focused: boolean;
  actions: TaskActions;
}

export function RowEditor({ row, titleId, focused, actions }: RowEditorProps) {
  const { task } = row;
  const { work } = useDesk();
  // The words as they were when the editor opened, or when the draft was begun: what comes in meanwhile is a conflict
  // to be shown, not a new beginning.
  const [{ base, start }] = useState(() => {
    const draft = work.editOf(task.id);
    const words = baseOf(task);
    // The words of an edit that failed are shown, but they are not what the service has.
    const failed = row.stuck?.kind === "edit" && row.stuck.state === "failed" ? row.stuck.base : undefined;
    return { base: draft?.base ?? failed ?? words, start: draft?.typed ?? typedOf(words) };
  });
  const over = useRef(false);
  const { form, problems, typed, focus, check, handlers } = useWords({
    problems: Object.fromEntries(
      (row.stuck?.failure?.fields ?? []).map(({ field, message }) => [field, message]),
    ),
    onTyped: (text) => work.keepEdit({ taskId: task.id, typed: text, base }),
    onSubmit: save,
    onEscape: revert,
  });

  const begin = useRef(() => focused && focus("title", true));
  useEffect(() => {
    begin.current();
  }, []);

  function close() {
    over.current = true;
    work.dropEdit(base);
    // The person is done with the words; their keys are for the row now.
    actions.closeEditor(task.id, Boolean(form.current?.contains(document.activeElement)));
  }

  function revert() {
    close();
    announce("Nothing changed");
  }

  function save() {
    if (over.current) return;
    const words = check();
    if (!words) return;
    close();
    actions.save(row, base, words);
  }

  function onBlur({ relatedTarget }: FocusEvent) {
    if (form.current?.contains(relatedTarget)) return;
    // The editor closes when the press that left it is over, so that its click reaches what it was meant for.
    afterPress(leave);
  }

  function leave() {
    // Another window came to the front, or the focus is back: the person is still here, in this field.
    if (over.current || !form.current || form.current.contains(document.activeElement)) return;
    // Nothing was typed that could be wrong: leaving must not hold anybody back.
    const words = typed();
    if (FIELD_NAMES.every((name) => words[name] === start[name])) return close();
    save();
  }

  return (
    <form
      ref={form}
      method="dialog"
      className={styles.editor}
      aria-label={`Edit ${task.title}`}
      {...handlers}
      onBlur={onBlur}
    >
      <span id={titleId} className="visually-hidden">
        {task.title}
      </span>
      {FIELD_NAMES.map((name) => (
        <WordField
          key={name}
          name={name}
          id={titleId}
          className={`field ${styles[FIELDS[name].control]}`}
          problem={problems[name]}
          start={start[name]}
          rows={FIELDS[name].control === "line" ? 1 : 2}
        />
      ))}
      <div className={styles.editing}>
        <button type="submit" className="button primary small">
          Save
        </button>
        <button type="button" className="button small" onClick={revert}>
          Cancel
        </button>
        <span className={styles.keys}>
          <kbd>Enter</kbd> saves · <kbd>Esc</kbd> reverts
        </span>
      </div>
      <p className={styles.times}>
        Added {exactTime(task.created_at)}
        {task.updated_at !== task.created_at && `, last changed ${exactTime(task.updated_at)}`}
      </p>
    </form>
  );
}
