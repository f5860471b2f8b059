/** The session of an open page: how it ends, by the service's word or by the person's own will. */
import type { ApiProblem } from "../api/problem";
import { Cell } from "../cell";
import { tell } from "../channel";

export type SessionEnd = "ended" | "refused";

/** Another tab that ends the session may be closed before it says how that came out. */
const PATIENCE_MS = 30_000;

/** `heard`: the service said meanwhile that the session is over; `limit`: the timer, where another tab ends it. */
interface Departure {
  heard: boolean;
  limit?: ReturnType<typeof setTimeout>;
}

export interface SessionOptions {
  owner: string;
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
  /** True while the person signs out, here or in another tab: what is typed now would be forgotten unasked. */
  readonly leaving = new Cell<boolean>();
  /** From when the person ends the session. */
  private departure: Departure | undefined;
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

  /** Another tab begins to end the session: what the service says of it leads nowhere before that tab says more. */
  readonly onLeaving = (): void => {
    if (this.departure) return;
    this.departure = { heard: false, limit: setTimeout(this.onStaying, PATIENCE_MS) };
    this.leaving.set(true);
  };

  readonly onStaying = (): void => {
    if (!this.departure?.limit) return;
    this.leaving.set(false);
    this.stay(this.departure);
  };

  /** Somebody signed out in another tab. True when this page leaves, too. */
  readonly onSignedOut = (owner: string): boolean => {
    // Somebody else was not asked about what only this page has.
    if (owner !== this.options.owner) return !this.options.atRisk();
    clearTimeout(this.departure?.limit);
    this.departure = { heard: true };
    void this.options.forget();
    return true;
  };

  /**
   * Ends the session with `end`, which says whether it did, and forgets. What the service says of the session meanwhile
   * leads nowhere: `end` may still be refused. False when the session goes on.
   */
  async depart(end: () => Promise<boolean>): Promise<boolean> {
    await this.replaced();
    if (this.departure) return false;
    const { owner, forget } = this.options;
    const departure: Departure = { heard: false };
    this.departure = departure;
    tell({ kind: "leaving", owner });
    let ended = false;
    try {
      ended = await end();
    } finally {
      if (!ended) {
        tell({ kind: "staying", owner });
        this.stay(departure);
      }
    }
    if (!ended) return false;
    await forget();
    tell({ kind: "signed-out", owner });
    return true;
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

  private stay({ heard, limit }: Departure): void {
    clearTimeout(limit);
    this.departure = undefined;
    // Perhaps the session is over all the same, and only the answer was lost.
    if (heard) this.goOn();
  }

  private goOn(): void {
    this.end.set(undefined);
    this.options.goOn();
  }
}
