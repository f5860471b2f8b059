"use client";
/** Covers the page while the person signs out: what they typed now would be forgotten without being asked about. */
import { type SyntheticEvent, useLayoutEffect, useRef, useSyncExternalStore } from "react";
import { useDesk } from "./desk-provider";
import dialog from "./dialog.module.css";

const stay = (event: SyntheticEvent) => event.preventDefault();

export function SigningOut() {
  const { leaving } = useDesk().session;
  const shown = useSyncExternalStore(leaving.subscribe, leaving.snapshot, () => false);
  return shown ? <Cover /> : null;
}

/** The browser makes everything else inert, and reads the name out because the focus goes here. */
function Cover() {
  const cover = useRef<HTMLDialogElement>(null);
  useLayoutEffect(() => {
    const { current } = cover;
    current?.showModal();
    return () => current?.close();
  }, []);
  return (
    <dialog
      ref={cover}
      className={dialog.popup}
      aria-labelledby="signing-out"
      onCancel={stay}
      onKeyDown={(event) => event.key === "Escape" && stay(event)}
    >
      <p id="signing-out" className={dialog.title}>
        Signing out…
      </p>
    </dialog>
  );
}
