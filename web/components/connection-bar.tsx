"use client";
/** Says when the service can't be had, what happens to changes meanwhile, and when it is tried again. */
import { useEffect, useState, useSyncExternalStore } from "react";
import { announce } from "@/lib/announce";
import { ApiProblem } from "@/lib/api/problem";
import { signInPath } from "@/lib/next-path";
import styles from "./connection-bar.module.css";
import { useOutbox, useSessionEnd, useWork } from "./desk-provider";
import { Clock, Cloud } from "./icons";

function subscribe(listener: () => void): () => void {
  window.addEventListener("online", listener);
  window.addEventListener("offline", listener);
  return () => {
    window.removeEventListener("online", listener);
    window.removeEventListener("offline", listener);
  };
}

function useOnline(): boolean {
  return useSyncExternalStore(
    subscribe,
    () => navigator.onLine,
    () => true,
  );
}

/** What lies between here and the service; `signed-out` and `refused` are said by the session's end. */
const PASSING = new Set<ApiProblem["kind"]>(["offline", "unreachable", "busy", "broken"]);

interface ConnectionBarProps {
  /** Why the list could not be refreshed, if so. */
  problem: ApiProblem | undefined;
  /** False while the page already says so in the list's place. */
  listed: boolean;
  onRetry: () => void;
}

export function ConnectionBar({ problem, listed, onRetry }: ConnectionBarProps) {
  const online = useOnline();
  const { ops, waiting } = useOutbox();
  const { safe, fresh, edits } = useWork();
  const ended = useSessionEnd();
  const unsaved = ops.filter(({ state }) => state === "queued" || state === "sending").length;
  const kind = online
    ? [waiting?.kind, problem?.kind].find((found) => found && PASSING.has(found))
    : "offline";
  const trouble = kind !== undefined && (listed || unsaved > 0 || kind === "offline");
  // The browser keeps nothing: then what is not sent is in this window's memory and nowhere else.
  const atRisk = !safe && unsaved + fresh.length + edits.length > 0;
  const seconds = useSecondsUntil(kind === "busy" ? waiting?.until : undefined);

  const what = unsaved === 1 ? "1 change is" : `${unsaved} changes are`;
  const headline = ended
    ? new ApiProblem(ended === "refused" ? "refused" : "signed-out").message
    : kind === "offline"
      ? "You're offline."
      : kind === "busy"
        ? `Taskward is busy right now.${seconds > 0 ? ` Trying again in ${seconds} s.` : ""}`
        : kind === "broken"
          ? "Something went wrong on our side. Trying again…"
          : trouble
            ? "Taskward can't be reached. Trying again…"
            : "This browser keeps nothing: its storage is full or turned off.";
  const rest = atRisk
    ? `${unsaved > 0 ? what : "What you typed is"} only in this window – don't close it.`
    : unsaved > 0
      ? `${what} kept here and saved as soon as it works.`
      : kind === "offline"
        ? "You can go on; changes are kept here until you're back."
        : "";

  const visible = trouble || atRisk || ended !== undefined;
  useSpoken(trouble ? kind : undefined, atRisk);
  if (!visible) return null;
  return (
    <div className={styles.bar} data-testid="connection">
      {kind === "busy" ? <Clock /> : <Cloud />}
      <p>
        <strong>{headline}</strong> {rest}
      </p>
      {ended && (
        <a className="button small" href={signInPath("/tasks", ended)} target="_blank" rel="noopener">
          Sign in in a new tab
        </a>
      )}
      {trouble && !ended && kind !== "offline" && (
        <button type="button" className="button small" onClick={onRetry}>
          Try now
        </button>
      )}
    </div>
  );
}

/** Said once when it begins and once when it is over, not with every second of the countdown. */
function useSpoken(kind: ApiProblem["kind"] | undefined, atRisk: boolean): void {
  const [last, setLast] = useState(kind);
  useEffect(() => {
    if (kind === last) return;
    setLast(kind);
    const kept = atRisk ? "Changes are only in this window." : "Changes are kept here";
    if (kind === "offline") announce(`You're offline. ${kept}${atRisk ? "" : " until you're back."}`);
    else if (kind) announce(`Taskward can't be reached. ${kept}${atRisk ? "" : "."}`);
    else announce("Taskward is back.");
  }, [kind, last, atRisk]);
}

function useSecondsUntil(until: number | undefined): number {
  const [now, setNow] = useState(0);
  useEffect(() => {
    if (!until) return;
    const tick = () => setNow(Date.now());
    tick();
    const timer = setInterval(tick, 500);
    return () => clearInterval(timer);
  }, [until]);
  return until && now ? Math.max(0, Math.ceil((until - now) / 1000)) : 0;
}
