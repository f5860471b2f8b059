"use client";
import Link from "next/link";
import styles from "./header.module.css";
import { Mark } from "./icons";
import { UserMenu } from "./user-menu";

export function Header({ name, email }: { name: string; email: string }) {
  return (
    <header className={styles.header}>
      <div className={styles.inner}>
        <Link href="/tasks" className={styles.brand} prefetch={false}>
          <Mark size={26} />
          Taskward
        </Link>
        <UserMenu name={name} email={email} />
      </div>
    </header>
  );
}
