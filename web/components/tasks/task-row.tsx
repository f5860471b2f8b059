"use client";
/** One task: a real check box, its words, and what can be done with it. */
import { type ComponentType, memo, useLayoutEffect, useRef, useState } from "react";
import { exactTime } from "@/lib/relative-time";
import { DETAILS, type Detail, fieldOf } from "@/lib/tasks/fields";
import type { Op } from "@/lib/tasks/ops";
import type { Row } from "@/lib/tasks/view";
import { Bin, Pencil } from "../icons";
import { checkId } from "./focus";
import { isMeant } from "./meant";
import { RichText } from "./rich-text";
import styles from "./row.module.css";
import { RowEditor } from "./row-editor";
import { RowProblem } from "./row-problem";
import { TimeAgo } from "./time-ago";
import type { Editor, TaskActions } from "./use-task-actions";

interface TaskRowProps {
  row: Row;
  rowKey: string;
  q: string;
  editor: Editor | undefined;
  actions: TaskActions;
}

export const TaskRow = memo(
  function TaskRow({ row, rowKey, q, editor, actions }: TaskRowProps) {
    const { task, saving, stuck } = row;
    const titleId = `title-${rowKey}`;
    return (
      <li
        className={styles.row}
        data-row={rowKey}
        data-task={task.id}
        data-done={task.completed || undefined}
        data-saving={saving || undefined}
        data-testid="task"
      >
        <input
          type="checkbox"
          id={checkId(rowKey)}
          className={styles.check}
          checked={task.completed}
          aria-labelledby={titleId}
          autoComplete="off"
          data-check
          onChange={({ nativeEvent }) => isMeant(nativeEvent, task.id) && actions.toggle(task)}
        />
        {editor ? (
          <RowEditor row={row} titleId={titleId} focused={editor.focused} actions={actions} />
        ) : (
          <>
            {/* biome-ignore lint/a11y/noStaticElementInteractions: a second way in; the pencil and the e key are the first */}
            <div
              className={styles.words}
              // Set when it is needed: the server, which writes the first rows, has another time zone.
              onMouseEnter={({ currentTarget }) => {
                currentTarget.title = `Added ${exactTime(task.created_at)}`;
              }}
              onDoubleClick={({ target }) =>
                !(target instanceof Element && target.closest("a")) && actions.edit(task.id)
              }
            >
              <p id={titleId} className={styles.title} dir="auto">
                <RichText text={task.title} q={q} />
              </p>
              {DETAILS.map((name) => {
                const [Shown, text] = [SHOWN[name], fieldOf(name).write(task[name])];
                return text && <Shown key={name} text={text} q={q} />;
              })}
              {saving && (
                <div className={styles.meta}>
                  <Progress op={stuck} actions={actions} />
                </div>
              )}
            </div>
            <div className={styles.actions}>
              <TimeAgo at={task.completed ? task.updated_at : task.created_at} className={styles.time} />
              <button type="button" aria-label={`Edit ${task.title}`} onClick={() => actions.edit(task.id)}>
                <Pencil />
              </button>
              <button
                type="button"
                aria-label={`Delete ${task.title}`}
                onClick={({ nativeEvent }) => isMeant(nativeEvent, task.id) && actions.remove(task)}
              >
                <Bin />
              </button>
            </div>
          </>
        )}
        {stuck && !editor && <RowProblem op={stuck} actions={actions} />}
      </li>
    );
  },
  (a, b) =>
    a.row.task === b.row.task &&
    a.row.saving === b.row.saving &&
    a.row.stuck === b.row.stuck &&
    a.editor === b.editor &&
    a.q === b.q &&
    a.rowKey === b.rowKey &&
    a.actions === b.actions,
);

/** How each member below the title is shown. */
const SHOWN: Record<Detail, ComponentType<{ text: string; q: string }>> = { description: Description };

/** How far a change to this task has come. */
function Progress({ op, actions }: { op: Op | undefined; actions: TaskActions }) {
  if (op?.state === "failed") return "Not saved";
  if (op?.state !== "queued") return "Saving…";
  return (
    <>
      Not saved yet{" "}
      <button type="button" className={styles.more} onClick={() => actions.retry(op)}>
        Retry
      </button>
    </>
  );
}

/** Two lines of it, and the rest when asked for. */
function Description({ text, q }: { text: string; q: string }) {
  const [whole, setWhole] = useState(false);
  const [long, setLong] = useState(false);
  const paragraph = useRef<HTMLParagraphElement>(null);
  useLayoutEffect(() => {
    const { current } = paragraph;
    if (text && current && !whole) setLong(current.scrollHeight > current.clientHeight + 1);
  }, [text, whole]);
  return (
    <>
      <p ref={paragraph} className={styles.description} data-whole={whole || undefined} dir="auto">
        <RichText text={text} q={q} />
      </p>
      {(long || whole) && (
        <button type="button" className={styles.more} aria-expanded={whole} onClick={() => setWhole(!whole)}>
          {whole ? "Less" : "More"}
        </button>
      )}
    </>
  );
}
