import type { Metadata } from "next";
import { Mark } from "@/components/icons";
import styles from "./alone.module.css";

export const metadata: Metadata = { title: "Not found" };

export default function NotFound() {
  return (
    <main className={styles.page}>
      <Mark size={40} />
      <h1>There is no page at this URL</h1>
      <p className="muted">It may be mistyped, or the page has moved.</p>
      <a href="/tasks" className="button primary">
        Go to your tasks
      </a>
    </main>
  );
}
