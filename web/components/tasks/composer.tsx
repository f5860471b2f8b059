"use client";
/** Where a new task is written: focused on load, Enter adds and stays. On a phone a button brings it up. */
import { useId } from "react";
import { DETAILS, FIELDS, lengthOf, type Words } from "@/lib/tasks/fields";
import { useDesk } from "../desk-provider";
import { Lines, Plus } from "../icons";
import styles from "./composer.module.css";
import { focusHome } from "./focus";
import { Several, Unfinished } from "./offers";
import { useComposer } from "./use-composer";
import { WordField } from "./word-field";

const { most } = FIELDS.title;
/** From here on it is worth knowing how much room is left. */
const NEARLY_FULL = most - 30;

export function Composer({ onAdd }: { onAdd: (words: Words) => void }) {
  const { owner } = useDesk();
  const id = useId();
  const { form, handlers, goDown, problems, own, draft, lines, shown, ...acts } = useComposer(onAdd);
  const count = lengthOf(own.title);
  return (
    <>
      <form
        ref={form}
        className={`card ${styles.composer}`}
        // Inert until the script runs: outside a dialog this sends nothing anywhere.
        method="dialog"
        data-owner={owner}
        aria-label="New task"
        {...handlers}
        onKeyDown={(event) => {
          goDown(event);
          handlers.onKeyDown(event);
        }}
      >
        <div className={styles.line}>
          <WordField
            name="title"
            id={id}
            className={styles.title}
            label="New task"
            problem={problems.title}
            home
          />
          <button
            type="button"
            className={styles.details}
            aria-expanded={shown}
            aria-label={shown ? "Hide the description" : "Add a description"}
            onClick={acts.toggleDetails}
          >
            <Lines />
          </button>
          <button type="submit" className={`button primary ${styles.add}`}>
            <Plus />
            <span>Add</span>
          </button>
        </div>
        {/* Hidden, not gone: what was typed there stays. */}
        <div hidden={!shown}>
          {DETAILS.map((name) => (
            <WordField
              key={name}
              name={name}
              id={id}
              className={styles.description}
              problem={problems[name]}
              rows={3}
            />
          ))}
        </div>
        {lines.length > 1 && <Several count={lines.length} onSplit={acts.split} onOne={acts.submit} />}
        {draft && (
          <Unfinished
            title={draft.title || draft.description}
            onUse={() => acts.takeUp(draft)}
            onDiscard={acts.discard}
          />
        )}
        <p className={styles.about}>
          {!shown && DETAILS.some((name) => own[name].trim()) && (
            <span className="muted">With a description. </span>
          )}
          {count > NEARLY_FULL && !problems.title && (
            <span className="muted">
              {count} of {most} characters
            </span>
          )}
        </p>
      </form>
      <button type="button" className={`button primary ${styles.compose}`} data-compose onClick={focusHome}>
        <Plus />
        New task
      </button>
    </>
  );
}
