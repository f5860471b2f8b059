"use client";
/** Where a new task is written: focused on load, Enter adds and stays. */
import { type FormEvent, type KeyboardEvent, useEffect, useId, useRef, useState } from "react";
import { announce } from "@/lib/announce";
import { lengthOf, problemsOf, TITLE_MOST, tidied, type WordProblems } from "@/lib/words";
import { useDesk } from "../desk-provider";
import { Lines, Plus } from "../icons";
import styles from "./composer.module.css";
import { useDrafts } from "./use-drafts";

/** From here on it is worth knowing how much room is left. */
const NEARLY_FULL = TITLE_MOST - 30;

export function Composer({ onAdd }: { onAdd: () => void }) {
  const desk = useDesk();
  const drafts = useDrafts();
  const id = useId();
  // Uncontrolled: what is typed before React has woken up stays where it is.
  const title = useRef<HTMLInputElement>(null);
  const description = useRef<HTMLTextAreaElement>(null);
  const [details, setDetails] = useState(false);
  const [restored, setRestored] = useState("");
  const [problems, setProblems] = useState<WordProblems>({});
  const [count, setCount] = useState(0);

  useEffect(() => {
    const draft = drafts.fresh();
    const field = title.current;
    if (!draft || !field || field.value) return;
    field.value = draft.title;
    setCount(lengthOf(draft.title));
    if (draft.description) {
      setRestored(draft.description);
      setDetails(true);
    }
  }, [drafts]);

  const typed = () => ({ title: title.current?.value ?? "", description: description.current?.value ?? "" });

  function noteTyping() {
    const words = typed();
    drafts.keepFresh(words);
    setCount(lengthOf(words.title));
    if (problems.title || problems.description)
      setProblems(problemsOf(tidied(words.title, words.description)));
  }

  function submit(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    const raw = typed();
    const words = tidied(raw.title, raw.description);
    // Enter on an empty line is a slip, not a mistake worth a message; words without a title are one.
    if (!words.title && !words.description) return title.current?.focus();
    const found = problemsOf(words);
    setProblems(found);
    if (found.title || found.description) {
      announce(found.title ?? found.description ?? "");
      (found.title ? title : description).current?.focus();
      return;
    }
    event.currentTarget.reset();
    drafts.keepFresh({ title: "", description: "" });
    setDetails(false);
    setRestored("");
    setCount(0);
    desk.add(words);
    onAdd();
    title.current?.focus();
  }

  function submitFromDetails(event: KeyboardEvent<HTMLTextAreaElement>) {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) event.currentTarget.form?.requestSubmit();
  }

  function toggleDetails() {
    const opened = !details;
    setDetails(opened);
    if (opened) requestAnimationFrame(() => description.current?.focus());
    else setRestored("");
  }

  return (
    <form className={`card ${styles.composer}`} onSubmit={submit} onInput={noteTyping} aria-label="New task">
      <div className={styles.line}>
        <label className="visually-hidden" htmlFor={`${id}-title`}>
          New task
        </label>
        <input
          ref={title}
          id={`${id}-title`}
          name="title"
          className={styles.title}
          placeholder="What needs doing?"
          autoComplete="off"
          enterKeyHint="done"
          dir="auto"
          // biome-ignore lint/a11y/noAutofocus: writing a task down is what this page is for
          autoFocus
          data-home
          aria-invalid={problems.title ? true : undefined}
          aria-describedby={`${id}-about`}
        />
        <button
          type="button"
          className={styles.details}
          aria-expanded={details}
          aria-label={details ? "Without a description" : "Add a description"}
          onClick={toggleDetails}
        >
          <Lines />
        </button>
        <button type="submit" className={`button primary ${styles.add}`}>
          <Plus />
          <span>Add</span>
        </button>
      </div>
      {details && (
        <textarea
          ref={description}
          name="description"
          className={styles.description}
          aria-label="Description"
          placeholder="Anything worth remembering about it"
          defaultValue={restored}
          rows={3}
          dir="auto"
          aria-invalid={problems.description ? true : undefined}
          aria-describedby={`${id}-about`}
          onKeyDown={submitFromDetails}
        />
      )}
      <p id={`${id}-about`} className={styles.about}>
        {problems.title || problems.description ? (
          <span className="error">{problems.title ?? problems.description}</span>
        ) : (
          count > NEARLY_FULL && (
            <span className="muted">
              {count} of {TITLE_MOST} characters
            </span>
          )
        )}
      </p>
    </form>
  );
}
