/** What the tasks page shows first, asked for while its HTML is made, so that no script has to run for it. */
import { headers } from "next/headers";
import { DPOP, proofFor } from "../api/dpop";
import { authorizedFetch } from "../api/fetch";
import { type Counts, type TaskPage, TasksApi } from "../api/tasks";
import { TokenHolder } from "../api/token";
import { getAuth } from "./auth";
import { AS_IT_IS } from "./session";
import { settings } from "./settings";

export interface FirstPage {
  q: string;
  /** Milliseconds of the server's clock. */
  at: number;
  open: TaskPage | undefined;
  done: TaskPage | undefined;
  counts: Counts;
}

/** A screen of rows. The page asks for more by itself. */
const ROWS = 50;
/** The page without its rows is better than a page that waits. */
const PATIENCE_MS = 1_000;

/** Undefined when it could not be had in time; then the page asks for itself, and says what is wrong. */
export async function firstPage(owner: string, query: URLSearchParams): Promise<FirstPage | undefined> {
  const show = query.get("show");
  const q = query.get("q") ?? "";
  const asked = await headers();
  const { origin, apiUrl, apiInternalUrl } = settings();
  const mint = async () => {
    const session = new Headers(asked);
    // Where tokens are bound, this one is bound to the key of this server.
    if (DPOP) session.set("DPoP", await proofFor("GET", `${origin}/api/auth/token`));
    return (await (await getAuth()).api.getToken({ headers: session, query: AS_IT_IS })).token;
  };
  // A proof names the URL that clients use, which is the service's PUBLIC_URL. The request goes to the internal one.
  const send = (request: Request) => fetch(new Request(request.url.replace(apiUrl, apiInternalUrl), request));
  const api = new TasksApi(apiUrl, owner, authorizedFetch(new TokenHolder({ mint, owner }), send));
  const signal = AbortSignal.timeout(PATIENCE_MS);
  const list = (completed: boolean, wanted: boolean) =>
    wanted ? api.list({ completed, q, cursor: undefined, limit: ROWS }, signal) : undefined;
  try {
    const [open, done, counts] = await Promise.all([
      list(false, show !== "done" || q !== ""),
      list(true, show !== "open" || q !== ""),
      api.counts(signal),
    ]);
    return { q, at: Date.now(), open, done, counts };
  } catch {
    return undefined;
  }
}
