"use client";
/** Signs out where nothing can be left unsent. */
import type { ReactNode } from "react";
import { asked, authClient } from "@/lib/auth-client";
import { leave } from "@/lib/session-client";
import { useAttempt } from "./auth/use-attempt";

interface SignOutButtonProps {
  className: string;
  /** The person means to come right back: what they typed waits for them. */
  keepDrafts?: boolean;
  children: ReactNode;
}

export function SignOutButton({ className, keepDrafts = false, children }: SignOutButtonProps) {
  const { busy, text, attempt } = useAttempt(() => "Signing out didn't work. You're still signed in.");
  async function out() {
    const done = await attempt(() => asked((fetchOptions) => authClient.signOut({ fetchOptions })));
    if (!done) return;
    if (keepDrafts)
      window.location.replace(`/sign-in${window.location.search.replace("reason=refused", "reason=ended")}`);
    else leave();
  }
  return (
    <>
      <button type="button" className={className} aria-disabled={busy} onClick={out}>
        {children}
      </button>
      {text && <p className="error">{text}</p>}
    </>
  );
}
