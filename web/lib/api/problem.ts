/** Everything that can go wrong between this page and the service, told apart by what a person can do about it. */

export type ProblemKind =
  | "offline" // the browser says there is no network
  | "unreachable" // nothing answered
  | "busy" // it answered that it cannot right now: 429, 502, 503, 504
  | "signed-out" // the session has ended
  | "refused" // a brand-new token was not believed: a clock or a setting, not the person
  | "forbidden"
  | "gone"
  | "changed" // If-Match no longer held
  | "invalid"
  | "broken"; // 500, or an answer that is not ours

export interface FieldProblem {
  field: string;
  message: string;
}

const SENTENCES: Record<ProblemKind, string> = {
  offline: "You're offline.",
  unreachable: "Taskward can't be reached right now.",
  busy: "Taskward is busy right now.",
  "signed-out": "You've been signed out.",
  refused: "The task service didn't accept your sign-in.",
  forbidden: "You don't have permission to do that.",
  gone: "That task no longer exists.",
  changed: "This task was changed somewhere else.",
  invalid: "That can't be saved as it is.",
  broken: "Something went wrong on our side.",
};

interface Details {
  fields?: readonly FieldProblem[];
  /** Seconds to wait before asking again. */
  retryAfter?: number;
  cause?: unknown;
}

export class ApiProblem extends Error {
  readonly fields: readonly FieldProblem[];
  readonly retryAfter: number | undefined;

  constructor(
    readonly kind: ProblemKind,
    { fields = [], retryAfter, cause }: Details = {},
  ) {
    super(SENTENCES[kind], { cause });
    this.name = "ApiProblem";
    this.fields = fields;
    this.retryAfter = retryAfter;
  }

  /** True when the same request may well succeed later, untouched. */
  get passing(): boolean {
    return ["offline", "unreachable", "busy", "refused", "signed-out"].includes(this.kind);
  }
}

/** An abort is not a problem: whoever aborted knows. */
export function isAbort(error: unknown): boolean {
  return error instanceof DOMException && error.name === "AbortError";
}

/** Any thrown thing as a problem; `fetch` rejects with a TypeError when nothing answered. */
export function asProblem(error: unknown): ApiProblem {
  if (error instanceof ApiProblem) return error;
  if (error instanceof TypeError || (error instanceof DOMException && error.name === "TimeoutError")) {
    const offline = typeof navigator !== "undefined" && navigator.onLine === false;
    return new ApiProblem(offline ? "offline" : "unreachable", { cause: error });
  }
  return new ApiProblem("broken", { cause: error });
}

const SHORTEST_WAIT = 1;
const LONGEST_WAIT = 300;

/** Seconds, from either spelling of Retry-After (RFC 9110, 10.2.3), within reason. */
export function retryAfterOf(headers: Headers, now: number = Date.now()): number | undefined {
  const raw = headers.get("Retry-After") ?? headers.get("X-Retry-After");
  if (!raw) return undefined;
  const seconds = /^\d+$/.test(raw.trim()) ? Number(raw) : (Date.parse(raw) - now) / 1000;
  if (!Number.isFinite(seconds)) return undefined;
  return Math.min(LONGEST_WAIT, Math.max(SHORTEST_WAIT, Math.ceil(seconds)));
}

async function bodyOf(response: Response): Promise<Record<string, unknown> | undefined> {
  if (!/\bjson\b/.test(response.headers.get("Content-Type") ?? "")) return undefined;
  try {
    const body: unknown = await response.json();
    return typeof body === "object" && body !== null ? (body as Record<string, unknown>) : undefined;
  } catch {
    return undefined; // said to be JSON and was not, or was cut off: its status still tells enough
  }
}

function fieldsOf(body: Record<string, unknown> | undefined): FieldProblem[] {
  const errors: unknown[] = Array.isArray(body?.errors) ? body.errors : [];
  return errors.filter(
    (entry): entry is FieldProblem =>
      typeof entry === "object" && entry !== null && "field" in entry && "message" in entry,
  );
}

/** The problem an answer that is not 2xx (or 401, which is dealt with before) stands for. */
export async function problemOf(response: Response): Promise<ApiProblem> {
  const { status } = response;
  const body = await bodyOf(response);
  const retryAfter = retryAfterOf(response.headers);
  if (status === 429 || status === 502 || status === 503 || status === 504)
    return new ApiProblem("busy", { retryAfter });
  if (status === 403) return new ApiProblem("forbidden");
  if (status === 412) return new ApiProblem("changed");
  // A 404 in HTML comes from something in between, and no task may be taken for deleted because of it.
  if (status === 404 && body) return new ApiProblem("gone");
  if (status >= 400 && status < 500 && body) return new ApiProblem("invalid", { fields: fieldsOf(body) });
  return new ApiProblem("broken", { retryAfter });
}
