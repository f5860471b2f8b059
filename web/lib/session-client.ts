"use client";
/** Coming and going, told to every tab. A full page load each time: nothing in memory survives a change of person. */
import { useEffect } from "react";
import { listen, tell } from "./channel";
import { signInPath } from "./next-path";
import { forgetMemory } from "./tasks/memory";

/** After signing in, or up. */
export function arrive(next: string): void {
  tell({ kind: "signed-in" });
  window.location.replace(next);
}

/** A page that waits for a sign-in goes on when another tab has done it. Nobody is signed in: no tasks are remembered. */
export function useArrival(next: string): void {
  useEffect(() => void forgetMemory(), []);
  useEffect(
    () =>
      listen(({ kind }) => {
        if (kind === "signed-in") window.location.replace(next);
        const { pathname, search } = window.location;
        // The way back holds what the person searched for.
        if (kind === "signed-out" && new URLSearchParams(search).has("next"))
          window.location.replace(pathname);
      }),
    [next],
  );
}

/** After signing out. What the person had here is forgotten before, and the other tabs are told. */
export function leave(): void {
  window.location.replace("/sign-in");
}

/** The session ended by itself, or the service does not accept it: what was typed stays for the way back. */
export function stepOut(reason: "ended" | "refused"): void {
  const { pathname, search } = window.location;
  window.location.replace(signInPath(pathname + search, reason));
}

interface Company {
  /** Somebody signed out in another tab. True when this page leaves, too. */
  onSignedOut: (owner: string) => boolean;
  /** True when the page took it on itself; otherwise it is loaded anew. */
  onSignedIn: () => boolean;
}

/** For pages behind sign-in: follow what other tabs do, and never come back to life out of the browser's cache. */
export function useCompany({ onSignedOut, onSignedIn }: Company): void {
  useEffect(() => {
    const quiet = listen((message) => {
      if (message.kind === "signed-out" && onSignedOut(message.owner)) window.location.replace("/sign-in");
      // Perhaps as somebody else: the server says who this page is for now.
      if (message.kind === "signed-in" && !onSignedIn()) window.location.reload();
    });
    const revived = (event: PageTransitionEvent) => event.persisted && window.location.reload();
    window.addEventListener("pageshow", revived);
    return () => {
      quiet();
      window.removeEventListener("pageshow", revived);
    };
  }, [onSignedOut, onSignedIn]);
}
