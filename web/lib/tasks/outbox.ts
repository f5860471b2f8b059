/** Changes on their way to the service: sent in order, one at a time, kept until they are settled. */
import type { ApiProblem } from "../api/problem";
import { type Failure, nextReady, type Op, renamed, taskOf, withOp } from "./ops";

export type Outcome =
  /** `becomes`: the id of the new task; `deleted`: how many tasks a clearing took. */
  | { state: "done"; becomes?: string; deleted?: number }
  | { state: "later"; problem: ApiProblem }
  | { state: "failed"; failure: Failure };

export interface Waiting {
  kind: ApiProblem["kind"];
  /** When it will be tried again, in milliseconds of the clock; undefined: not before somebody signs in. */
  until: number | undefined;
}

export interface OutboxState {
  ops: readonly Op[];
  waiting: Waiting | undefined;
}

export interface OutboxOptions {
  send: (op: Op) => Promise<Outcome>;
  /** Called with every new list, to keep it over a reload. */
  save: (ops: readonly Op[]) => void;
  /** A change that could not be made was taken back; what it showed has reverted. */
  onRefused: (op: Op, failure: Failure) => void;
  onSignedOut: (kind: ApiProblem["kind"]) => void;
  now?: () => number;
}

const BACKOFF_S = [1, 2, 4, 8, 15, 30];

export class Outbox {
  private state: OutboxState = { ops: [], waiting: undefined };
  private readonly listeners = new Set<() => void>();
  private draining = false;
  private setbacks = 0;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private readonly now: () => number;

  constructor(private readonly options: OutboxOptions) {
    this.now = options.now ?? Date.now;
  }

  readonly subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };

  readonly snapshot = (): OutboxState => this.state;

  push(op: Op): void {
    this.set({ ops: withOp(this.state.ops, op) });
    void this.drain();
  }

  /** Changes a page left behind when it was closed. What could still have been undone then, no longer can. */
  adopt(ops: readonly Op[]): void {
    const waiting = ops.map((op): Op => (op.state === "failed" ? op : { ...op, state: "queued" }));
    const all = [...waiting, ...this.state.ops];
    this.set({ ops: all.sort((a, b) => (a.at < b.at ? -1 : a.at > b.at ? 1 : 0)) });
    void this.drain();
  }

  /** Ends the time in which a held change could be undone. */
  release(id: string): void {
    this.alter(id, (op) => (op.state === "held" ? { ...op, state: "queued" } : op));
    void this.drain();
  }

  /** Forgets a change that was not sent, and those that build on it. False when it is too late. */
  withdraw(id: string): boolean {
    const op = this.state.ops.find((candidate) => candidate.id === id);
    if (!op || op.state === "sending") return false;
    const orphaned = (other: Op) => op.kind === "add" && taskOf(other) === op.id;
    this.set({ ops: this.state.ops.filter((other) => other.id !== id && !orphaned(other)) });
    return true;
  }

  /** Tries a failed change again, perhaps against what is there now. */
  retry(id: string, changes: Partial<Op> = {}): void {
    this.alter(id, (op) => ({ ...op, ...changes, state: "queued", failure: undefined }) as Op);
    this.wake();
  }

  /** Something suggests that the service answers again: no more waiting. */
  wake(): void {
    clearTimeout(this.timer);
    if (this.state.waiting) this.set({ waiting: undefined });
    void this.drain();
  }

  clear(): void {
    clearTimeout(this.timer);
    this.set({ ops: [], waiting: undefined });
  }

  private set(changes: Partial<OutboxState>): void {
    this.state = { ...this.state, ...changes };
    if (changes.ops) this.options.save(changes.ops);
    for (const listener of this.listeners) listener();
  }

  private alter(id: string, change: (op: Op) => Op): void {
    this.set({ ops: this.state.ops.map((op) => (op.id === id ? change(op) : op)) });
  }

  private async drain(): Promise<void> {
    if (this.draining) return;
    this.draining = true;
    try {
      for (let op = nextReady(this.state.ops); op && !this.state.waiting; op = nextReady(this.state.ops)) {
        const { id } = op;
        this.alter(id, (current) => ({ ...current, state: "sending", attempts: current.attempts + 1 }));
        this.settle(op, await this.options.send(op));
      }
    } finally {
      this.draining = false;
    }
  }

  private settle(op: Op, outcome: Outcome): void {
    if (outcome.state === "later") {
      this.alter(op.id, (current) => ({ ...current, state: "queued" }));
      this.wait(outcome.problem);
      return;
    }
    this.setbacks = 0;
    const others = this.state.ops.filter(({ id }) => id !== op.id);
    if (outcome.state === "done") {
      this.set({ ops: outcome.becomes ? renamed(others, op.id, outcome.becomes) : others });
    } else if (op.kind === "add" || op.kind === "edit") {
      // Words were typed: they stay, with what is wrong beside them.
      this.alter(op.id, (current) => ({ ...current, state: "failed", failure: outcome.failure }));
    } else {
      this.set({ ops: others });
      this.options.onRefused(op, outcome.failure);
    }
  }

  private wait({ kind, retryAfter }: ApiProblem): void {
    if (kind === "signed-out" || kind === "refused") {
      this.set({ waiting: { kind, until: undefined } });
      this.options.onSignedOut(kind);
      return;
    }
    const step = BACKOFF_S[Math.min(this.setbacks, BACKOFF_S.length - 1)] ?? 30;
    this.setbacks += 1;
    const delay = (retryAfter ?? step) * 1000;
    this.set({ waiting: { kind, until: this.now() + delay } });
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.wake(), delay);
  }
}
