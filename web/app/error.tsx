"use client";
/** Something broke while showing a page. What was typed is kept by the page itself. */
import styles from "./alone.module.css";

export default function PageError({ reset }: { error: Error; reset: () => void }) {
  return (
    <main className={styles.page}>
      <h1>Something went wrong on our side</h1>
      <p className="muted">Your tasks are safe, and what you typed is kept. Trying again often helps.</p>
      <button type="button" className="button primary" onClick={reset}>
        Try again
      </button>
    </main>
  );
}
