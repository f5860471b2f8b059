"use client";
/** Two questions below the form for new tasks: whether pasted lines are one task or many, and what to do with a draft. */
import styles from "./composer.module.css";

interface SeveralProps {
  count: number;
  onSplit: () => void;
  onOne: () => void;
}

export function Several({ count, onSplit, onOne }: SeveralProps) {
  return (
    <div className={styles.offer}>
      <p>These are {count} lines.</p>
      <button type="button" className="button small" onClick={onSplit}>
        Add {count} tasks
      </button>
      <button type="button" className="button small" onClick={onOne}>
        Add as one
      </button>
    </div>
  );
}

interface UnfinishedProps {
  title: string;
  onUse: () => void;
  onDiscard: () => void;
}

export function Unfinished({ title, onUse, onDiscard }: UnfinishedProps) {
  return (
    <div className={styles.offer}>
      <p>
        Not added yet: <span dir="auto">“{title}”</span>
      </p>
      <button type="button" className="button small" onClick={onUse}>
        Go on with it
      </button>
      <button type="button" className="button small" onClick={onDiscard}>
        Discard
      </button>
    </div>
  );
}
