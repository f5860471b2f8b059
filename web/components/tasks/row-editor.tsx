"use client";
/** Editing in place: Enter or leaving saves, Escape puts everything back. */
import { type FocusEvent, type KeyboardEvent, useEffect, useRef, useState } from "react";
import { announce } from "@/lib/announce";
import { baseOf, sameWords } from "@/lib/tasks/ops";
import type { Row } from "@/lib/tasks/view";
import { problemsOf, tidied, type WordProblems } from "@/lib/words";
import styles from "./row.module.css";
import { useDrafts } from "./use-drafts";
import type { TaskActions } from "./use-task-actions";

interface RowEditorProps {
  row: Row;
  titleId: string;
  actions: TaskActions;
}

export function RowEditor({ row, titleId, actions }: RowEditorProps) {
  const { task } = row;
  const drafts = useDrafts();
  // The words as they were when the editor opened, or when the draft was begun: what comes in meanwhile is a conflict
  // to be shown, not a new beginning.
  const [{ base, typed }] = useState(() => {
    const draft = drafts.edit(task.id);
    const words = baseOf(task);
    const start = { title: words.title, description: words.description ?? "" };
    // The words of an edit that failed are shown, but they are not what the service has.
    const failed = row.stuck?.kind === "edit" && row.stuck.state === "failed" ? row.stuck.base : undefined;
    return { base: draft?.base ?? failed ?? words, typed: draft ?? start };
  });
  const form = useRef<HTMLFormElement>(null);
  const title = useRef<HTMLInputElement>(null);
  const description = useRef<HTMLTextAreaElement>(null);
  const [problems, setProblems] = useState<WordProblems>(() => {
    const { failure } = row.stuck ?? {};
    return Object.fromEntries((failure?.fields ?? []).map(({ field, message }) => [field, message]));
  });
  const over = useRef(false);

  useEffect(() => {
    title.current?.focus();
    title.current?.setSelectionRange(title.current.value.length, title.current.value.length);
  }, []);

  const current = () => ({
    title: title.current?.value ?? "",
    description: description.current?.value ?? "",
  });

  function close() {
    over.current = true;
    drafts.dropEdit(task.id);
    actions.closeEditor();
  }

  function save() {
    if (over.current) return;
    const raw = current();
    const words = tidied(raw.title, raw.description);
    const found = problemsOf(words);
    setProblems(found);
    const first = found.title ?? found.description;
    if (first) {
      announce(first);
      return;
    }
    close();
    if (!sameWords(words, base)) actions.save(row, base, words);
  }

  function onKeyDown(event: KeyboardEvent<HTMLElement>) {
    if (event.nativeEvent.isComposing) return;
    if (event.key === "Escape") {
      event.preventDefault();
      close();
      announce("Nothing changed");
    }
    const inTitle = event.target === title.current;
    if (event.key === "Enter" && (inTitle || event.ctrlKey || event.metaKey) && event.target !== null) {
      if (!inTitle && event.target !== description.current) return;
      event.preventDefault();
      save();
    }
  }

  function onBlur({ relatedTarget }: FocusEvent) {
    if (form.current?.contains(relatedTarget)) return;
    // Another window came to the front: the person is still here, in this field.
    if (form.current?.contains(document.activeElement)) return;
    save();
  }

  return (
    <form
      ref={form}
      className={styles.editor}
      aria-label={`Edit ${task.title}`}
      onSubmit={(event) => {
        event.preventDefault();
        save();
      }}
      onInput={() => drafts.keepEdit(task.id, { ...current(), base })}
      onKeyDown={onKeyDown}
      onBlur={onBlur}
    >
      <span id={titleId} className="visually-hidden">
        {task.title}
      </span>
      <input
        ref={title}
        className="field"
        aria-label="Title"
        defaultValue={typed.title}
        dir="auto"
        autoComplete="off"
        enterKeyHint="done"
        aria-invalid={problems.title ? true : undefined}
        aria-describedby={problems.title ? `${titleId}-problem` : undefined}
      />
      {problems.title && (
        <p id={`${titleId}-problem`} className="error">
          {problems.title}
        </p>
      )}
      <textarea
        ref={description}
        className="field"
        aria-label="Description"
        placeholder="Description"
        defaultValue={typed.description}
        dir="auto"
        aria-invalid={problems.description ? true : undefined}
        aria-describedby={problems.description ? `${titleId}-problem-d` : undefined}
      />
      {problems.description && (
        <p id={`${titleId}-problem-d`} className="error">
          {problems.description}
        </p>
      )}
      <div className={styles.editing}>
        <button type="submit" className="button primary small">
          Save
        </button>
        <button type="button" className="button small" onClick={close}>
          Cancel
        </button>
        <span className={styles.keys}>
          <kbd>Enter</kbd> saves · <kbd>Esc</kbd> reverts
        </span>
      </div>
    </form>
  );
}
