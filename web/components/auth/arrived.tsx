"use client";
/** Signed in through another provider: tells the other tabs, and goes on. */
import { useEffect } from "react";
import { arrive } from "@/lib/session-client";

export function Arrived({ next }: { next: string }) {
  useEffect(() => arrive(next), [next]);
  return (
    <noscript>
      <a href={next}>Go on</a>
    </noscript>
  );
}
