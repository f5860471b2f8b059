"use client";
/** Signing out with a look first at what has not been saved yet. */
import { AlertDialog } from "@base-ui/react/alert-dialog";
import { useRef, useState } from "react";
import { announce } from "@/lib/announce";
import { asProblem } from "@/lib/api/problem";
import { asked, authClient } from "@/lib/auth-client";
import { leave } from "@/lib/session-client";
import { useDesk } from "./desk-provider";
import dialog from "./dialog.module.css";
import { notify } from "./toasts";

interface SignOut {
  /** How many changes would be lost; undefined while nobody is asked about it. */
  unsaved: number | undefined;
  begin: () => Promise<void>;
  go: () => Promise<void>;
  stay: () => void;
}

export function useSignOut(): SignOut {
  const desk = useDesk();
  const [unsaved, setUnsaved] = useState<number>();
  const running = useRef(false);

  async function go() {
    setUnsaved(undefined);
    try {
      const { refusal } = await asked((fetchOptions) => authClient.signOut({ fetchOptions }));
      if (refusal) throw new Error(refusal.code);
      desk.outbox.clear();
      desk.cache.forget();
      leave();
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
      if (await desk.settled()) await go();
      else setUnsaved(desk.outbox.snapshot().ops.length);
    } finally {
      running.current = false;
    }
  }

  return { unsaved, begin, go, stay: () => setUnsaved(undefined) };
}

export function SignOutDialog({ unsaved, go, stay }: SignOut) {
  return (
    <AlertDialog.Root open={unsaved !== undefined} onOpenChange={(open) => !open && stay()}>
      <AlertDialog.Portal>
        <AlertDialog.Backdrop className={dialog.backdrop} />
        <AlertDialog.Popup className={dialog.popup}>
          <AlertDialog.Title className={dialog.title}>Sign out without saving?</AlertDialog.Title>
          <AlertDialog.Description className={dialog.text}>
            {unsaved === 1 ? "One change hasn't" : `${unsaved ?? 0} changes haven't`} reached Taskward yet and
            would be lost.
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
