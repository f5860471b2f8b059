"use client";
/** Sets the new password; every session of the account ends. */
import Link from "next/link";
import { useState } from "react";
import { asked, authClient, type Refusal } from "@/lib/auth-client";
import { PasswordField } from "./fields";
import { AuthForm, Submit } from "./form";
import styles from "./form.module.css";
import { PASSWORD_HINT, passwordProblem } from "./password-rules";
import { useAttempt } from "./use-attempt";

const OVER = "This link has been used already, or is older than an hour.";

function explain({ code }: Refusal): string {
  return code === "INVALID_TOKEN" ? OVER : "That didn't work. Please try again in a moment.";
}

export function ResetPasswordForm({ token }: { token: string | undefined }) {
  const { busy, text, waiting, attempt } = useAttempt(explain);
  const [problem, setProblem] = useState<string>();

  async function submit(form: FormData) {
    const newPassword = String(form.get("password"));
    const found = passwordProblem(newPassword);
    setProblem(found);
    if (found || !token) return;
    const done = await attempt(() =>
      asked((fetchOptions) => authClient.resetPassword({ newPassword, token, fetchOptions })),
    );
    // Replaced, so that Back does not lead to a link that is used up.
    if (done) window.location.replace("/sign-in?reason=new-password");
  }

  const over = !token || text === OVER;
  return (
    <>
      <div className={styles.head}>
        <h1>New password</h1>
        <p className={over ? styles.trouble : "muted"}>
          {over ? OVER : "Everywhere you are signed in, you will be signed out."}
        </p>
      </div>
      {!over && (
        <AuthForm onSubmit={submit}>
          <PasswordField
            label="New password"
            name="password"
            autoComplete="new-password"
            required
            autoFocus
            hint={PASSWORD_HINT}
            problem={problem}
          />
          {text && <p className={styles.trouble}>{text}</p>}
          <Submit busy={busy} waiting={waiting}>
            {busy ? "Saving…" : "Save the new password"}
          </Submit>
        </AuthForm>
      )}
      <p className={styles.foot}>
        {over ? (
          <Link href="/forgot-password">Ask for a new link</Link>
        ) : (
          <Link href="/sign-in">Back to sign-in</Link>
        )}
      </p>
    </>
  );
}
