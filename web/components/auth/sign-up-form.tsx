"use client";
import Link from "next/link";
import { type ReactNode, useState } from "react";
import { asked, authClient, kept, type Refusal } from "@/lib/auth-client";
import type { Offer } from "@/lib/server/offers";
import { arrive, useArrival } from "@/lib/session-client";
import { rememberEmail, typedEmail } from "@/lib/typed";
import { isBlank } from "@/lib/visible";
import { Field, PasswordField } from "./fields";
import { AuthForm, Submit } from "./form";
import styles from "./form.module.css";
import { Offers } from "./offers";
import { PASSWORD_HINT, passwordProblem, TOO_LONG } from "./password-rules";
import { useAttempt } from "./use-attempt";

const TAKEN = "There is already an account with that e-mail.";

function explain({ code }: Refusal): string {
  if (code.startsWith("USER_ALREADY_EXISTS")) return TAKEN;
  if (code === "INVALID_EMAIL") return "That doesn't look like an e-mail address.";
  if (code === "INVALID_NAME") return "Please give a name that can be seen.";
  if (code === "PASSWORD_TOO_LONG") return TOO_LONG;
  if (code === "COOKIES_BLOCKED")
    return "Your account is there, but your browser blocks cookies for this site, so it can't stay signed in. Allow cookies and sign in.";
  return "That didn't work. Please check what you typed and try again.";
}

interface Problems {
  name?: string | undefined;
  password?: string | undefined;
}

export function SignUpForm({ next, offers }: { next: string; offers: readonly Offer[] }) {
  const { busy, text, waiting, attempt } = useAttempt(explain);
  const [problems, setProblems] = useState<Problems>({});
  useArrival(next);

  async function submit(form: FormData) {
    const [name = "", email = "", password = ""] = ["name", "email", "password"].map((field) =>
      String(form.get(field)),
    );
    const found: Problems = {
      name: isBlank(name) ? "Please give a name that can be seen." : undefined,
      password: passwordProblem(password),
    };
    setProblems(found);
    if (found.name || found.password) return;
    const words = { name: name.trim(), email: email.trim(), password };
    const done = await attempt(() =>
      kept(
        asked((fetchOptions) => authClient.signUp.email({ ...words, callbackURL: "/account", fetchOptions })),
      ),
    );
    if (done) arrive(next);
  }

  const signIn = `/sign-in?next=${encodeURIComponent(next)}`;
  const trouble: ReactNode =
    text === TAKEN ? (
      <>
        {text} <Link href={signIn}>Sign in instead?</Link>
      </>
    ) : (
      text
    );

  return (
    <>
      <div className={styles.head}>
        <h1>Create an account</h1>
      </div>
      <AuthForm onSubmit={submit}>
        <Field
          label="Name"
          name="name"
          autoComplete="name"
          problem={problems.name}
          required
          maxLength={100}
          autoFocus
        />
        <Field
          label="E-mail"
          name="email"
          type="email"
          autoComplete="username"
          defaultValue={typedEmail()}
          onChange={(event) => rememberEmail(event.target.value)}
          required
          maxLength={254}
        />
        <PasswordField
          label="Password"
          name="password"
          autoComplete="new-password"
          required
          hint={PASSWORD_HINT}
          problem={problems.password}
          onChange={(event) =>
            problems.password && setProblems({ ...problems, password: passwordProblem(event.target.value) })
          }
        />
        {text && <p className={styles.trouble}>{trouble}</p>}
        <Submit busy={busy} waiting={waiting}>
          {busy ? "Creating your account…" : "Create account"}
        </Submit>
      </AuthForm>
      <Offers offers={offers} next={next} />
      <p className={styles.foot}>
        Already have one? <Link href={signIn}>Sign in</Link>
      </p>
    </>
  );
}
