"use client";
/** Asks for the password, deletes the tasks and then the account; says so when it could not. */
import { Dialog } from "@base-ui/react/dialog";
import { useState } from "react";
import { asked, authClient, type Refusal } from "@/lib/auth-client";
import { leave } from "@/lib/session-client";
import { Field, PasswordField } from "../auth/fields";
import { AuthForm, Submit } from "../auth/form";
import { useAttempt } from "../auth/use-attempt";
import { useDesk } from "../desk-provider";
import dialog from "../dialog.module.css";
import styles from "./account.module.css";

function explain({ code }: Refusal): string {
  if (code === "INVALID_PASSWORD") return "That isn't your password.";
  if (code === "SESSION_EXPIRED")
    return "You signed in a while ago. Sign out, sign in again, and come back here.";
  if (code === "TASKS_REMAIN") {
    return "The task service can't be reached, so your account and your tasks are still here. Please try again in a moment.";
  }
  return "That didn't work, and your account is still here. Please try again in a moment.";
}

export function DeleteAccount({ email, hasPassword }: { email: string; hasPassword: boolean }) {
  const desk = useDesk();
  const { busy, text, waiting, attempt } = useAttempt(explain);
  const [open, setOpen] = useState(false);
  const [mistyped, setMistyped] = useState(false);

  async function submit(form: FormData) {
    const proof = String(form.get("proof"));
    if (!hasPassword) {
      const wrong = proof.trim().toLowerCase() !== email.toLowerCase();
      setMistyped(wrong);
      if (wrong) return;
    }
    const body = hasPassword ? { password: proof } : {};
    const end = () =>
      attempt(() => asked((fetchOptions) => authClient.deleteUser({ ...body, fetchOptions })));
    if (await desk.session.depart(end)) leave();
  }

  return (
    <Dialog.Root
      open={open}
      // What is being deleted cannot be kept any more.
      onOpenChange={(wanted) => !busy && setOpen(wanted)}
    >
      <Dialog.Trigger className="button danger">Delete account…</Dialog.Trigger>
      <Dialog.Portal>
        <Dialog.Backdrop className={dialog.backdrop} />
        <Dialog.Popup className={dialog.popup}>
          <Dialog.Title className={dialog.title}>Delete your account?</Dialog.Title>
          <Dialog.Description className={dialog.text}>
            All your tasks go first, then the account of {email}. This can't be undone.
          </Dialog.Description>
          <AuthForm className={styles.form} onSubmit={submit}>
            {hasPassword ? (
              <PasswordField
                label="Your password"
                name="proof"
                autoComplete="current-password"
                required
                problem={text}
              />
            ) : (
              <Field
                label="Type your e-mail address to confirm"
                name="proof"
                autoComplete="off"
                required
                problem={mistyped ? "That isn't the address of this account." : text}
              />
            )}
            <div className={dialog.buttons}>
              <Dialog.Close className="button" aria-disabled={busy}>
                Keep it
              </Dialog.Close>
              <Submit busy={busy} waiting={waiting} className="button danger">
                {busy ? "Deleting…" : "Delete for good"}
              </Submit>
            </div>
          </AuthForm>
        </Dialog.Popup>
      </Dialog.Portal>
    </Dialog.Root>
  );
}
