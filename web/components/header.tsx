"use client";
import { initialOf, isBlank } from "@/lib/visible";
import styles from "./header.module.css";
import { Mark } from "./icons";
import { useLate } from "./late";

const loadMenu = async () => (await import("./user-menu")).UserMenu;
/** What cannot be loaded ahead is asked for again, and said, when somebody opens it. */
const preload = () => void loadMenu().catch(() => {});

export function Header({ name, email }: { name: string; email: string }) {
  const [UserMenu, open] = useLate(loadMenu);
  return (
    <header className={styles.header}>
      <div className={styles.inner}>
        <a href="/tasks" className={styles.brand}>
          <Mark size={26} />
          Taskward
        </a>
        {UserMenu ? (
          <UserMenu name={name} email={email} />
        ) : (
          <button
            type="button"
            className={styles.who}
            aria-label={`Menu of ${isBlank(name) ? email : name}`}
            aria-haspopup="menu"
            aria-expanded={false}
            onPointerEnter={preload}
            onFocus={preload}
            onClick={open}
          >
            {initialOf(name, email)}
          </button>
        )}
      </div>
    </header>
  );
}
