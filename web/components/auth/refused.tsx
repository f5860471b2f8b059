"use client";
/** Signed in, but the task service does not accept it: says so, and goes back as soon as it does. */
import { useEffect, useState } from "react";
import { authorizedFetch } from "@/lib/api/fetch";
import { asProblem } from "@/lib/api/problem";
import { TasksApi } from "@/lib/api/tasks";
import { TokenHolder } from "@/lib/api/token";
import { mintToken } from "@/lib/auth-client";
import { SignOutButton } from "../sign-out-button";
import styles from "./form.module.css";

const EVERY_MS = 4_000;

interface RefusedProps {
  next: string;
  owner: string;
  email: string;
  apiUrl: string;
}

export function Refused({ next, owner, email, apiUrl }: RefusedProps) {
  const [round, setRound] = useState(0);
  useEffect(() => {
    const stop = new AbortController();
    const api = new TasksApi(apiUrl, owner, authorizedFetch(new TokenHolder({ mint: mintToken, owner })));
    let timer: ReturnType<typeof setTimeout>;
    api.counts(stop.signal).then(
      () => window.location.replace(next),
      (error: unknown) => {
        if (stop.signal.aborted) return;
        if (asProblem(error).kind === "signed-out") window.location.reload();
        else timer = setTimeout(() => setRound(round + 1), EVERY_MS);
      },
    );
    return () => {
      stop.abort();
      clearTimeout(timer);
    };
  }, [round, next, owner, apiUrl]);

  return (
    <div className="notice-page">
      <h1>Almost there</h1>
      <p>
        You're signed in as <strong>{email}</strong>, but the task service doesn't accept your sign-in right
        now. This isn't about your password: usually a clock or a setting on the server is wrong.
      </p>
      <p className="muted">
        Nothing you typed is lost. We ask again every few seconds and take you back as soon as it works.
      </p>
      <div className={styles.offers}>
        <button type="button" className="button primary" onClick={() => setRound(round + 1)}>
          Try now
        </button>
        <SignOutButton className="button">Sign in again</SignOutButton>
      </div>
    </div>
  );
}
