"use client";
import styles from "./header.module.css";
import { Mark } from "./icons";
import { UserMenu } from "./user-menu";

export function Header({ name, email }: { name: string; email: string }) {
  return (
    <header className={styles.header}>
      <div className={styles.inner}>
        <a href="/tasks" className={styles.brand}>
          <Mark size={26} />
          Taskward
        </a>
        <UserMenu name={name} email={email} />
      </div>
    </header>
  );
}
