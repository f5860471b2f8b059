"use client";
/** What went wrong with a change to this task, and the ways out. Nothing typed is lost on any of them. */
import { textOf } from "@/lib/tasks/fields";
import type { Op } from "@/lib/tasks/ops";
import styles from "./row.module.css";
import type { TaskActions } from "./use-task-actions";

interface RowProblemProps {
  op: Op;
  actions: TaskActions;
}

export function RowProblem({ op, actions }: RowProblemProps) {
  const { failure } = op;
  if (failure?.kind === "changed" && op.kind === "edit") return <Conflict op={op} actions={actions} />;
  // Waiting its turn is not a problem of this task; the row says so in a word.
  if (!failure) return null;
  return (
    <div className={styles.problem}>
      <strong>Not saved.</strong> {failure.message} {failure.fields.map(({ message }) => message).join(" ")}
      <div className={styles.choices}>
        {failure.kind === "gone" && op.kind === "edit" ? (
          <button type="button" className="button small" onClick={() => actions.saveAsNew(op)}>
            Keep as a new task
          </button>
        ) : (
          <button type="button" className="button small" onClick={() => actions.retry(op)}>
            Retry
          </button>
        )}
        {op.kind === "edit" && failure.kind !== "gone" && (
          <button type="button" className="button small" onClick={() => actions.reopen(op)}>
            Edit again
          </button>
        )}
        <button type="button" className="button small" onClick={() => actions.discard(op)}>
          Discard
        </button>
      </div>
    </div>
  );
}

function Conflict({ op, actions }: { op: Extract<Op, { kind: "edit" }>; actions: TaskActions }) {
  const { theirs } = op.failure ?? {};
  return (
    <div className={styles.problem}>
      <strong>This task was changed somewhere else</strong> while you were editing it. Which words should
      stay?
      <dl className={styles.versions}>
        <dt>There now</dt>
        <dd dir="auto">{theirs ? textOf(theirs) : "…"}</dd>
        <dt>Yours</dt>
        <dd dir="auto">{textOf(op)}</dd>
      </dl>
      <div className={styles.choices}>
        <button type="button" className="button small" onClick={() => actions.keepMine(op)}>
          Use mine
        </button>
        <button type="button" className="button small" onClick={() => actions.discard(op)}>
          Use the one there
        </button>
        <button type="button" className="button small" onClick={() => actions.merge(op)}>
          Edit again
        </button>
      </div>
    </div>
  );
}
