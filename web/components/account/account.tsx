"use client";
/** Who one is here, how the page looks and behaves, and the way out. */
import { useQueryClient } from "@tanstack/react-query";
import { useEffect } from "react";
import { wake } from "@/lib/early";
import { setShortcuts, setTheme, useShortcutsOn, useTheme } from "@/lib/preferences";
import type { Theme } from "@/lib/theme";
import { FocusKeeper } from "../focus-keeper";
import { SignOutDialog, useSignOut } from "../sign-out";
import { Switch } from "../switch";
import styles from "./account.module.css";
import { ChangePassword } from "./change-password";
import { DeleteAccount } from "./delete-account";
import { SESSIONS, Sessions } from "./sessions";
import { Transfer } from "./transfer";
import { You } from "./you";

const THEMES: readonly [Theme, string][] = [
  ["system", "System"],
  ["light", "Light"],
  ["dark", "Dark"],
];

interface AccountProps {
  person: { name: string; email: string; emailVerified: boolean; since: string };
  hasPassword: boolean;
  /** Whether mail can be sent. */
  mail: boolean;
  /** Came here by a link to confirm the address that is too old, or was used. */
  linkRefused: boolean;
  apiUrl: string;
}

export function Account({ person, hasPassword, mail, linkRefused, apiUrl }: AccountProps) {
  const client = useQueryClient();
  const theme = useTheme();
  const shortcuts = useShortcutsOn();
  const signOut = useSignOut();
  useEffect(() => void wake(), []);
  return (
    <>
      <FocusKeeper />
      <h1>Account</h1>
      <section className={`card ${styles.section}`} aria-labelledby="you">
        <h2 id="you">You</h2>
        <You person={person} mail={mail} linkRefused={linkRefused} />
        <button type="button" className="button" onClick={() => void signOut.begin()}>
          Sign out
        </button>
      </section>
      {hasPassword && (
        <section className={`card ${styles.section}`} aria-labelledby="password">
          <h2 id="password">Password</h2>
          <ChangePassword
            email={person.email}
            onChanged={() => void client.invalidateQueries({ queryKey: SESSIONS })}
          />
        </section>
      )}
      <section className={`card ${styles.section}`} aria-labelledby="sessions">
        <h2 id="sessions">Where you're signed in</h2>
        <Sessions />
      </section>
      <section className={`card ${styles.section}`} aria-labelledby="data">
        <h2 id="data">Your data</h2>
        <p className="muted">
          All your tasks as a file. A file from here, or a table with a column “title”, can be imported; the
          same file twice adds nothing.
        </p>
        <Transfer apiUrl={apiUrl} />
      </section>
      <section className={`card ${styles.section}`} aria-labelledby="page">
        <h2 id="page">This browser</h2>
        <fieldset className={styles.themes}>
          <legend>Appearance</legend>
          {THEMES.map(([value, label]) => (
            <label key={value}>
              <input
                type="radio"
                name="theme"
                value={value}
                checked={theme === value}
                onChange={() => setTheme(value)}
              />
              <span>{label}</span>
            </label>
          ))}
        </fieldset>
        <Switch label="Single-key shortcuts on the tasks page" checked={shortcuts} onChange={setShortcuts} />
      </section>
      <section className={`card ${styles.section}`} aria-labelledby="delete">
        <h2 id="delete">Delete your account</h2>
        <p className="muted">
          Your tasks and your account are deleted for good. There is no way to bring them back.
        </p>
        <DeleteAccount email={person.email} hasPassword={hasPassword} />
      </section>
      <SignOutDialog {...signOut} />
    </>
  );
}
