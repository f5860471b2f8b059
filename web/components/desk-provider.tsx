"use client";
/** Gives the pages behind sign-in their desk and the cache of what was loaded, both made for one person. */
import { QueryCache, QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { createContext, type ReactNode, use, useEffect, useState, useSyncExternalStore } from "react";
import { ApiProblem } from "@/lib/api/problem";
import { mintToken } from "@/lib/auth-client";
import { stepOut, useCompany } from "@/lib/session-client";
import { forgetOwned } from "@/lib/storage";
import { Desk } from "@/lib/tasks/desk";
import type { OutboxState } from "@/lib/tasks/outbox";
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

function onSignedOut(kind: ApiProblem["kind"]): void {
  stepOut(kind === "refused" ? "refused" : "ended");
}

function makeDesk(owner: string, apiUrl: string): { desk: Desk; client: QueryClient } {
  const client: QueryClient = new QueryClient({
    queryCache: new QueryCache({
      onError: (error) => {
        if (error instanceof ApiProblem && (error.kind === "signed-out" || error.kind === "refused"))
          onSignedOut(error.kind);
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
  const desk: Desk = new Desk({ owner, apiUrl, mint: mintToken, client, notify, onSignedOut });
  return { desk, client };
}

interface DeskProviderProps {
  owner: string;
  apiUrl: string;
  children: ReactNode;
}

export function DeskProvider({ owner, apiUrl, children }: DeskProviderProps) {
  const [{ desk, client }] = useState(() => makeDesk(owner, apiUrl));
  useCompany();
  useEffect(() => {
    // Somebody else's drafts on a shared machine: theirs were kept for their own return, which this is not.
    forgetOwned(owner);
    return desk.start();
  }, [desk, owner]);
  return (
    <QueryClientProvider client={client}>
      <DeskContext value={desk}>{children}</DeskContext>
    </QueryClientProvider>
  );
}
