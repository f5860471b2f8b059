"use client";
/** Signing out, here or everywhere, with a look first at what has not been saved yet. */
import { AlertDialog } from "@base-ui/react/alert-dialog";
import { useState } from "react";
import { announce } from "@/lib/announce";
import { asProblem } from "@/lib/api/problem";
import { asked, authClient } from "@/lib/auth-client";
import { leave } from "@/lib/session-client";
import type { Amount } from "@/lib/tasks/work";
import { useDesk } from "./desk-provider";
import dialog from "./dialog.module.css";
import { notify } from "./toasts";

interface SignOut {
  /** What would be lost, in all tabs; undefined while nobody is asked about it. */
  unsaved: Amount | undefined;
  begin: () => Promise<void>;
  go: () => Promise<void>;
  stay: () => void;
}

/** A call of Better Auth that ends this session. */
export type End = Parameters<typeof asked>[0];

const here: End = (fetchOptions) => authClient.signOut({ fetchOptions });

const NOTHING: Amount = { unsent: 0, drafts: 0 };

export function useSignOut(end = here): SignOut {
  const desk = useDesk();
  const [unsaved, setUnsaved] = useState<Amount>();

  /** True when the session ended. Asks first when more would be lost than the person knows of. */
  async function attempt(known: Amount): Promise<boolean> {
    try {
      const amount = await desk.unfinished();
      if (amount.unsent > known.unsent || amount.drafts > known.drafts) {
        setUnsaved(amount);
        return false;
      }
      return await desk.session.depart(async () => {
        const { refusal } = await asked(end);
        if (refusal) throw new Error(refusal.code);
        return true;
      });
    } catch (error) {
      const text = `${asProblem(error).message} You're still signed in.`;
      notify({ text });
      announce(text);
      return false;
    }
  }

  async function out(known: Amount) {
    const { leaving } = desk.session;
    if (leaving.snapshot()) return;
    leaving.set(true);
    setUnsaved(undefined);
    if (await attempt(known)) leave();
    else leaving.set(false);
  }

  return {
    unsaved,
    begin: () => out(NOTHING),
    go: () => out(unsaved ?? NOTHING),
    stay: () => setUnsaved(undefined),
  };
}

const amount = (count: number, what: string) => (count === 1 ? `One ${what}` : `${count} ${what}s`);

function lossOf({ unsent, drafts }: Amount): string {
  const changes = unsent === 1 ? "hasn't reached Taskward yet" : "haven't reached Taskward yet";
  const parts = [
    ...(unsent > 0 ? [`${amount(unsent, "change")} ${changes}`] : []),
    ...(drafts > 0 ? [`${amount(drafts, "text")} ${drafts === 1 ? "is" : "are"} not finished`] : []),
  ];
  return `${parts.join(". ")}. Signing out would lose ${unsent + drafts === 1 ? "it" : "them"}, in all tabs of this browser.`;
}

export function SignOutDialog({ unsaved, go, stay }: SignOut) {
  return (
    <AlertDialog.Root open={unsaved !== undefined} onOpenChange={(open) => !open && stay()}>
      <AlertDialog.Portal>
        <AlertDialog.Backdrop className={dialog.backdrop} />
        <AlertDialog.Popup className={dialog.popup}>
          <AlertDialog.Title className={dialog.title}>Sign out without saving?</AlertDialog.Title>
          <AlertDialog.Description className={dialog.text}>
            {unsaved && lossOf(unsaved)}
          </AlertDialog.Description>
          <div className={dialog.buttons}>
            <AlertDialog.Close className="button">Stay signed in</AlertDialog.Close>
            <button type="button" className="button danger" onClick={() => void go()}>
              Sign out anyway
            </button>
          </div>
        </AlertDialog.Popup>
      </AlertDialog.Portal>
    </AlertDialog.Root>
  );
}
