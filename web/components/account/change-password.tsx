"use client";
/** A new password; every other session ends with it. */
import { useState } from "react";
import { asked, authClient, type Refusal } from "@/lib/auth-client";
import { tell } from "@/lib/channel";
import { PasswordField } from "../auth/fields";
import { AuthForm, Submit } from "../auth/form";
import { PASSWORD_HINT, passwordProblem } from "../auth/password-rules";
import { useAttempt } from "../auth/use-attempt";
import { useDesk } from "../desk-provider";
import styles from "./account.module.css";
import { say } from "./you";

function explain({ code }: Refusal): string {
  if (code === "INVALID_PASSWORD") return "That isn't your password.";
  return "That didn't work, and your password is as it was. Please try again.";
}

export function ChangePassword({ email, onChanged }: { email: string; onChanged: () => void }) {
  const { busy, text, waiting, attempt, done: free } = useAttempt(explain);
  const { session } = useDesk();
  const [problem, setProblem] = useState<string>();

  async function submit(form: FormData, element: HTMLFormElement) {
    const [currentPassword = "", newPassword = ""] = ["current", "new"].map((name) => String(form.get(name)));
    const found = passwordProblem(newPassword);
    setProblem(found);
    if (found) return;
    const change = () =>
      asked((fetchOptions) =>
        authClient.changePassword({ currentPassword, newPassword, revokeOtherSessions: true, fetchOptions }),
      );
    let saved = false;
    // It ends every session, this one too, and then answers with a new one.
    await session.replace(async () => {
      saved = await attempt(change);
    });
    if (!saved) return;
    free();
    // Another tab may have left meanwhile.
    tell({ kind: "signed-in" });
    element.reset();
    say("Your new password is saved. You're signed out everywhere else.");
    onChanged();
  }

  return (
    <AuthForm className={styles.form} onSubmit={submit}>
      {/* Password managers want to know whose password it is. */}
      <input type="text" hidden name="username" autoComplete="username" value={email} readOnly />
      <PasswordField
        label="Current password"
        name="current"
        autoComplete="current-password"
        required
        problem={text}
      />
      <PasswordField
        label="New password"
        name="new"
        autoComplete="new-password"
        required
        hint={PASSWORD_HINT}
        problem={problem}
      />
      <div>
        <Submit busy={busy} waiting={waiting} className="button">
          {busy ? "Saving…" : "Change password"}
        </Submit>
      </div>
    </AuthForm>
  );
}
