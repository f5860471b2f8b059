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

export function TimeAgo({ at, className }: { at: string; className?: string | undefined }) {
  const current = useSyncExternalStore(
    subscribe,
    () => now,
    () => now,
  );
  return (
    <time className={className} dateTime={at} title={exactTime(at)} suppressHydrationWarning>
      {relativeTime(at, Math.max(current, Date.parse(at)))}
    </time>
  );
}
