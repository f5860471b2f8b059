"use client";
import Link from "next/link";
import { type FormEvent, useEffect, useRef } from "react";
import { asked, authClient } from "@/lib/auth-client";
import type { Offer } from "@/lib/server/offers";
import { arrive, useArrival } from "@/lib/session-client";
import { Field, PasswordField } from "./fields";
import styles from "./form.module.css";
import { Offers } from "./offers";
import { useAttempt } from "./use-attempt";

interface SignInFormProps {
  next: string;
  /** The session ended by itself, rather than by the person. */
  ended: boolean;
  /** Came back from another provider without an account. */
  failed: boolean;
  offers: readonly Offer[];
}

// The same words whichever of the two is wrong: nobody learns here who has an account.
const WRONG = "That e-mail and password don't match an account.";

export function SignInForm({ next, ended, failed, offers }: SignInFormProps) {
  const { busy, text, waiting, attempt } = useAttempt(({ status }) =>
    status === 403 ? "This page was opened under another address. Open it again from its usual one." : WRONG,
  );
  const password = useRef<HTMLInputElement>(null);
  useArrival(next);
  useEffect(() => {
    if (text) password.current?.select();
  }, [text]);

  async function submit(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    const words = { email: String(form.get("email")).trim(), password: String(form.get("password")) };
    const done = await attempt(() =>
      asked((fetchOptions) => authClient.signIn.email({ ...words, fetchOptions })),
    );
    if (done) arrive(next);
  }

  return (
    <>
      <div className={styles.head}>
        <h1>Sign in</h1>
        {ended && (
          <p className={styles.note}>
            You've been signed out. Sign in to go on; what you typed is still here.
          </p>
        )}
        {failed && (
          <p className={styles.trouble}>
            That sign-in didn't work. If you already have an account with this e-mail, use your password.
          </p>
        )}
      </div>
      <form className={styles.form} onSubmit={submit}>
        <Field label="E-mail" name="email" type="email" autoComplete="username" required autoFocus />
        <PasswordField
          label="Password"
          name="password"
          autoComplete="current-password"
          required
          ref={password}
        />
        {text && <p className={styles.trouble}>{text}</p>}
        <button type="submit" className="button primary" aria-disabled={busy || waiting}>
          {busy ? "Signing in…" : "Sign in"}
        </button>
      </form>
      <Offers offers={offers} next={next} />
      <p className={styles.foot}>
        New here? <Link href={`/sign-up?next=${encodeURIComponent(next)}`}>Create an account</Link>
      </p>
    </>
  );
}
