"use client";
/** The last resort, when even the frame of the page broke: must bring its own document. */
import "./globals.css";
import styles from "./alone.module.css";

export default function FrameError() {
  return (
    <html lang="en">
      <body>
        <title>Something went wrong · Taskward</title>
        <main className={styles.page}>
          <h1>Something went wrong on our side</h1>
          <p className="muted">Your tasks are safe. Please load the page again.</p>
          <button type="button" className="button primary" onClick={() => window.location.reload()}>
            Load again
          </button>
        </main>
      </body>
    </html>
  );
}
