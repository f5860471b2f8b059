/** Unsent changes over a reload: each page keeps its own, and takes over those of pages that are gone. */
import { newId } from "../id";
import { discard, keep, kept, keptKeys, owned } from "../storage";
import type { Op } from "./ops";

const lockName = (key: string) => `taskward:${key}`;

/**
 * "Delete all completed" is not carried over: replayed a day later it would take tasks that were completed since.
 * Losing it shows them again, which is the harmless side to err on.
 */
const lasting = (op: Op) => op.kind !== "clear";

export class Leftovers {
  private readonly prefix: string;
  private readonly mine: string;

  constructor(owner: string) {
    this.prefix = owned(owner, "outbox:");
    this.mine = this.prefix + newId();
  }

  readonly save = (ops: readonly Op[]): void => {
    const last = ops.filter(lasting);
    if (last.length > 0) keep(this.mine, last);
    else discard(this.mine);
  };

  /** Marks this page as alive until it is gone. The lock goes with the page, however it ends. */
  hold(signal: AbortSignal): void {
    navigator.locks
      ?.request(
        lockName(this.mine),
        { signal },
        () =>
          new Promise<void>((resolve) => {
            signal.addEventListener("abort", () => resolve(), { once: true });
          }),
      )
      .catch(() => {}); // aborted before it was granted: the page went at once
  }

  /** The changes of pages that are gone; they are this page's from now on. */
  async take(): Promise<Op[]> {
    const found: Op[] = [];
    for (const key of keptKeys(this.prefix)) {
      if (key === this.mine) continue;
      const grab = () => {
        found.push(...(kept<Op[]>(key) ?? []));
        discard(key);
      };
      // Without locks (plain http) a page cannot tell; sending twice is harmless, each change names itself.
      if (!navigator.locks) grab();
      else await navigator.locks.request(lockName(key), { ifAvailable: true }, (lock) => lock && grab());
    }
    return found.sort((a, b) => (a.at < b.at ? -1 : 1));
  }
}
