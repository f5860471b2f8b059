"use client";
/** Sends a link by mail. The answer is the same whether or not there is such an account. */
import Link from "next/link";
import { useState } from "react";
import { announce } from "@/lib/announce";
import { asked, authClient } from "@/lib/auth-client";
import { rememberEmail, typedEmail } from "@/lib/typed";
import { Field } from "./fields";
import { AuthForm, Submit } from "./form";
import styles from "./form.module.css";
import { useAttempt } from "./use-attempt";

const SENT =
  "If there is an account with that address, a link is on its way. Open it within an hour. It may be among your unwanted mail.";

export function ForgotPasswordForm() {
  const { busy, text, waiting, attempt } = useAttempt(({ code }) =>
    code === "INVALID_EMAIL"
      ? "That doesn't look like an e-mail address."
      : "That didn't work. Please try again in a moment.",
  );
  const [sent, setSent] = useState(false);

  async function submit(form: FormData) {
    const email = String(form.get("email")).trim();
    const done = await attempt(() =>
      asked((fetchOptions) =>
        authClient.requestPasswordReset({ email, redirectTo: "/reset-password", fetchOptions }),
      ),
    );
    if (!done) return;
    setSent(true);
    announce(SENT);
  }

  return (
    <>
      <div className={styles.head}>
        <h1>Forgotten password</h1>
        <p className={sent ? styles.good : "muted"}>
          {sent ? SENT : "We send you a link with which you choose a new one."}
        </p>
      </div>
      {!sent && (
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
          {text && <p className={styles.trouble}>{text}</p>}
          <Submit busy={busy} waiting={waiting}>
            {busy ? "Sending…" : "Send the link"}
          </Submit>
        </AuthForm>
      )}
      <p className={styles.foot}>
        <Link href="/sign-in">Back to sign-in</Link>
      </p>
    </>
  );
}
