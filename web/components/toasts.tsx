"use client";
/** Notices at the foot of the page. They are read out by the one live region, so this one keeps quiet. */
import { Toast } from "@base-ui/react/toast";
import type { Notice } from "@/lib/notice";
import { Cross } from "./icons";
import styles from "./toasts.module.css";

const manager = Toast.createToastManager();

/** Long enough to read it and reach for it; hovering or focusing the notice stops the clock. */
const UNDO_MS = 7_000;
const NOTICE_MS = 6_000;

export function notify({ text, undo, onClose }: Notice): () => void {
  const id = manager.add({
    title: text,
    timeout: undo ? UNDO_MS : NOTICE_MS,
    ...(onClose && { onClose }),
    ...(undo && { actionProps: { children: "Undo", onClick: undo } }),
  });
  return () => manager.close(id);
}

function Notices() {
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

export function Toasts() {
  return (
    <Toast.Provider toastManager={manager} limit={4}>
      <Toast.Portal>
        <Toast.Viewport className={styles.viewport} aria-live="off" aria-label="Notices">
          <Notices />
        </Toast.Viewport>
      </Toast.Portal>
    </Toast.Provider>
  );
}
