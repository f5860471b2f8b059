/** Everything one signed-in person's page works with, and every way to change a task. */
import type { QueryClient } from "@tanstack/react-query";
import { announce } from "../announce";
import { authorizedFetch, partingFetch } from "../api/fetch";
import { type Task, TasksApi } from "../api/tasks";
import { TokenHolder } from "../api/token";
import { listen, type Message, tell } from "../channel";
import { newId } from "../id";
import type { Notice } from "../notice";
import { forgetOwned } from "../storage";
import { type Change, TaskCache } from "./cache";
import { type Words, wordsOf } from "./fields";
import { Live } from "./live";
import { forgetMemory } from "./memory";
import { type Base, baseOf, type ClearOp, type Failure, type Op, reopenedIn } from "./ops";
import { Outbox } from "./outbox";
import { Replay, Versions } from "./replay";
import { unfinishedElsewhere } from "./roll-call";
import { completedTasks, deletedInstead, refusalOf } from "./sentences";
import { Session, type SessionEnd } from "./session";
import { UndoStack } from "./undo";
import { type Amount, amountOf, Work } from "./work";

export interface DeskOptions {
  owner: string;
  apiUrl: string;
  mint: () => Promise<string>;
  client: QueryClient;
  /** Shows a notice; calling what it returns takes it away. */
  notify: (notice: Notice) => () => void;
  /** Leaves for the sign-in page, and comes back from there. */
  stepOut: (reason: SessionEnd) => void;
}

export class Desk {
  readonly owner: string;
  readonly api: TasksApi;
  readonly outbox: Outbox;
  readonly cache: TaskCache;
  readonly tokens: TokenHolder;
  readonly work: Work;
  readonly session: Session;
  private readonly live: Live;
  private readonly versions = new Versions();
  private readonly undos = new UndoStack();
  private readonly notices = new Map<string, () => void>();
  /** How many tasks a notice said were deleted, by change. */
  private readonly said = new Map<string, number>();
  /** Real id → the id the row was first shown under, so that it stays the same row on the page. */
  private readonly aliases = new Map<string, string>();
  private readonly realIds = new Map<string, string>();
  private closeTicked: () => void = () => {};

  constructor(private readonly options: DeskOptions) {
    const { owner, apiUrl, mint, client } = options;
    this.owner = owner;
    this.session = new Session({
      owner,
      atRisk: () => this.atRisk,
      stepOut: options.stepOut,
      goOn: () => {
        this.outbox.wake();
        this.cache.refresh();
      },
      forget: () => this.forget(),
    });
    this.tokens = new TokenHolder({ mint, owner });
    this.cache = new TaskCache(client, owner);
    this.live = new Live({
      owner,
      api: new TasksApi(apiUrl, owner, authorizedFetch(this.tokens, undefined, { streaming: true })),
      onChange: () => this.cache.refresh(),
      onSignedOut: this.session.over,
    });
    this.api = new TasksApi(apiUrl, owner, authorizedFetch(this.tokens), this.live.origin);
    this.work = new Work(owner);
    const replay = new Replay(this.api, this.versions, this.publish);
    const send = async (op: Op) => {
      const outcome = await replay.send(op.kind === "clear" ? this.withReopened(op) : op);
      if (outcome.state === "done" && outcome.becomes) this.becomes(op.id, outcome.becomes);
      if (outcome.state === "done" && outcome.deleted !== undefined) this.counted(op.id, outcome.deleted);
      return outcome;
    };
    const { keepOps: save } = this.work;
    this.outbox = new Outbox({ send, save, onRefused: this.refused, onSignedOut: this.session.over });
  }

  readonly rowKey = (id: string): string => this.aliases.get(id) ?? id;

  readonly isOwn = (id: string): boolean => this.aliases.has(id);

  readonly idNow = (id: string): string => this.realIds.get(id) ?? id;

  add(words: Words): void {
    this.outbox.push({ ...this.fresh(), kind: "add", ...words, others: this.cache.sameAs(words) });
    announce(`Added ${words.title}`);
  }

  edit(taskId: string, base: Base, words: Words): void {
    this.outbox.push({ ...this.fresh(), kind: "edit", taskId, base, ...words });
    announce(`Saved ${words.title}`);
  }

  /** Sent at once: taking it back is another tick. `onUndo` when that has happened. */
  toggle(task: Task, onUndo: () => void): void {
    const undoId = newId();
    const undo = () => {
      this.undos.forget(undoId);
      this.closeTicked();
      this.tick(task, task.completed);
      announce(`${task.title} is ${task.completed ? "completed" : "open"} again`);
      onUndo();
    };
    this.tick(task, !task.completed);
    announce(task.completed ? `${task.title}: open again` : `${task.title}: done`);
    this.undos.add(undoId, undo);
    // One notice for all ticks, about the last one: a list is often worked through quickly.
    this.closeTicked();
    const what = task.completed ? "Opened again" : "Completed";
    this.closeTicked = this.options.notify({ text: `${what}: “${task.title}”`, undo });
  }

  remove(task: Task, onUndo: () => void): void {
    const { id: taskId, completed } = task;
    const base = baseOf(task);
    const op: Op = { ...this.fresh(), state: "held", kind: "delete", taskId, base, completed };
    this.hold(op, `Deleted “${task.title}”`, `${task.title} is back`, onUndo);
    announce(`Deleted ${task.title}. It can be undone.`);
  }

  /** `shown`: the completed tasks on the page; `until`: the newest time among those the service last listed. */
  clearCompleted(shown: readonly Task[], count: number, until: string | undefined, onUndo: () => void): void {
    const seen = Object.fromEntries(shown.map((task) => [task.id, wordsOf(task)]));
    const op = this.withReopened({ ...this.fresh(), state: "held", kind: "clear", seen, until });
    this.said.set(op.id, count);
    this.hold(op, `Deleted ${completedTasks(count)}`, `${completedTasks(count)} back`, onUndo);
    announce(`Deleted ${completedTasks(count)}. It can be undone.`);
  }

  /** A clearing may be sent before the unticking of a task: that task stays. */
  private withReopened(op: ClearOp): ClearOp {
    return { ...op, open: [...(op.open ?? []), ...reopenedIn(this.outbox.snapshot().ops)] };
  }

  /** Undoes the latest tick or deletion that still can be. */
  undoLatest(): boolean {
    return this.undos.undoLatest();
  }

  /** Sends what is still held and waits a moment for everything to arrive. False when something has not. */
  async settled(patienceMs = 4_000): Promise<boolean> {
    this.endUndo();
    this.outbox.wake();
    const empty = () => this.outbox.snapshot().ops.length === 0;
    if (empty()) return true;
    return new Promise((resolve) => {
      const finish = (done: boolean) => {
        clearTimeout(timer);
        stop();
        resolve(done);
      };
      const timer = setTimeout(() => finish(false), patienceMs);
      const stop = this.outbox.subscribe(
        () => (empty() || this.outbox.snapshot().waiting) && finish(empty()),
      );
    });
  }

  /** What signing out would lose, in this tab and in every other place of this browser. */
  async unfinished(): Promise<Amount> {
    await this.settled();
    const there = await unfinishedElsewhere(this.owner, this.work);
    const here = amountOf(this.work.snapshot());
    return { unsent: here.unsent + there.unsent, drafts: here.drafts + there.drafts };
  }

  private async forget(): Promise<void> {
    this.outbox.clear();
    this.work.clear();
    this.cache.forget();
    forgetOwned(this.owner);
    await forgetMemory();
  }

  /** True when closing this window would lose something that was typed or done here. */
  get atRisk(): boolean {
    const work = this.work.snapshot();
    const { unsent, drafts } = amountOf(work);
    return !work.safe && unsent + drafts > 0;
  }

  /** Begins to listen and to send; what it returns ends that. */
  start(): () => void {
    const over = new AbortController();
    const { signal } = over;
    this.work.hold(signal);
    void this.work.takeOver((ops) => ops.length > 0 && this.outbox.adopt(ops), signal);
    this.live.start(signal);
    const quiet = listen(this.hear);
    window.addEventListener("online", () => this.outbox.wake(), { signal });
    window.addEventListener("pagehide", () => this.lastWord(), { signal });
    window.addEventListener("beforeunload", (event) => this.atRisk && event.preventDefault(), { signal });
    return () => {
      over.abort();
      quiet();
    };
  }

  private readonly hear = (message: Message): void => {
    if (!("owner" in message) || message.owner !== this.owner) return;
    if (message.kind === "change") void this.cache.apply(message.change);
    if (message.kind === "leaving") this.session.onLeaving();
    if (message.kind === "staying") this.session.onStaying();
    if (message.kind === "roll-call") {
      const { owner, work } = this;
      void this.settled(1_500).then(() =>
        tell({ kind: "present", owner, page: work.page, amount: amountOf(work.snapshot()) }),
      );
    }
  };

  private fresh() {
    return { id: newId(), at: new Date().toISOString(), state: "queued" as const, attempts: 0 };
  }

  private tick({ id, title }: Task, completed: boolean): void {
    this.outbox.push({ ...this.fresh(), kind: "toggle", taskId: this.idNow(id), completed, title });
  }

  private becomes(from: string, to: string): void {
    this.aliases.set(to, from);
    this.realIds.set(from, to);
    this.work.renamed(from, to);
  }

  /** The notice said a number before anything was sent; when the service deleted another, that is said too. */
  private counted(id: string, deleted: number): void {
    const said = this.said.get(id);
    this.said.delete(id);
    if (said === undefined || said === deleted) return;
    const text = deletedInstead(said, deleted);
    this.options.notify({ text });
    announce(text);
  }

  private hold(op: Op, text: string, undone: string, onUndo: () => void): void {
    const forget = () => {
      this.undos.forget(op.id);
      this.notices.delete(op.id);
    };
    const undo = () => {
      const close = this.notices.get(op.id);
      if (!this.outbox.withdraw(op.id)) return;
      forget();
      close?.();
      announce(undone);
      onUndo();
    };
    this.undos.add(op.id, undo);
    this.outbox.push(op);
    // One thing to undo on the page at a time, the latest; `u` goes on to what was before.
    this.closeTicked();
    const onClose = () => {
      forget();
      this.outbox.release(op.id);
    };
    this.notices.set(op.id, this.options.notify({ text, undo, onClose }));
  }

  private endUndo(): void {
    for (const op of this.outbox.snapshot().ops) {
      if (op.state !== "held") continue;
      this.notices.get(op.id)?.();
      this.outbox.release(op.id);
    }
  }

  /** The page is going: what was deleted is deleted. Also kept, in case this does not arrive. */
  private lastWord(): void {
    const token = this.tokens.peek();
    if (!token) return;
    const api = new TasksApi(this.options.apiUrl, this.owner, partingFetch(token));
    const { ops } = this.outbox.snapshot();
    // Behind changes that wait, clearing could take what the person sees as open or rewritten: the next page sends all in order.
    const alone = ops.every(({ state }) => state === "held");
    for (const op of ops) {
      if (op.state !== "held") continue;
      // What does not arrive, or is refused, is looked at properly by the next page.
      if (op.kind === "clear" && op.until && alone && !op.open?.length)
        api.clearCompleted(op.until).catch(() => {});
      if (op.kind === "delete") api.remove(op.taskId, this.versions.of(op.taskId, op.base)).catch(() => {});
    }
  }

  private readonly publish = async (change: Change): Promise<void> => {
    tell({ kind: "change", owner: this.owner, change });
    await this.cache.apply(change);
  };

  private readonly refused = (op: Op, failure: Failure): void => {
    const text = refusalOf(op, failure);
    this.options.notify({ text });
    announce(text);
    if (failure.theirs) void this.cache.apply({ kind: "saved", task: failure.theirs });
    else this.cache.refresh();
  };
}
