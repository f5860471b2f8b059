"use client";
/** Who one is here, how the page looks and behaves, and the way out. */
import { setShortcuts, setTheme, useShortcutsOn, useTheme } from "@/lib/preferences";
import type { Theme } from "@/lib/theme";
import { FocusKeeper } from "../focus-keeper";
import { SignOutDialog, useSignOut } from "../sign-out";
import { Switch } from "../switch";
import styles from "./account.module.css";
import { DeleteAccount } from "./delete-account";

const THEMES: readonly [Theme, string][] = [
  ["system", "System"],
  ["light", "Light"],
  ["dark", "Dark"],
];

interface AccountProps {
  person: { name: string; email: string; since: string };
  hasPassword: boolean;
}

const day = new Intl.DateTimeFormat("en", { dateStyle: "long", timeZone: "UTC" });

export function Account({ person, hasPassword }: AccountProps) {
  const theme = useTheme();
  const shortcuts = useShortcutsOn();
  const signOut = useSignOut();
  return (
    <>
      <FocusKeeper />
      <h1>Account</h1>
      <section className={`card ${styles.section}`} aria-labelledby="you">
        <h2 id="you">You</h2>
        <dl className={styles.facts}>
          <dt>Name</dt>
          <dd dir="auto">{person.name}</dd>
          <dt>E-mail</dt>
          <dd>{person.email}</dd>
          <dt>Here since</dt>
          <dd>{day.format(new Date(person.since))}</dd>
        </dl>
        <button type="button" className="button" onClick={() => void signOut.begin()}>
          Sign out
        </button>
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
