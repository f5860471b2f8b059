"use client";
import { useSyncExternalStore } from "react";
import { exactTime, relativeTime } from "@/lib/relative-time";

const TICK_MS = 30_000;

let now = Date.now();
let timer: ReturnType<typeof setInterval> | undefined;
const listeners = new Set<() => void>();

/** One clock for every row. */
function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  now = Date.now();
  timer ??= setInterval(() => {
    now = Date.now();
    for (const each of listeners) each();
  }, TICK_MS);
  return () => {
    listeners.delete(listener);
    if (listeners.size > 0) return;
    clearInterval(timer);
    timer = undefined;
  };
}

/** Empty in the server's HTML: the words, and the exact time, are those of the viewer's clock and time zone. */
export function TimeAgo({ at, className }: { at: string; className?: string | undefined }) {
  const current = useSyncExternalStore(
    subscribe,
    () => now,
    () => undefined,
  );
  return (
    <time className={className} dateTime={at} title={current ? exactTime(at) : undefined}>
      {current ? relativeTime(at, current) : ""}
    </time>
  );
}
