"use client";
/** Gives the pages behind sign-in their desk and the cache of what was loaded, both made for one person. */
import { QueryCache, QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { createContext, type ReactNode, use, useEffect, useState, useSyncExternalStore } from "react";
import { ApiProblem } from "@/lib/api/problem";
import { mintToken } from "@/lib/auth-client";
import { growFields } from "@/lib/growing";
import { stepOut, useCompany } from "@/lib/session-client";
import { keys } from "@/lib/tasks/cache";
import { Desk } from "@/lib/tasks/desk";
import { type Known, rememberFrom } from "@/lib/tasks/memory";
import type { OutboxState } from "@/lib/tasks/outbox";
import type { WorkState } from "@/lib/tasks/work";
import { notify } from "./toasts";

const DeskContext = createContext<Desk | undefined>(undefined);

export function useDesk(): Desk {
  const desk = use(DeskContext);
  if (!desk) throw new Error("useDesk outside a DeskProvider");
  return desk;
}

const NOTHING: OutboxState = { ops: [], waiting: undefined };

export function useOutbox(): OutboxState {
  const { outbox } = useDesk();
  return useSyncExternalStore(outbox.subscribe, outbox.snapshot, () => NOTHING);
}

const NO_WORK: WorkState = { ops: [], fresh: [], edits: [], safe: true };

export function useWork(): WorkState {
  const { work } = useDesk();
  return useSyncExternalStore(work.subscribe, work.snapshot, () => NO_WORK);
}

/** Why this page is signed out although it is still open: leaving it would lose what nothing else keeps. */
export function useSessionEnd(): "ended" | "refused" | undefined {
  const { end } = useDesk().session;
  return useSyncExternalStore(end.subscribe, end.snapshot, () => undefined);
}

/** How often a page that is signed out but still open asks whether it still is. */
const AGAIN_MS = 4_000;
/** What an answer of the service proves to be over. */
const OVER_NOW = new Set<ApiProblem["kind"] | undefined>(["unreachable", "signed-out", "refused"]);

function makeDesk(owner: string, apiUrl: string): { desk: Desk; client: QueryClient } {
  const client: QueryClient = new QueryClient({
    queryCache: new QueryCache({
      onError: (error) => {
        if (error instanceof ApiProblem && (error.kind === "signed-out" || error.kind === "refused"))
          desk.session.over(error.kind);
      },
      // The service answers again, and to this person: whatever waits to be sent need not wait any longer.
      onSuccess: (_, { queryKey }) => {
        if (queryKey[0] !== keys.all(owner)[0]) return;
        desk.session.answered();
        if (OVER_NOW.has(desk.outbox.snapshot().waiting?.kind)) desk.outbox.wake();
      },
    }),
    defaultOptions: {
      queries: {
        // Failures are shown at once and asked again by refetchInterval; offline is a failure like another.
        retry: false,
        networkMode: "always",
        staleTime: 20_000,
        gcTime: 10 * 60_000,
      },
    },
  });
  const mint = () => desk.session.replaced().then(mintToken);
  const desk: Desk = new Desk({ owner, apiUrl, mint, client, notify, stepOut });
  return { desk, client };
}

interface DeskProviderProps {
  person: Known;
  apiUrl: string;
  children: ReactNode;
}

export function DeskProvider({ person, apiUrl, children }: DeskProviderProps) {
  const [{ desk, client }] = useState(() => makeDesk(person.id, apiUrl));
  const { id, name, email } = person;
  const { end } = desk.session;
  const ended = useSyncExternalStore(end.subscribe, end.snapshot, () => undefined);
  useCompany(desk.session);
  useEffect(() => {
    if (!ended) return;
    // An answer shows that the session is good again.
    const timer = setInterval(() => desk.cache.refresh(), AGAIN_MS);
    return () => clearInterval(timer);
  }, [desk, ended]);
  useEffect(() => {
    const over = new AbortController();
    growFields(over.signal);
    const stop = desk.start();
    return () => {
      over.abort();
      stop();
    };
  }, [desk]);
  useEffect(() => {
    const over = new AbortController();
    rememberFrom(client, { id, name, email }, over.signal);
    return () => over.abort();
  }, [client, id, name, email]);
  return (
    <QueryClientProvider client={client}>
      <DeskContext value={desk}>{children}</DeskContext>
    </QueryClientProvider>
  );
}
