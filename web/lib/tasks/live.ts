/** Hears of changes made elsewhere. One tab of a browser holds the stream and tells the others. */
import { createParser } from "eventsource-parser";
import { type ApiProblem, asProblem } from "../api/problem";
import type { TasksApi } from "../api/tasks";
import { listen, tell } from "../channel";
import { newId } from "../id";

/** The service sends at least a comment every 15 s: a stream that is silent for this long is dead. */
const SILENCE_MS = 40_000;
/** A hidden tab keeps the stream for this long, then leaves it to a visible one. */
const HIDDEN_MS = 60_000;
/** How often lists are asked for where no stream can be had. */
const POLL_MS = 60_000;
/** The other tabs are told this often that the stream is alive. */
const TELL_MS = 10_000;

export interface LiveOptions {
  owner: string;
  /** Its fetch must not limit how long an answer takes. */
  api: Pick<TasksApi, "events">;
  /** Something may have changed: ask anew. */
  onChange: () => void;
  onSignedOut: (kind: ApiProblem["kind"]) => void;
  /** Between 0 and 1. */
  random?: () => number;
}

export class Live {
  private readonly name = newId();
  /** The name the stream was asked for with, by whichever tab holds it. */
  private listener = this.name;
  private heardAt = Number.NEGATIVE_INFINITY;
  private toldAt = Number.NEGATIVE_INFINITY;
  private failing = false;
  private readonly random: () => number;

  constructor(private readonly options: LiveOptions) {
    this.random = options.random ?? Math.random;
  }

  /**
   * The name for this browser's own changes: the one that its stream leaves out, since tabs tell each other of theirs.
   * Undefined while no tab listens.
   */
  readonly origin = (): string | undefined => (this.alive ? this.listener : undefined);

  private get alive(): boolean {
    return Date.now() - this.heardAt < POLL_MS;
  }

  /** Listens while the page can be seen, until aborted. */
  start(signal: AbortSignal): void {
    const { owner, onChange } = this.options;
    let started = false;
    let turn: AbortController | undefined;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const begin = () => {
      clearTimeout(timer);
      if (turn || signal.aborted) return;
      turn = new AbortController();
      void this.takeTurn(AbortSignal.any([signal, turn.signal]));
    };
    const letGo = () => {
      turn?.abort();
      turn = undefined;
    };
    const onVisibility = () => {
      clearTimeout(timer);
      if (document.visibilityState === "hidden") {
        timer = setTimeout(letGo, HIDDEN_MS);
        return;
      }
      begin();
      // What was missed meanwhile. What the page has just loaded it need not load again.
      if (!this.alive && started) onChange();
      started = true;
    };
    const poll = setInterval(() => {
      if (document.visibilityState === "visible" && !this.alive) onChange();
    }, POLL_MS);
    const quiet = listen((message) => {
      if (message.kind !== "live" || message.owner !== owner) return;
      this.heardAt = Date.now();
      this.listener = message.origin;
      if (message.changed) onChange();
    });
    document.addEventListener("visibilitychange", onVisibility, { signal });
    signal.addEventListener("abort", () => {
      clearTimeout(timer);
      clearInterval(poll);
      quiet();
    });
    onVisibility();
  }

  /** Waits until no other tab holds the stream, then holds it. */
  private async takeTurn(signal: AbortSignal): Promise<void> {
    const { locks } = navigator;
    if (!locks) return this.hold(signal);
    // Rejects when aborted while it waits.
    await locks
      .request(`taskward:live:${this.options.owner}`, { signal }, () => this.hold(signal))
      .catch(() => {});
  }

  /** Connects again and again, until aborted. A page that is signed out may stay open, and go on after another sign-in. */
  async hold(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      let delay: number;
      try {
        await this.read(signal);
        // Ended by the service: the token ran out or was revoked, or the service stops. Who is signed out should hear
        // of it at once; the many who are not should not all come in the same moment.
        delay = 1_000 * this.random();
      } catch (error) {
        if (signal.aborted) return;
        const problem = asProblem(error);
        if (problem.kind === "signed-out" || problem.kind === "refused")
          this.options.onSignedOut(problem.kind);
        // Once: asking for the lists shows whether they can be had, and the page says so when they cannot.
        if (problem.passing && !this.failing) this.options.onChange();
        this.failing = true;
        delay = this.delayAfter(problem);
      }
      await pause(delay, signal);
    }
  }

  private delayAfter({ kind, retryAfter, passing }: ApiProblem): number {
    if (retryAfter) return retryAfter * 1_000 + 1_000 * this.random();
    // Spread over two seconds, so that a service that was away is back for everybody within three.
    if (passing || kind === "broken") return 500 + 2_000 * this.random();
    // No such endpoint, or not for us: the poll has to do.
    return POLL_MS;
  }

  private async read(signal: AbortSignal): Promise<void> {
    const silence = new AbortController();
    const body = await this.options.api.events(this.name, AbortSignal.any([signal, silence.signal]));
    const parser = createParser({
      onEvent: ({ event }) => {
        // `ready`: whatever was missed before is asked for. `tasks`, `reset`: something changed.
        if (event === "ready" || event === "tasks" || event === "reset") this.heard(true);
      },
    });
    const text = new TextDecoder();
    const reader = body.getReader();
    let timer: ReturnType<typeof setTimeout> | undefined;
    try {
      for (;;) {
        clearTimeout(timer);
        timer = setTimeout(() => silence.abort(new DOMException("silent", "TimeoutError")), SILENCE_MS);
        const { done, value } = await reader.read();
        if (done) return;
        this.heard(false);
        parser.feed(text.decode(value, { stream: true }));
      }
    } finally {
      clearTimeout(timer);
      reader.cancel().catch(() => {});
    }
  }

  private heard(changed: boolean): void {
    const now = Date.now();
    this.heardAt = now;
    this.failing = false;
    this.listener = this.name;
    if (changed) this.options.onChange();
    if (!changed && now - this.toldAt < TELL_MS) return;
    this.toldAt = now;
    tell({ kind: "live", owner: this.options.owner, origin: this.name, changed });
  }
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(finish, ms);
    function finish() {
      clearTimeout(timer);
      signal.removeEventListener("abort", finish);
      resolve();
    }
    signal.addEventListener("abort", finish);
  });
}
