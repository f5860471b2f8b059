"use client";
/** The tasks page as this browser remembers it; any other page cannot be had without a connection. */
import { useEffect, useState } from "react";
import { type Memory, recall } from "@/lib/tasks/memory";
import { Frame } from "./frame";
import frame from "./frame.module.css";
import { TaskPage } from "./tasks/task-page";

const EVERY_MS = 4_000;

type Recalled = { memory: Memory | undefined; search: string };

export function Shell({ apiUrl }: { apiUrl: string }) {
  const [recalled, setRecalled] = useState<Recalled>();
  useEffect(() => {
    const { pathname, search } = window.location;
    const isTasks = pathname === "/tasks" || pathname === "/";
    void (isTasks ? recall() : Promise.resolve(undefined)).then((memory) => setRecalled({ memory, search }));
  }, []);
  if (!recalled) return null;
  const { memory, search } = recalled;
  if (!memory) return <Away />;
  return (
    <Frame person={memory.person} apiUrl={apiUrl}>
      <TaskPage search={search} first={memory.first} />
    </Frame>
  );
}

function Away() {
  useEffect(() => {
    const here = new AbortController();
    const { signal } = here;
    const again = async () => {
      const asked = { method: "HEAD", redirect: "manual", cache: "no-store", signal } as const;
      const answer = await fetch(window.location.href, asked).catch(() => undefined);
      if (answer && answer.status < 500 && !signal.aborted) window.location.reload();
    };
    const timer = setInterval(again, EVERY_MS);
    signal.addEventListener("abort", () => clearInterval(timer));
    window.addEventListener("online", again, { signal });
    // A reload would end the navigation that was asked for.
    window.addEventListener("beforeunload", () => here.abort(), { signal });
    return () => here.abort();
  }, []);
  return (
    <main className={`${frame.main} notice-page`}>
      <h1>This page needs a connection</h1>
      <p className="muted">You are offline, or Taskward can't be reached. Nothing is lost.</p>
      <p className="choices">
        <button type="button" className="button primary" onClick={() => window.location.reload()}>
          Try again
        </button>
        <a className="button" href="/tasks">
          Your tasks
        </a>
      </p>
    </main>
  );
}
