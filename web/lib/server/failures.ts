/** Failed passwords per address: at most so many within a window, successes not counted. */

export interface Verdict {
  allowed: boolean;
  /** Whole seconds until the next attempt may be made; 0 when allowed. */
  retryAfter: number;
}

const MOST_ADDRESSES = 50_000;

export class Failures {
  private readonly attempts = new Map<string, number[]>();

  constructor(
    private readonly limit: number,
    private readonly windowMs: number,
    private readonly now: () => number = Date.now,
  ) {}

  /** Takes a place before the password is looked at, so that a hundred at once cannot slip past the count. */
  take(key: string): Verdict {
    const now = this.now();
    const recent = (this.attempts.get(key) ?? []).filter((at) => now - at < this.windowMs);
    const oldest = recent[0];
    if (recent.length >= this.limit && oldest !== undefined) {
      this.attempts.set(key, recent);
      return { allowed: false, retryAfter: Math.max(1, Math.ceil((oldest + this.windowMs - now) / 1000)) };
    }
    recent.push(now);
    this.attempts.delete(key); // set again below: a Map keeps the order of insertion, the first is the stalest
    this.attempts.set(key, recent);
    if (this.attempts.size > MOST_ADDRESSES) this.forgetStalest();
    return { allowed: true, retryAfter: 0 };
  }

  /** Gives the place back when the attempt turned out not to be a failure. */
  giveBack(key: string): void {
    const recent = this.attempts.get(key);
    recent?.pop();
    if (recent?.length === 0) this.attempts.delete(key);
  }

  private forgetStalest(): void {
    const stalest = this.attempts.keys().next();
    if (!stalest.done) this.attempts.delete(stalest.value);
  }
}
