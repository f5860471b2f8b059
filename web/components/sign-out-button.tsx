"use client";
/** Signs out on a page without tasks. */
import type { ReactNode } from "react";
import { asked, authClient } from "@/lib/auth-client";
import { useAttempt } from "./auth/use-attempt";

interface SignOutButtonProps {
  className: string;
  children: ReactNode;
}

/** What was typed stays: the person signs in again at once. */
export function SignOutButton({ className, children }: SignOutButtonProps) {
  const { busy, text, attempt } = useAttempt(() => "Signing out didn't work. You're still signed in.");
  async function out() {
    const done = await attempt(() => asked((fetchOptions) => authClient.signOut({ fetchOptions })));
    if (done)
      window.location.replace(`/sign-in${window.location.search.replace("reason=refused", "reason=ended")}`);
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
