/** What the tabs of one browser tell each other. */
import type { Change } from "./tasks/cache";
import type { Amount } from "./tasks/work";

export type Message =
  /** The session of `owner` was ended by their own will: nothing of theirs stays in this browser. */
  | { kind: "signed-out"; owner: string }
  /** Before that: `owner` is ending the session. And: it goes on all the same. */
  | { kind: "leaving"; owner: string }
  | { kind: "staying"; owner: string }
  | { kind: "signed-in" }
  | { kind: "change"; owner: string; change: Change }
  /** The service told the one tab that listens: something changed, or (without `changed`) that it is still there. */
  | { kind: "live"; owner: string; origin: string; changed: boolean }
  /** Somebody is about to sign out: send what can be sent, and say what is left. */
  | { kind: "roll-call"; owner: string }
  | { kind: "present"; owner: string; page: string; amount: Amount };

const NAME = "taskward";

function open(): BroadcastChannel | undefined {
  return typeof BroadcastChannel === "undefined" ? undefined : new BroadcastChannel(NAME);
}

/**
 * One for the page, never closed: a channel that is closed at once may take its message with it, and one that both
 * speaks and listens does not hear itself.
 */
let speaker: BroadcastChannel | undefined;

export function tell(message: Message): void {
  speaker ??= open();
  speaker?.postMessage(message);
}

export function listen(hear: (message: Message) => void): () => void {
  speaker ??= open();
  const receive = (event: MessageEvent<Message>) => hear(event.data);
  speaker?.addEventListener("message", receive);
  return () => speaker?.removeEventListener("message", receive);
}
