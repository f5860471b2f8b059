"use client";
/** One attempt at a form of Better Auth: busy while it runs, and what to say when it fails. */
import { useEffect, useRef, useState } from "react";
import { announce } from "@/lib/announce";
import { asProblem } from "@/lib/api/problem";
import type { Refusal } from "@/lib/auth-client";

interface Trouble {
  text: string;
  /** Milliseconds of the clock before which another attempt is pointless. */
  until: number | undefined;
}

interface Result {
  refusal?: Refusal | undefined;
}

const DEFAULT_WAIT_S = 60;

export function useAttempt(explain: (refusal: Refusal) => string) {
  const [busy, setBusy] = useState(false);
  const [trouble, setTrouble] = useState<Trouble>();
  const seconds = useCountdown(trouble?.until);
  // State is too slow for a double click: the second one comes before the first one's render.
  const running = useRef(false);

  function fail(text: string, waitS?: number) {
    setTrouble({ text, until: waitS ? Date.now() + waitS * 1000 : undefined });
    announce(waitS ? `${text} Try again in ${waitS} seconds.` : text);
  }

  /** True when it worked; the button stays busy then, because the page is about to change. */
  async function attempt(act: () => Promise<Result>): Promise<boolean> {
    if (running.current || seconds > 0) return false;
    running.current = true;
    setBusy(true);
    setTrouble(undefined);
    try {
      const { refusal } = await act();
      if (!refusal) return true;
      if (refusal.status === 429) fail("Too many attempts.", refusal.retryAfter ?? DEFAULT_WAIT_S);
      else fail(explain(refusal));
    } catch (error) {
      const problem = asProblem(error);
      const again =
        problem.kind === "offline" ? "Try again when you're connected." : "Please try again in a moment.";
      fail(`${problem.message} ${again}`);
    }
    running.current = false;
    setBusy(false);
    return false;
  }

  /** For forms that stay after they worked. */
  function done(): void {
    running.current = false;
    setBusy(false);
  }

  const text =
    trouble &&
    (trouble.until ? (seconds > 0 ? `${trouble.text} Try again in ${seconds} s.` : "") : trouble.text);
  return { busy, text: text || undefined, waiting: seconds > 0, attempt, done };
}

/** Whole seconds until `until`, counting down to 0. */
function useCountdown(until: number | undefined): number {
  const [left, setLeft] = useState(0);
  useEffect(() => {
    if (!until) {
      setLeft(0);
      return;
    }
    const tick = () => setLeft(Math.max(0, Math.ceil((until - Date.now()) / 1000)));
    tick();
    const timer = setInterval(tick, 250);
    return () => clearInterval(timer);
  }, [until]);
  return left;
}
