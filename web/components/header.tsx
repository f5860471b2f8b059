"use client";
import { lazy, Suspense } from "react";
import styles from "./header.module.css";
import { Mark } from "./icons";

// The menu's machinery wakes up by itself, after the field that people came for.
const UserMenu = lazy(async () => ({ default: (await import("./user-menu")).UserMenu }));

export function Header({ name, email }: { name: string; email: string }) {
  return (
    <header className={styles.header}>
      <div className={styles.inner}>
        <a href="/tasks" className={styles.brand}>
          <Mark size={26} />
          Taskward
        </a>
        <Suspense>
          <UserMenu name={name} email={email} />
        </Suspense>
      </div>
    </header>
  );
}
