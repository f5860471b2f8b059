/** What a person has not finished on this page, kept by the browser: unsent changes and half-typed words. */
import { newId } from "../id";
import { discard, keep, kept, keptKeys, owned } from "../storage";
import { isBlank, type Typed } from "./fields";
import type { Base, Op } from "./ops";

export interface EditDraft {
  taskId: string;
  typed: Typed;
  /** The words the person began with: what the task must still say for the edit to apply. */
  base: Base;
}

export interface Unfinished {
  ops: readonly Op[];
  /** New tasks that were not added yet. */
  fresh: readonly Typed[];
  edits: readonly EditDraft[];
}

export interface Amount {
  unsent: number;
  drafts: number;
}

const NOTHING: Unfinished = { ops: [], fresh: [], edits: [] };

export const amountOf = ({ ops, fresh, edits }: Unfinished): Amount => ({
  unsent: ops.length,
  drafts: fresh.length + edits.length,
});

const isEmpty = ({ ops, fresh, edits }: Unfinished) => ops.length + fresh.length + edits.length === 0;

export interface WorkState extends Unfinished {
  /** False: the browser keeps nothing (its storage is full or denied), so closing this window loses it. */
  safe: boolean;
}

const prefixOf = (owner: string) => owned(owner, "work:");
const lockOf = (key: string) => `taskward:${key}`;

/**
 * Every page keeps its own record, so that two tabs never overwrite each other, and takes over the records of pages
 * that are gone. A lock says that a page lives; the browser takes it back however the page ends.
 */
export class Work {
  readonly page = newId();
  private readonly mine: string;
  private state: WorkState = { ...NOTHING, safe: true };
  private readonly listeners = new Set<() => void>();

  constructor(private readonly owner: string) {
    this.mine = prefixOf(owner) + this.page;
  }

  readonly subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };

  readonly snapshot = (): WorkState => this.state;

  readonly keepOps = (ops: readonly Op[]): void => this.set({ ops });

  /** Keeps what is in the form for new tasks: its own text first, then what waits to be taken up again. */
  keepFresh(fresh: readonly Typed[]): void {
    this.set({ fresh: fresh.filter((typed) => !isBlank(typed)) });
  }

  editOf(taskId: string): EditDraft | undefined {
    return this.state.edits.find((draft) => draft.taskId === taskId);
  }

  /** Keeps an editor's own draft. Other pages may have left more drafts of the same task. */
  keepEdit(draft: EditDraft): void {
    const at = this.indexOf(draft.base);
    this.set({ edits: at < 0 ? [...this.state.edits, draft] : this.state.edits.with(at, draft) });
  }

  dropEdit(base: Base): void {
    const at = this.indexOf(base);
    if (at >= 0) this.set({ edits: this.state.edits.toSpliced(at, 1) });
  }

  /** The base is the object that the editor began with: two drafts of one task may begin with equal words. */
  private indexOf(base: Base): number {
    return this.state.edits.findIndex((draft) => draft.base === base);
  }

  /** A new task got its real id. */
  renamed(from: string, to: string): void {
    if (!this.editOf(from)) return;
    this.set({
      edits: this.state.edits.map((draft) => (draft.taskId === from ? { ...draft, taskId: to } : draft)),
    });
  }

  clear(): void {
    this.set(NOTHING);
  }

  /** Marks this page as alive until it is gone. */
  hold(signal: AbortSignal): void {
    const held = () =>
      new Promise<void>((resolve) => {
        signal.addEventListener("abort", () => resolve(), { once: true });
      });
    // Rejects when aborted before it was granted: the page went at once.
    navigator.locks?.request(lockOf(this.mine), { signal }, held).catch(() => {});
  }

  /**
   * Takes over what pages that are gone have left, until aborted. `adopt` gets their unsent changes before their record
   * goes.
   */
  async takeOver(adopt: (ops: readonly Op[]) => void, signal: AbortSignal): Promise<void> {
    // In development React starts a page, ends it and starts it again in one go: the first start takes no lock.
    await Promise.resolve();
    for (const key of keptKeys(prefixOf(this.owner))) {
      if (signal.aborted) return;
      if (key === this.mine) continue;
      const grab = () => {
        if (signal.aborted) return;
        const { ops, fresh, edits } = { ...NOTHING, ...kept<Unfinished>(key) };
        adopt(ops);
        this.set({ fresh: [...this.state.fresh, ...fresh], edits: [...this.state.edits, ...edits] });
        discard(key);
      };
      // Without locks (plain http) a page cannot tell; sending twice is harmless, each change names itself.
      if (!navigator.locks) grab();
      else await navigator.locks.request(lockOf(key), { ifAvailable: true }, (lock) => lock && grab());
    }
  }

  /** What the other pages of this person have unfinished, by page, as far as the browser keeps it. */
  others(): Map<string, Amount> {
    const prefix = prefixOf(this.owner);
    const keys = keptKeys(prefix).filter((key) => key !== this.mine);
    return new Map(
      keys.map((key) => [key.slice(prefix.length), amountOf({ ...NOTHING, ...kept<Unfinished>(key) })]),
    );
  }

  /** The other pages of this person that are open now; none where the browser has no locks. */
  async livePages(): Promise<string[]> {
    const prefix = lockOf(prefixOf(this.owner));
    const { held = [] } = (await navigator.locks?.query()) ?? {};
    return held
      .flatMap(({ name }) => (name?.startsWith(prefix) ? [name.slice(prefix.length)] : []))
      .filter((page) => page !== this.page);
  }

  private set(changes: Partial<Unfinished>): void {
    const next = { ...this.state, ...changes };
    const { safe: _, ...record } = next;
    if (isEmpty(record)) discard(this.mine);
    this.state = { ...next, safe: isEmpty(record) || keep(this.mine, record) };
    for (const listener of this.listeners) listener();
  }
}
