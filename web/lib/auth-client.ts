/** Better Auth as the browser calls it, with its failures in our words. */
import { createAuthClient } from "better-auth/client";
import { jwtClient } from "better-auth/client/plugins";
import { claimsOf } from "./api/claims";
import { DPOP, proofFor, setIssuerClock } from "./api/dpop";
import { ApiProblem, asProblem, retryAfterOf } from "./api/problem";

const PATIENCE_MS = 20_000;
/** The server itself waits for the service several times while it deletes an account. */
const FAREWELL_MS = 40_000;

/** Not better-fetch's own `timeout`: that aborts as a caller would, and does not say that time was up. */
const patient: typeof fetch = (input, init) => {
  const limit = AbortSignal.timeout(String(input).endsWith("/delete-user") ? FAREWELL_MS : PATIENCE_MS);
  return fetch(input, { ...init, signal: init?.signal ? AbortSignal.any([init.signal, limit]) : limit });
};

export const authClient = createAuthClient({
  plugins: [jwtClient()],
  fetchOptions: { customFetchImpl: patient },
});

export interface Refusal {
  status: number;
  code: string;
  retryAfter: number | undefined;
}

interface Answer<T> {
  data: T | null;
  error: { status: number; code?: string | undefined } | null;
}

/** A call of Better Auth: its data, its refusal, or an `ApiProblem` thrown when there was no answer worth the name. */
export async function asked<T>(
  call: (options: { onError: (context: { response: Response }) => void }) => Promise<Answer<T>>,
): Promise<{ data: T; refusal?: undefined } | { data?: undefined; refusal: Refusal }> {
  let retryAfter: number | undefined;
  const answer = await call({
    onError: ({ response }) => {
      retryAfter = retryAfterOf(response.headers);
    },
  }).catch((error: unknown) => {
    throw asProblem(error);
  });
  const { data, error } = answer;
  if (!error && data) return { data };
  const status = error?.status ?? 0;
  if (status >= 400 && status < 500) return { refusal: { status, code: error?.code ?? "", retryAfter } };
  const code = error?.code ?? "";
  if (code === "TASKS_REMAIN") return { refusal: { status, code, retryAfter } };
  // Better Auth lives in the page's own server: a 5xx is its database or a proxy in between, and passes.
  throw new ApiProblem(status >= 500 ? "busy" : "unreachable", { retryAfter });
}

type Asked = Awaited<ReturnType<typeof asked>>;

/** A sign-in that the browser kept; one whose cookie it threw away is a refusal of its own. */
export async function kept(signedIn: Promise<Asked>): Promise<Asked> {
  const answer = await signedIn;
  if (answer.refusal) return answer;
  const { data, error } = await authClient.getSession();
  if (data || error) return answer;
  return { refusal: { status: 0, code: "COOKIES_BLOCKED", retryAfter: undefined } };
}

/** A new bearer token for whoever the session cookie says. */
export async function mintToken(): Promise<string> {
  // A token bound to this page's key is asked for with a proof of having it.
  const headers: Record<string, string> = DPOP
    ? { DPoP: await proofFor("GET", `${window.location.origin}/api/auth/token`) }
    : {};
  const { data, refusal } = await asked<{ token: string }>((options) =>
    authClient.token({ fetchOptions: { ...options, headers } }),
  );
  if (data) {
    if (DPOP) setIssuerClock(Number(claimsOf(data.token).iat));
    return data.token;
  }
  if (refusal.status === 401) throw new ApiProblem("signed-out");
  throw new ApiProblem("busy", { retryAfter: refusal.retryAfter });
}
