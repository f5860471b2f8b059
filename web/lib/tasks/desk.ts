/** Everything one signed-in person's page works with, and every way to change a task. */
import type { QueryClient } from "@tanstack/react-query";
import { announce } from "../announce";
import { authorizedFetch } from "../api/fetch";
import type { ApiProblem } from "../api/problem";
import { type Task, TasksApi } from "../api/tasks";
import { TokenHolder } from "../api/token";
import { listen, tell } from "../channel";
import { newId } from "../id";
import { type Change, keys, TaskCache } from "./cache";
import { Leftovers } from "./leftovers";
import { type Base, baseOf, type Failure, type Op, type Words } from "./ops";
import { Outbox } from "./outbox";
import { Replay, Versions } from "./replay";

export interface Notice {
  text: string;
  undo?: () => void;
  onClose?: () => void;
}

export interface DeskOptions {
  owner: string;
  apiUrl: string;
  mint: () => Promise<string>;
  client: QueryClient;
  /** Shows a notice; calling what it returns takes it away. */
  notify: (notice: Notice) => () => void;
  onSignedOut: (kind: ApiProblem["kind"]) => void;
}

export class Desk {
  readonly owner: string;
  readonly api: TasksApi;
  readonly outbox: Outbox;
  readonly cache: TaskCache;
  readonly tokens: TokenHolder;
  private readonly versions = new Versions();
  private readonly leftovers: Leftovers;
  private readonly notices = new Map<string, () => void>();
  /** Real id → the id the row was first shown under, so that it stays the same row on the page. */
  private readonly aliases = new Map<string, string>();

  constructor(private readonly options: DeskOptions) {
    const { owner, apiUrl, mint, client, onSignedOut } = options;
    this.owner = owner;
    this.tokens = new TokenHolder({ mint, owner });
    this.api = new TasksApi(apiUrl, owner, authorizedFetch(this.tokens));
    this.cache = new TaskCache(client, owner);
    this.leftovers = new Leftovers(owner);
    const replay = new Replay(this.api, this.versions, this.publish);
    const send = async (op: Op) => {
      const outcome = await replay.send(op);
      if (outcome.state === "done" && outcome.becomes) this.aliases.set(outcome.becomes, op.id);
      return outcome;
    };
    this.outbox = new Outbox({ send, save: this.leftovers.save, onRefused: this.refused, onSignedOut });
  }

  rowKey(id: string): string {
    return this.aliases.get(id) ?? id;
  }

  add(words: Words): void {
    this.outbox.push({ ...this.fresh(), kind: "add", ...words });
    announce(`Added ${words.title}`);
  }

  edit(taskId: string, base: Base, { title, description }: Words): void {
    this.outbox.push({ ...this.fresh(), kind: "edit", taskId, base, title, description });
    announce(`Saved ${title}`);
  }

  toggle({ id, title, completed }: Task): void {
    this.endUndo("clear");
    this.outbox.push({ ...this.fresh(), kind: "toggle", taskId: id, completed: !completed, title });
    announce(completed ? `${title}: open again` : `${title}: done`);
  }

  remove(task: Task, onUndo: () => void): void {
    const op: Op = { ...this.fresh(), state: "held", kind: "delete", taskId: task.id, base: baseOf(task) };
    this.hold(op, `Deleted “${task.title}”`, () => {
      announce(`${task.title} is back`);
      onUndo();
    });
    announce(`Deleted ${task.title}. It can be undone.`);
  }

  clearCompleted(count: number, onUndo: () => void): void {
    const what = count === 1 ? "1 completed task" : `${count} completed tasks`;
    this.hold({ ...this.fresh(), state: "held", kind: "clear" }, `Deleted ${what}`, () => {
      announce(`${what} back`);
      onUndo();
    });
    announce(`Deleted ${what}. It can be undone.`);
  }

  /** Undoes the latest deletion that still can be. */
  undoLatest(): boolean {
    const held = this.outbox.snapshot().ops.findLast((op) => op.state === "held");
    const undo = held && this.undos.get(held.id);
    undo?.();
    return Boolean(undo);
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

  /** Begins to listen and to send; what it returns ends that. */
  start(): () => void {
    const over = new AbortController();
    const { signal } = over;
    this.leftovers.hold(signal);
    void this.leftovers.take().then((ops) => !signal.aborted && ops.length > 0 && this.outbox.adopt(ops));
    const quiet = listen((message) => {
      if (message.kind === "change" && message.owner === this.owner) void this.cache.apply(message.change);
    });
    window.addEventListener("online", () => this.outbox.wake(), { signal });
    window.addEventListener("pagehide", () => this.lastWord(), { signal });
    return () => {
      over.abort();
      quiet();
    };
  }

  private readonly undos = new Map<string, () => void>();

  private fresh() {
    return { id: newId(), at: new Date().toISOString(), state: "queued" as const, attempts: 0 };
  }

  private hold(op: Op, text: string, onUndo: () => void): void {
    const forget = () => {
      this.undos.delete(op.id);
      this.notices.delete(op.id);
    };
    const undo = () => {
      const close = this.notices.get(op.id);
      if (!this.outbox.withdraw(op.id)) return;
      forget();
      close?.();
      onUndo();
    };
    this.undos.set(op.id, undo);
    this.outbox.push(op);
    const onClose = () => {
      forget();
      this.outbox.release(op.id);
    };
    this.notices.set(op.id, this.options.notify({ text, undo, onClose }));
  }

  private endUndo(kind?: Op["kind"]): void {
    for (const op of this.outbox.snapshot().ops) {
      if (op.state === "held" && (!kind || op.kind === kind)) {
        this.notices.get(op.id)?.();
        this.outbox.release(op.id);
      }
    }
  }

  /** The page is going: what was deleted is deleted. Also kept, in case this does not arrive. */
  private lastWord(): void {
    const token = this.tokens.peek();
    if (!token) return;
    const { owner, options } = this;
    for (const op of this.outbox.snapshot().ops) {
      if (op.state !== "held" || (op.kind !== "delete" && op.kind !== "clear")) continue;
      const path = op.kind === "clear" ? "?completed=true" : `/${encodeURIComponent(op.taskId)}`;
      const etag = op.kind === "delete" ? this.versions.of(op.taskId, op.base) : undefined;
      const headers = { Authorization: `Bearer ${token}`, ...(etag && { "If-Match": etag }) };
      const url = `${options.apiUrl}/api/${encodeURIComponent(owner)}/tasks${path}`;
      void fetch(url, { method: "DELETE", keepalive: true, headers, credentials: "omit" }).catch(() => {});
    }
  }

  private readonly publish = async (change: Change): Promise<void> => {
    tell({ kind: "change", owner: this.owner, change });
    await this.cache.apply(change);
  };

  private readonly refused = (op: Op, failure: Failure): void => {
    const what =
      op.kind === "toggle"
        ? `“${op.title}”`
        : op.kind === "delete"
          ? `“${op.base.title}”`
          : "Completed tasks";
    const stays =
      op.kind === "toggle" ? "is as it was" : op.kind === "delete" ? "was not deleted" : "were not deleted";
    const text = failure.kind === "gone" ? failure.message : `${failure.message} ${what} ${stays}.`;
    this.options.notify({ text });
    announce(text);
    if (failure.theirs) void this.cache.apply({ kind: "saved", task: failure.theirs });
    else void this.options.client.invalidateQueries({ queryKey: keys.all(this.owner) });
  };
}
