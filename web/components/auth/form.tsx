"use client";
/** A form that sends nothing before the page's script can: what was typed waits, and never gets into the address. */
import type { FormEvent, ReactNode } from "react";
import { useAlive } from "@/lib/alive";
import styles from "./form.module.css";

interface AuthFormProps {
  className?: string | undefined;
  onSubmit: (form: FormData, element: HTMLFormElement) => Promise<void>;
  children: ReactNode;
}

export function AuthForm({ className = styles.form, onSubmit, children }: AuthFormProps) {
  function submit(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    void onSubmit(new FormData(event.currentTarget), event.currentTarget);
  }
  return (
    <form method="post" className={className} onSubmit={submit}>
      <noscript>
        <p className={styles.trouble}>
          Taskward needs JavaScript. Switch it on for this site, then load the page again.
        </p>
      </noscript>
      {children}
    </form>
  );
}

interface SubmitProps {
  busy: boolean;
  /** Another attempt is pointless for now. */
  waiting?: boolean;
  className?: string;
  children: ReactNode;
}

/** Disabled until the script runs: browsers then ignore Enter in the form's fields too. Later only said to be. */
export function Submit({ busy, waiting = false, className = "button primary", children }: SubmitProps) {
  const alive = useAlive();
  return (
    <button type="submit" className={className} disabled={!alive} aria-disabled={busy || waiting}>
      {children}
    </button>
  );
}
