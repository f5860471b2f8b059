/** What a reader of revocations is told: an answer to `?after=<cursor>&wait=<seconds>`. */

export interface Revocation {
  id: string;
  kind: "sid" | "sub" | "grant";
  value: string;
  /** Epoch seconds. */
  not_before: number;
  /** Epoch seconds. */
  expires_at: number;
}

export interface Answer {
  /** The cursor to ask with next. */
  next: string;
  /** True when `events` are all revocations there are, rather than those since the cursor. */
  complete: boolean;
  events: Revocation[];
}

/** Where revocations are kept. */
export interface RevocationStore {
  /** Those since a cursor; all of them without one, or with one that the store does not know. */
  since(after: string | undefined): Promise<Answer>;
  /** Resolves when there may be something new, or after `ms` milliseconds. */
  changed(ms: number): Promise<void>;
}

/** Waiting requests hold a connection each; with more than this many, further ones are answered at once. */
const MOST_WAITING = 200;

export class Feed {
  private waiting = 0;

  constructor(
    private readonly store: RevocationStore,
    private readonly now: () => number = Date.now,
  ) {}

  /** Answers as soon as there is something to tell, and after `waitS` seconds in any case. */
  async ask(after: string | undefined, waitS: number): Promise<Answer> {
    const deadline = this.now() + waitS * 1000;
    const told = (answer: Answer) => answer.complete || answer.events.length > 0;
    let answer = await this.store.since(after);
    if (told(answer) || this.waiting >= MOST_WAITING) return answer;
    this.waiting += 1;
    try {
      for (let left = deadline - this.now(); left > 0; left = deadline - this.now()) {
        await this.store.changed(left);
        answer = await this.store.since(answer.next);
        if (told(answer)) break;
      }
      return answer;
    } finally {
      this.waiting -= 1;
    }
  }
}
