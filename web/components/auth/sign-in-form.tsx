"use client";
import Link from "next/link";
import { useEffect, useRef } from "react";
import { asked, authClient, kept } from "@/lib/auth-client";
import type { Offer } from "@/lib/server/offers";
import { arrive, useArrival } from "@/lib/session-client";
import { rememberEmail, typedEmail } from "@/lib/typed";
import { Field, PasswordField } from "./fields";
import { AuthForm, Submit } from "./form";
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
  /** Whether mail can be sent, so that a forgotten password can be replaced. */
  mail: boolean;
  notice?: string | undefined;
}

const COOKIES_BLOCKED =
  "Your browser blocks cookies for this site, so it can't stay signed in. Allow cookies and try again.";

// The same words whichever of the two is wrong: nobody learns here who has an account.
const WRONG = "That e-mail and password don't match an account.";

export function SignInForm({ next, ended, failed, offers, mail, notice }: SignInFormProps) {
  const { busy, text, waiting, attempt } = useAttempt(({ status, code }) => {
    if (code === "COOKIES_BLOCKED") return COOKIES_BLOCKED;
    if (code === "BANNED_USER") return "This account is deactivated.";
    return status === 403
      ? "This page was opened under a URL that is not its own. Open it under its usual one."
      : WRONG;
  });
  const password = useRef<HTMLInputElement>(null);
  useArrival(next);
  useEffect(() => {
    if (text) password.current?.select();
  }, [text]);

  async function submit(form: FormData) {
    const words = { email: String(form.get("email")).trim(), password: String(form.get("password")) };
    const done = await attempt(() =>
      kept(asked((fetchOptions) => authClient.signIn.email({ ...words, fetchOptions }))),
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
        {notice && <p className={styles.good}>{notice}</p>}
        {failed && (
          <p className={styles.trouble}>
            That sign-in didn't work. If you already have an account with this e-mail, use your password.
          </p>
        )}
      </div>
      <AuthForm onSubmit={submit}>
        <Field
          label="E-mail"
          name="email"
          type="email"
          autoComplete="username"
          defaultValue={typedEmail()}
          onChange={(event) => rememberEmail(event.target.value)}
          required
          autoFocus
        />
        <PasswordField
          label="Password"
          name="password"
          autoComplete="current-password"
          required
          ref={password}
        />
        {text && <p className={styles.trouble}>{text}</p>}
        <Submit busy={busy} waiting={waiting}>
          {busy ? "Signing in…" : "Sign in"}
        </Submit>
        {mail && (
          <p className={styles.aside}>
            <Link href="/forgot-password">Forgot your password?</Link>
          </p>
        )}
      </AuthForm>
      <Offers offers={offers} next={next} />
      <p className={styles.foot}>
        New here? <Link href={`/sign-up?next=${encodeURIComponent(next)}`}>Create an account</Link>
      </p>
    </>
  );
}
