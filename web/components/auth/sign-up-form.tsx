"use client";
import Link from "next/link";
import { type FormEvent, useState } from "react";
import { asked, authClient, type Refusal } from "@/lib/auth-client";
import type { Offer } from "@/lib/server/offers";
import { arrive, useArrival } from "@/lib/session-client";
import { Field, PasswordField } from "./fields";
import styles from "./form.module.css";
import { Offers } from "./offers";
import { useAttempt } from "./use-attempt";

const SHORTEST = 8;

function explain({ code }: Refusal): string {
  if (code.startsWith("USER_ALREADY_EXISTS"))
    return "There is already an account with that e-mail. Sign in instead?";
  if (code === "INVALID_EMAIL") return "That doesn't look like an e-mail address.";
  if (code === "PASSWORD_TOO_LONG") return "That password is too long: 128 characters at most.";
  return "That didn't work. Please check what you typed and try again.";
}

export function SignUpForm({ next, offers }: { next: string; offers: readonly Offer[] }) {
  const { busy, text, waiting, attempt } = useAttempt(explain);
  const [short, setShort] = useState(false);
  useArrival(next);

  async function submit(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    const [name, email, password] = ["name", "email", "password"].map((field) => String(form.get(field)));
    if (!name || !email || !password) return;
    const tooShort = password.length < SHORTEST;
    setShort(tooShort);
    if (tooShort) return;
    const words = { name: name.trim(), email: email.trim(), password };
    const done = await attempt(() =>
      asked((fetchOptions) => authClient.signUp.email({ ...words, fetchOptions })),
    );
    if (done) arrive(next);
  }

  return (
    <>
      <div className={styles.head}>
        <h1>Create an account</h1>
      </div>
      <form className={styles.form} onSubmit={submit}>
        <Field label="Name" name="name" autoComplete="name" required maxLength={100} autoFocus />
        <Field label="E-mail" name="email" type="email" autoComplete="username" required maxLength={254} />
        <PasswordField
          label="Password"
          name="password"
          autoComplete="new-password"
          required
          maxLength={128}
          hint={`At least ${SHORTEST} characters.`}
          problem={short ? `Please use at least ${SHORTEST} characters.` : undefined}
          onChange={(event) => short && setShort(event.target.value.length < SHORTEST)}
        />
        {text && <p className={styles.trouble}>{text}</p>}
        <button type="submit" className="button primary" aria-disabled={busy || waiting}>
          {busy ? "Creating your account…" : "Create account"}
        </button>
      </form>
      <Offers offers={offers} next={next} />
      <p className={styles.foot}>
        Already have one? <Link href={`/sign-in?next=${encodeURIComponent(next)}`}>Sign in</Link>
      </p>
    </>
  );
}
