"use client";
/** Where notices are asked for. What shows them is loaded with the first one. */
import { type ComponentType, useEffect, useState } from "react";
import type { Notice } from "@/lib/notice";
import type { Show } from "./notices";

/** Long enough to read it and reach for it; hovering or focusing the notice stops the clock. */
const UNDO_MS = 7_000;
const NOTICE_MS = 6_000;

type Viewport = ComponentType<{ onReady: (how: Show) => void }>;

let ready: ((how: Show) => void) | undefined;
const shown = new Promise<Show>((resolve) => {
  ready = resolve;
});

/** Whether there was something to show, and what then loads it. */
let wanted = false;
let load: (() => void) | undefined;

export function notify(notice: Notice): () => void {
  const time = notice.undo ? UNDO_MS : NOTICE_MS;
  let close: (() => void) | undefined;
  let over = false;
  const end = () => {
    if (over) return;
    over = true;
    clearTimeout(timer);
    notice.onClose?.();
    close?.();
  };
  // Also when it can't be shown: what can be undone must be done at last.
  const timer = setTimeout(end, time);
  wanted = true;
  load?.();
  void shown.then((how) => {
    if (over) return;
    clearTimeout(timer);
    close = how({ ...notice, onClose: end }, time);
  });
  return end;
}

const loadNotices = () => import("./notices");

export function Toasts() {
  const [Notices, setNotices] = useState<Viewport>();
  useEffect(() => {
    let loading = false;
    load = () => {
      if (loading) return;
      loading = true;
      loadNotices().then(
        ({ Notices }) => setNotices(() => Notices),
        () => {
          loading = false;
        },
      );
    };
    if (wanted) load();
    return () => {
      load = undefined;
    };
  }, []);
  return Notices && <Notices onReady={(how) => ready?.(how)} />;
}
