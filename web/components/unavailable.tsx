"use client";
/** Shown when nobody can tell whether somebody is signed in; looks again by itself. */
import { useRouter } from "next/navigation";
import { useEffect } from "react";

const EVERY_MS = 4_000;

export function Unavailable() {
  const router = useRouter();
  useEffect(() => {
    const timer = setInterval(() => router.refresh(), EVERY_MS);
    return () => clearInterval(timer);
  }, [router]);
  return (
    <div className="notice-page">
      <h1>One moment</h1>
      <p className="muted">
        Our records can't be reached right now, so we can't tell whether you're signed in. Nothing is lost.
        This page looks again every few seconds.
      </p>
      <button type="button" className="button" onClick={() => router.refresh()}>
        Try now
      </button>
    </div>
  );
}
