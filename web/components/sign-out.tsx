"use client";
/** Signing out, here or everywhere, with a look first at what has not been saved yet. */
import { AlertDialog } from "@base-ui/react/alert-dialog";
import { useRef, useState } from "react";
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

export function useSignOut(end = here): SignOut {
  const desk = useDesk();
  const [unsaved, setUnsaved] = useState<Amount>();
  const running = useRef(false);

  async function go() {
    setUnsaved(undefined);
    try {
      const gone = await desk.session.depart(async () => {
        const { refusal } = await asked(end);
        if (refusal) throw new Error(refusal.code);
        return true;
      });
      if (gone) leave();
    } catch (error) {
      const text = `${asProblem(error).message} You're still signed in.`;
      notify({ text });
      announce(text);
    }
  }

  async function begin() {
    if (running.current) return;
    running.current = true;
    try {
      const amount = await desk.unfinished();
      if (amount.unsent + amount.drafts === 0) await go();
      else setUnsaved(amount);
    } finally {
      running.current = false;
    }
  }

  return { unsaved, begin, go, stay: () => setUnsaved(undefined) };
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
