"use client";
/** Coming and going, told to every tab. A full page load each time: nothing in memory survives a change of person. */
import { useEffect } from "react";
import { listen, tell } from "./channel";
import { signInPath } from "./next-path";
import { forgetOwned } from "./storage";

/** After signing in, or up. */
export function arrive(next: string): void {
  tell({ kind: "signed-in" });
  window.location.replace(next);
}

/** A page that waits for a sign-in goes on when another tab has done it. */
export function useArrival(next: string): void {
  useEffect(() => listen((message) => message.kind === "signed-in" && window.location.replace(next)), [next]);
}

/** After signing out: whatever was kept for anybody is forgotten, here and in the other tabs. */
export function leave(): void {
  forgetOwned();
  tell({ kind: "signed-out" });
  window.location.replace("/sign-in");
}

/** The session ended by itself, or the service does not accept it: what was typed stays for the way back. */
export function stepOut(reason: "ended" | "refused"): void {
  const { pathname, search } = window.location;
  window.location.replace(signInPath(pathname + search, reason));
}

/** For pages behind sign-in: follow what other tabs do, and never come back to life out of the browser's cache. */
export function useCompany(): void {
  useEffect(() => {
    const quiet = listen((message) => {
      if (message.kind === "signed-out") window.location.replace("/sign-in");
      // Perhaps as somebody else: the server says who this page is for now.
      if (message.kind === "signed-in") window.location.reload();
    });
    const revived = (event: PageTransitionEvent) => event.persisted && window.location.reload();
    window.addEventListener("pageshow", revived);
    return () => {
      quiet();
      window.removeEventListener("pageshow", revived);
    };
  }, []);
}
