import { describe, expect, it, vi } from "vitest";
import { authorizedFetch } from "@/lib/api/fetch";
import { ApiProblem } from "@/lib/api/problem";
import { TasksApi } from "@/lib/api/tasks";
import { TokenHolder } from "@/lib/api/token";
import { unsigned } from "./tokens";

const OWNER = "ada";
const json = (status: number, body: unknown, headers: Record<string, string> = {}) =>
  new Response(JSON.stringify(body), {
    status,
    headers: { "Content-Type": "application/problem+json", ...headers },
  });
const html = (status: number) =>
  new Response("<h1>Bad gateway</h1>", { status, headers: { "Content-Type": "text/html" } });
const invalidToken = () =>
  json(401, { code: "invalid_token" }, { "WWW-Authenticate": 'Bearer error="invalid_token"' });

type Answer = Response | Error | (() => Promise<Response>);

/** A client whose service gives these answers in turn, and what it was asked. */
function client(...answers: Answer[]) {
  const asked: { request: Request; body: string }[] = [];
  let minted = 0;
  const mint = vi.fn(async () => {
    minted += 1;
    return unsigned(OWNER, { mark: String(minted) });
  });
  const send = async (request: Request) => {
    asked.push({ request, body: await request.clone().text() });
    const answer = answers.shift();
    if (answer instanceof Response) return answer;
    if (typeof answer === "function") return answer();
    throw answer ?? new Error("asked once too often");
  };
  const tokens = new TokenHolder({ mint, owner: OWNER });
  const authorized = authorizedFetch(tokens, send);
  return { asked, mint, authorized, api: new TasksApi("http://service", OWNER, authorized) };
}

const failure = async (promise: Promise<unknown>): Promise<ApiProblem> => {
  const error: unknown = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(ApiProblem);
  return error as ApiProblem;
};

describe("the API client", () => {
  it("carries the token, and the owner's own path", async () => {
    const { api, asked } = client(json(200, { open: 1, completed: 2 }));
    expect(await api.counts()).toEqual({ open: 1, completed: 2 });
    expect(asked[0]?.request.headers.get("Authorization")).toBe(`Bearer ${unsigned(OWNER, { mark: "1" })}`);
    expect(asked[0]?.request.url).toBe("http://service/api/ada/tasks/counts");
  });

  it("drops a refused token and sends the same request once more with a new one", async () => {
    const { api, asked, mint } = client(invalidToken(), json(201, { id: "1" }));
    await api.add({ title: "milk", description: null }, "key-1");
    expect(mint).toHaveBeenCalledTimes(2);
    expect(asked.map(({ body }) => body)).toEqual([asked[0]?.body, asked[0]?.body]);
    expect(asked[1]?.body).toContain("milk");
    expect(asked.map(({ request }) => request.headers.get("Idempotency-Key"))).toEqual(["key-1", "key-1"]);
    expect(asked[0]?.request.headers.get("Authorization")).not.toBe(
      asked[1]?.request.headers.get("Authorization"),
    );
  });

  it("treats a missing token the same way", async () => {
    const { api, mint } = client(json(401, { code: "missing_token" }), json(200, { open: 0, completed: 0 }));
    await api.counts();
    expect(mint).toHaveBeenCalledTimes(2);
  });

  it("retries once, not for ever: a new token that is refused too is somebody's clock or setting", async () => {
    const { api, asked } = client(invalidToken(), invalidToken(), invalidToken());
    expect((await failure(api.counts())).kind).toBe("refused");
    expect(asked).toHaveLength(2);
  });

  it("says the session is over when it gives no new token", async () => {
    const { api, mint, asked } = client(invalidToken());
    mint.mockResolvedValueOnce(unsigned(OWNER)).mockRejectedValueOnce(new ApiProblem("signed-out"));
    expect((await failure(api.counts())).kind).toBe("signed-out");
    expect(asked).toHaveLength(1);
  });

  it("renews once for many requests that are refused together", async () => {
    const refusals = Array.from({ length: 8 }, invalidToken);
    const answers = Array.from({ length: 8 }, () => json(200, { open: 0, completed: 0 }));
    const { api, mint } = client(...refusals, ...answers);
    await Promise.all(Array.from({ length: 8 }, () => api.counts()));
    expect(mint).toHaveBeenCalledTimes(2);
  });

  it.each([
    [429, { "Retry-After": "7" }, 7],
    [503, { "Retry-After": "2" }, 2],
    [503, { "Retry-After": new Date(Date.now() + 90_000).toUTCString() }, 90],
    [503, {}, undefined],
    [503, { "Retry-After": "999999" }, 300],
    [503, { "Retry-After": "soon" }, undefined],
  ])("honours Retry-After of a %i (%o), and signs nobody out", async (status, headers, seconds) => {
    const { api, mint } = client(json(status, { code: "keys_unavailable" }, headers));
    const problem = await failure(api.counts());
    expect(problem.kind).toBe("busy");
    if (seconds === undefined) expect(problem.retryAfter).toBeUndefined();
    else expect(Math.abs((problem.retryAfter ?? 0) - seconds)).toBeLessThanOrEqual(1);
    expect(mint).toHaveBeenCalledTimes(1);
  });

  it.each([
    [403, "forbidden", "You don't have permission to do that."],
    [404, "gone", "That task no longer exists."],
    [412, "changed", "This task was changed somewhere else."],
    [500, "broken", "Something went wrong on our side."],
  ])("says what a %i means, without a code", async (status, kind, sentence) => {
    const { api } = client(json(status, { code: "x" }));
    const problem = await failure(api.get("1"));
    expect(problem).toMatchObject({ kind, message: sentence });
  });

  it("brings the words for each field out of a 422", async () => {
    const errors = [{ field: "title", message: "is too long" }];
    const { api } = client(json(422, { code: "validation_error", errors }));
    expect(await failure(api.add({ title: "x", description: null }, "k"))).toMatchObject({
      kind: "invalid",
      fields: errors,
    });
  });

  it("survives 204", async () => {
    const { api } = client(new Response(null, { status: 204 }));
    await expect(api.remove("1", '"e"')).resolves.toBeUndefined();
  });

  it("survives an empty body where there should be one", async () => {
    const { api } = client(new Response("", { status: 200 }));
    expect((await failure(api.counts())).kind).toBe("broken");
  });

  it.each([
    [502, "busy"],
    [500, "broken"],
    [404, "broken"],
    [200, "broken"],
  ])(
    "survives a page of HTML with status %i, and takes no task for deleted because of it",
    async (status, kind) => {
      const { api } = client(html(status));
      expect((await failure(api.get("1"))).kind).toBe(kind);
    },
  );

  it("tells nothing answering from being refused", async () => {
    const { api, mint } = client(new TypeError("Failed to fetch"));
    expect((await failure(api.counts())).kind).toBe("unreachable");
    expect(mint).toHaveBeenCalledTimes(1);
  });

  it("lets an abort be an abort", async () => {
    const stop = new AbortController();
    const { api } = client(() => {
      stop.abort();
      return Promise.reject(stop.signal.reason);
    });
    await expect(api.counts(stop.signal)).rejects.toMatchObject({ name: "AbortError" });
  });

  it("sends nothing when it was aborted before", async () => {
    const { api, asked } = client(json(200, {}));
    await expect(api.counts(AbortSignal.abort())).rejects.toMatchObject({ name: "AbortError" });
    expect(asked).toHaveLength(0);
  });

  it("asks the browser for no cookies and no cache", async () => {
    const { api, asked } = client(json(200, { open: 0, completed: 0 }));
    await api.counts();
    expect(asked[0]?.request).toMatchObject({ credentials: "omit", cache: "no-store" });
  });
});
