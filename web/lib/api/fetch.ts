/** `fetch` with the bearer token: renews and retries once when refused, and turns every failure into an `ApiProblem`. */
import { authorize, DPOP } from "./dpop";
import { logRequest } from "./log";
import { ApiProblem, asProblem, isAbort, problemOf } from "./problem";
import type { TokenHolder } from "./token";

const PATIENCE_MS = 20_000;

type Fetch = (request: Request) => Promise<Response>;

/** Aborts when no answer has come in time. With `streaming` only its beginning is waited for, never its end. */
function patience(streaming: boolean): { signal: AbortSignal; answered: () => void } {
  if (!streaming) return { signal: AbortSignal.timeout(PATIENCE_MS), answered: () => {} };
  const impatient = new AbortController();
  const timer = setTimeout(() => impatient.abort(new DOMException("no answer", "TimeoutError")), PATIENCE_MS);
  return { signal: impatient.signal, answered: () => clearTimeout(timer) };
}

async function attempt(
  send: Fetch,
  request: Request,
  body: string,
  token: string,
  streaming: boolean,
): Promise<Response> {
  const { method } = request;
  const headers = new Headers(request.headers);
  await authorize(headers, token, method, request.url);
  // A server that accepts and never answers is as unreachable as one that is away.
  const wait = patience(streaming);
  const signal = AbortSignal.any([request.signal, wait.signal]);
  const began = performance.now();
  try {
    const init: RequestInit = {
      method,
      headers,
      signal,
      body: body || undefined,
      credentials: "omit",
      cache: "no-store",
    };
    const response = await send(new Request(request.url, init));
    logRequest(request, String(response.status), began);
    return response;
  } catch (error) {
    logRequest(request, isAbort(error) ? "aborted" : "no answer", began);
    throw error;
  } finally {
    wait.answered();
  }
}

/** Resolves with a 2xx answer only. Rejects with an `ApiProblem`, or with the abort if the caller aborted. */
export function authorizedFetch(
  tokens: TokenHolder,
  send: Fetch = (request) => fetch(request),
  { streaming = false } = {},
): Fetch {
  return async (request) => {
    try {
      // Read once and sent as text: a request's body is a stream, gone after the first attempt.
      const body = await request.text();
      const first = await tokens.get(request.signal);
      let response = await attempt(send, request, body, first, streaming);
      if (response.status === 401) {
        await response.body?.cancel();
        tokens.drop(first);
        response = await attempt(send, request, body, await tokens.get(request.signal), streaming);
      }
      if (response.ok) return response;
      // The session gave us a new token, so it is alive; the service does not believe it. Not the person's doing.
      if (response.status === 401) throw new ApiProblem("refused");
      throw await problemOf(response);
    } catch (error) {
      if (request.signal.aborted && isAbort(error)) throw error;
      throw asProblem(error);
    }
  };
}

/** For the page's last moment: sent at once with the token at hand, and outlives the page. Nobody reads the answer. */
export function partingFetch(token: string): Fetch {
  return async (request) => {
    const headers = new Headers(request.headers);
    // Without a proof to wait for, nothing is: a page that goes may not come to its next task.
    const ready = authorize(headers, token, request.method, request.url);
    if (DPOP) await ready;
    return fetch(request, { headers, keepalive: true, credentials: "omit", cache: "no-store" });
  };
}
