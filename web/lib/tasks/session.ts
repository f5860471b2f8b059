/** The session of an open page: how it ends, by the service's word or by the person's own will. */
import type { ApiProblem } from "../api/problem";
import { Cell } from "../cell";

export type SessionEnd = "ended" | "refused";

export interface SessionOptions {
  /** Whether leaving this page would lose what nothing else keeps. */
  atRisk: () => boolean;
  /** Leaves for the sign-in page, and comes back from there. */
  stepOut: (reason: SessionEnd) => void;
  /** Sends what waits, and asks for the lists again. */
  goOn: () => void;
  /** Nothing of the person's stays in this browser. */
  forget: () => Promise<void>;
}

export class Session {
  /** Why this page is signed out although it is still open. */
  readonly end = new Cell<SessionEnd>();
  /** From when the person ends the session: whether the service said meanwhile that it is over. */
  private departure: { heard: boolean } | undefined;
  private replacement: Promise<unknown> | undefined;
  /** The page is on its way to sign in. Another navigation would cancel that one and begin it anew. */
  private steppedOut = false;

  constructor(private readonly options: SessionOptions) {}

  /** The service says that the session is over. The page goes to sign in, unless that would lose something. */
  readonly over = (kind: ApiProblem["kind"]): void => {
    const { atRisk, stepOut } = this.options;
    const reason = kind === "refused" ? "refused" : "ended";
    if (this.departure) this.departure.heard = true;
    else if (this.steppedOut) return;
    else if (atRisk()) this.end.set(reason);
    else {
      this.steppedOut = true;
      stepOut(reason);
    }
  };

  /** Another tab signed in. True when this one goes on as it is, with what only it has. */
  readonly onSignedIn = (): boolean => {
    if (!this.options.atRisk()) return false;
    this.goOn();
    return true;
  };

  /** Another tab signed out, where the person was asked about everything unfinished here. */
  readonly onSignedOut = (): void => {
    this.departure = { heard: true };
    void this.options.forget();
  };

  /**
   * Ends the session with `end`, which says whether it did, and forgets. What the service says of the session meanwhile
   * leads nowhere: `end` may still be refused. False when the session goes on.
   */
  async depart(end: () => Promise<boolean>): Promise<boolean> {
    await this.replaced();
    if (this.departure) return false;
    const departure = { heard: false };
    this.departure = departure;
    let ended = false;
    try {
      ended = await end();
    } finally {
      if (!ended) {
        this.departure = undefined;
        // Perhaps it is over all the same, and only the answer was lost.
        if (departure.heard) this.goOn();
      }
    }
    if (ended) await this.options.forget();
    return ended;
  }

  /** Runs a call that ends this session to begin another. No token is asked for meanwhile: the old cookie gets none. */
  async replace(call: () => Promise<unknown>): Promise<void> {
    const done = call();
    this.replacement = done.catch(() => {});
    await done;
  }

  /** Resolves when no call that replaces the session is under way, however it came out. */
  readonly replaced = async (): Promise<void> => {
    await this.replacement;
  };

  /** The service answers: a session that was over is good again, after a sign-in that this page did not hear of. */
  readonly answered = (): void => {
    if (this.end.snapshot()) this.end.set(undefined);
  };

  private goOn(): void {
    this.end.set(undefined);
    this.options.goOn();
  }
}
