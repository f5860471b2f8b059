/** The one place where the bearer token is: in memory, renewed shortly before it expires, by one request for all. */
import { claimsOf } from "./claims";
import { ApiProblem } from "./problem";

/** Within this much of its end a token is renewed while it is still being used. */
const RENEW_BEFORE_MS = 60_000;
/** Within this much of its end it is not worth sending: it may expire on the way. */
const TOO_LATE_MS = 5_000;

interface Held {
  token: string;
  expiresAt: number;
}

export interface TokenHolderOptions {
  /** Asks the session for a new token. Rejects with an `ApiProblem`. */
  mint: () => Promise<string>;
  /** Whose tokens these must be: after another tab switched accounts, the next token is somebody else's. */
  owner: string;
  /** Milliseconds. */
  now?: () => number;
}

export class TokenHolder {
  private held: Held | undefined;
  private renewal: Promise<string> | undefined;
  private readonly now: () => number;

  constructor(private readonly options: TokenHolderOptions) {
    this.now = options.now ?? Date.now;
  }

  /** A token good for at least a few seconds. Aborting stops this caller's wait, never the renewal others share. */
  async get(signal?: AbortSignal): Promise<string> {
    signal?.throwIfAborted();
    const { held } = this;
    const left = held ? held.expiresAt - this.now() : 0;
    if (!held || left <= TOO_LATE_MS) return abandonable(this.renew(), signal);
    // Still good: if renewing ahead fails, whoever asks when it is no longer good will hear of it.
    if (left <= RENEW_BEFORE_MS) this.renew().catch(() => {});
    return held.token;
  }

  /** The token at hand, if it is still good: for the page's last moment, when nothing can be waited for. */
  peek(): string | undefined {
    return this.held && this.held.expiresAt > this.now() ? this.held.token : undefined;
  }

  /** Lets go of this very token, because it was refused; a newer one that somebody else got meanwhile stays. */
  drop(token: string): void {
    if (this.held?.token === token) this.held = undefined;
  }

  private renew(): Promise<string> {
    this.renewal ??= this.mint().finally(() => {
      this.renewal = undefined;
    });
    return this.renewal;
  }

  private async mint(): Promise<string> {
    const token = await this.options.mint();
    const { iat, exp, sub } = read(token);
    if (sub !== this.options.owner) throw new ApiProblem("signed-out");
    // Counted from now by its length, not by its `exp`: this machine's clock may be wrong, its seconds are not.
    this.held = { token, expiresAt: this.now() + (exp - iat) * 1000 };
    return token;
  }
}

function read(token: string): { iat: number; exp: number; sub: unknown } {
  try {
    const { iat, exp, sub } = claimsOf(token);
    if (typeof exp === "number" && typeof iat === "number") return { iat, exp, sub };
  } catch (error) {
    throw new ApiProblem("broken", { cause: error });
  }
  throw new ApiProblem("broken");
}

function abandonable<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (!signal) return promise;
  return new Promise<T>((resolve, reject) => {
    const stop = () => reject(signal.reason);
    signal.addEventListener("abort", stop, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener("abort", stop));
  });
}
