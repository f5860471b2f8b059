"use client";
/** Gives the pages behind sign-in their desk and the cache of what was loaded, both made for one person. */
import { QueryCache, QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { createContext, type ReactNode, use, useEffect, useState, useSyncExternalStore } from "react";
import { ApiProblem } from "@/lib/api/problem";
import { mintToken } from "@/lib/auth-client";
import { growFields } from "@/lib/growing";
import { stepOut, useCompany } from "@/lib/session-client";
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

function makeDesk(owner: string, apiUrl: string): { desk: Desk; client: QueryClient } {
  const client: QueryClient = new QueryClient({
    queryCache: new QueryCache({
      onError: (error) => {
        if (error instanceof ApiProblem && (error.kind === "signed-out" || error.kind === "refused"))
          desk.session.over(error.kind);
      },
      // It answers again: whatever waits to be sent need not wait any longer.
      onSuccess: () => {
        if (desk.outbox.snapshot().waiting?.kind === "unreachable") desk.outbox.wake();
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
  const desk: Desk = new Desk({ owner, apiUrl, mint: mintToken, client, notify, stepOut });
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
  useCompany(desk.session);
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
