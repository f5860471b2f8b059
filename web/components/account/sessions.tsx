"use client";
/** Where one is signed in, and signing out there or everywhere. */
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { asked, authClient } from "@/lib/auth-client";
import { deviceOf } from "@/lib/device";
import type { OwnSession } from "@/lib/server/own-sessions";
import { type End, SignOutDialog, useSignOut } from "../sign-out";
import styles from "./account.module.css";
import { say } from "./you";

const FAILED = "That didn't work: the session goes on. Please try again.";
const moment = new Intl.DateTimeFormat("en", { dateStyle: "medium", timeStyle: "short" });

async function load(): Promise<OwnSession[]> {
  const { data, refusal } = await asked<OwnSession[]>((options) =>
    authClient.$fetch("/own-sessions", { method: "GET", ...options }),
  );
  if (refusal) throw new Error(refusal.code);
  return data;
}

const everywhere: End = (fetchOptions) => authClient.revokeSessions({ fetchOptions });

/** True when it was done; otherwise it has been said. */
async function done(act: () => Promise<{ refusal?: unknown }>): Promise<boolean> {
  try {
    if (!(await act()).refusal) return true;
  } catch {
    // Said below: whatever the reason, the session goes on.
  }
  say(FAILED);
  return false;
}

export const SESSIONS = ["own-sessions"] as const;

export function Sessions() {
  const signOut = useSignOut(everywhere);
  const { data, isError, refetch } = useQuery({ queryKey: SESSIONS, queryFn: load });
  const [ending, setEnding] = useState<string>();

  async function end({ id, userAgent }: OwnSession) {
    if (ending) return;
    setEnding(id);
    const ended = await done(() =>
      asked((options) =>
        authClient.$fetch("/own-sessions/end", { method: "POST", body: { id }, ...options }),
      ),
    );
    if (ended) {
      say(`Signed out: ${deviceOf(userAgent)}.`);
      await refetch();
    }
    setEnding(undefined);
  }

  return (
    <>
      {isError && (
        <p className="error">
          The list can't be loaded right now.{" "}
          <button type="button" className="button small" onClick={() => void refetch()}>
            Try again
          </button>
        </p>
      )}
      <ul className={styles.sessions} aria-busy={!data && !isError}>
        {data?.map((session) => (
          <li key={session.id}>
            <div>
              <strong>{deviceOf(session.userAgent)}</strong>
              {session.current && <span className={styles.tag}>this browser</span>}
              <p className="muted">
                Signed in {moment.format(new Date(session.since))}
                {session.ip && ` from ${session.ip}`}
              </p>
            </div>
            {!session.current && (
              <button
                type="button"
                className="button small"
                aria-disabled={Boolean(ending)}
                onClick={() => void end(session)}
              >
                {ending === session.id ? "Signing out…" : "Sign out there"}
              </button>
            )}
          </li>
        ))}
      </ul>
      <button
        type="button"
        className="button"
        aria-disabled={Boolean(ending)}
        onClick={() => void signOut.begin()}
      >
        Sign out everywhere
      </button>
      <SignOutDialog {...signOut} />
    </>
  );
}
