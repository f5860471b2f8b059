import type { Metadata } from "next";
import Link from "next/link";
import { Mark } from "@/components/icons";
import styles from "./alone.module.css";

export const metadata: Metadata = { title: "Not found" };

export default function NotFound() {
  return (
    <main className={styles.page}>
      <Mark size={40} />
      <h1>There is nothing at this address</h1>
      <p className="muted">It may have been mistyped, or what was here has moved.</p>
      <Link href="/tasks" className="button primary" prefetch={false}>
        Go to your tasks
      </Link>
    </main>
  );
}
