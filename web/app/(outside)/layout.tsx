/** Before signing in: the name, one card, nothing to distract. */
import type { ReactNode } from "react";
import { Mark } from "@/components/icons";
import styles from "./outside.module.css";

export default function Outside({ children }: { children: ReactNode }) {
  return (
    <div className={styles.page}>
      <header className={styles.brand}>
        <Mark size={40} />
        <p className={styles.name}>Taskward</p>
        <p className="muted">Your tasks, kept for you alone.</p>
      </header>
      <main className={`card ${styles.card}`}>{children}</main>
    </div>
  );
}
