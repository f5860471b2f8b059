"use client";
/** The list when there is no list: loading, nothing yet, nothing that matches, or something wrong. */
import type { ApiProblem } from "@/lib/api/problem";
import { focusHome } from "./focus";
import styles from "./list.module.css";
import type { Show } from "./use-filters";

export function Loading() {
  return (
    <div className={`card ${styles.list}`}>
      <span className="visually-hidden">Loading your tasks</span>
      {["first", "second", "third", "fourth"].map((line) => (
        <div key={line} className={styles.skeleton} aria-hidden="true">
          <i className={styles.box} />
          <div className={styles.bars}>
            <i className={styles.bar} />
          </div>
        </div>
      ))}
    </div>
  );
}

/** A sheet of paper with its first line waiting. */
function Sheet() {
  return (
    <svg aria-hidden="true" width="88" height="88" viewBox="0 0 88 88" fill="none" stroke="currentColor">
      <rect x="18" y="10" width="52" height="68" rx="7" strokeWidth="2" fill="var(--accent-soft)" />
      <rect x="27" y="23" width="11" height="11" rx="3" strokeWidth="2" fill="var(--raised)" />
      <path d="M30 28.500l2.2 2.3 4-4.6" strokeWidth="2" strokeLinecap="round" strokeLinejoin="round" />
      <path d="M44 28.500h17" strokeWidth="2" strokeLinecap="round" />
      <rect x="27" y="41" width="11" height="11" rx="3" strokeWidth="2" fill="var(--raised)" />
      <rect x="27" y="59" width="11" height="11" rx="3" strokeWidth="2" fill="var(--raised)" />
      <path d="M44 46.500h12M44 64.500h8" strokeWidth="2" strokeLinecap="round" opacity="0.45" />
    </svg>
  );
}

export function FirstRun() {
  return (
    <section className={styles.state}>
      <Sheet />
      <h2>A clear page</h2>
      <p>Write down the first thing on your mind and press Enter. It's kept here, for you alone.</p>
      <div className={styles.choices}>
        <button type="button" className="button" onClick={focusHome}>
          Write the first one
        </button>
      </div>
    </section>
  );
}

interface NothingFoundProps {
  show: Show;
  q: string;
  onClearSearch: () => void;
  onShowAll: () => void;
}

export function NothingFound({ show, q, onClearSearch, onShowAll }: NothingFoundProps) {
  const kind = show === "open" ? "open tasks" : show === "done" ? "completed tasks" : "tasks";
  return (
    <section className={styles.state}>
      <h2 dir="auto">
        {q ? `No ${kind} match “${q}”` : show === "done" ? "Nothing completed yet" : "No open tasks"}
      </h2>
      <p>
        {q
          ? "Search looks at titles and descriptions."
          : show === "done"
            ? "Tasks you tick off are kept here until you clear them."
            : "Everything is done. Enjoy it while it lasts."}
      </p>
      <div className={styles.choices}>
        {q && (
          <button type="button" className="button" onClick={onClearSearch}>
            Clear search
          </button>
        )}
        {show !== "all" && (
          <button type="button" className="button" onClick={onShowAll}>
            Show all tasks
          </button>
        )}
      </div>
    </section>
  );
}

const ADVICE: Partial<Record<ApiProblem["kind"], string>> = {
  offline:
    "Your tasks appear as soon as you're connected again. What you write meanwhile is kept on this device.",
  unreachable: "We try again every few seconds. What you write meanwhile is kept on this device.",
  busy: "We try again in a moment. You stay signed in, and what you write meanwhile is kept on this device.",
  forbidden: "This list belongs to somebody else. Signing out and in again may help.",
};

export function Failed({ problem, onRetry }: { problem: ApiProblem; onRetry: () => void }) {
  return (
    <section className={styles.state}>
      <h2>{problem.message}</h2>
      <p>
        {ADVICE[problem.kind] ??
          "Your tasks are safe; they just can't be shown. We try again every few seconds."}
      </p>
      <div className={styles.choices}>
        <button type="button" className="button" onClick={onRetry}>
          Retry
        </button>
      </div>
    </section>
  );
}
