"use client";
/** Notices at the foot of the page. They are read out by the one live region, so this one keeps quiet. */
import { Toast } from "@base-ui/react/toast";
import { useEffect } from "react";
import type { Notice } from "@/lib/notice";
import { Cross } from "./icons";
import styles from "./toasts.module.css";

const manager = Toast.createToastManager();

function show({ text, undo, onClose }: Notice, timeout: number): () => void {
  const id = manager.add({
    title: text,
    timeout,
    ...(onClose && { onClose }),
    ...(undo && { actionProps: { children: "Undo", onClick: undo } }),
  });
  return () => manager.close(id);
}

export type Show = typeof show;

function List() {
  const { toasts } = Toast.useToastManager();
  return toasts.map((toast) => (
    <Toast.Root
      key={toast.id}
      toast={toast}
      className={styles.toast}
      swipeDirection={["down", "left", "right"]}
    >
      <Toast.Title className={styles.text} dir="auto" render={<p />} />
      {/* On its way out it can no longer undo anything, and is dismissed already. */}
      {toast.transitionStatus !== "ending" && (
        <>
          <Toast.Action className={styles.action} />
          {/* Base UI hides it from assistive technology until the notice is hovered; it is there for everybody. */}
          <Toast.Close className={styles.close} aria-label="Dismiss" aria-hidden={false}>
            <Cross />
          </Toast.Close>
        </>
      )}
    </Toast.Root>
  ));
}

/** `onReady` gets the way to show a notice, once this listens for it. */
export function Notices({ onReady }: { onReady: (how: Show) => void }) {
  // A parent's effects run after its children's: the provider listens by then.
  useEffect(() => onReady(show), [onReady]);
  return (
    <Toast.Provider toastManager={manager} limit={4}>
      <Toast.Portal>
        <Toast.Viewport className={styles.viewport} aria-live="off" aria-label="Notices">
          <List />
        </Toast.Viewport>
      </Toast.Portal>
    </Toast.Provider>
  );
}
