import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, describe, expect, it, vi } from "vitest";
import { authorizedFetch } from "@/lib/api/fetch";
import { ApiProblem } from "@/lib/api/problem";
import { TasksApi } from "@/lib/api/tasks";
import { TokenHolder } from "@/lib/api/token";
import { Live } from "@/lib/tasks/live";
import { unsigned } from "./tokens";

const OWNER = "ada";
const closing: (() => unknown)[] = [];

afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

type Answer = (response: ServerResponse, request: IncomingMessage) => void;

const stream: Answer = (response) => {
  response.writeHead(200, { "Content-Type": "text/event-stream" });
  response.write("event: ready\ndata: {}\n\n");
};
const refusal =
  (status: number, headers: Record<string, string> = {}): Answer =>
  (response) =>
    response
      .writeHead(status, { "Content-Type": "application/problem+json", ...headers })
      .end('{"code":"x"}');

/** A service that answers with these in turn, the last one again and again; and a page that listens to it. */
async function listening(answers: Answer[], mint = async () => unsigned(OWNER)) {
  const asked: { at: number; url: string; authorization: string | undefined; response: ServerResponse }[] =
    [];
  const server = createServer((request, response) => {
    const { url = "", headers } = request;
    asked.push({ at: Date.now(), url, authorization: headers.authorization, response });
    const answer = answers.length > 1 ? answers.shift() : answers[0];
    answer?.(response, request);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const stop = new AbortController();
  closing.push(() => new Promise((resolve) => server.close(resolve)));
  closing.push(() => server.closeAllConnections());
  closing.push(() => stop.abort());
  const tokens = new TokenHolder({ mint, owner: OWNER });
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const api = new TasksApi(url, OWNER, authorizedFetch(tokens, undefined, { streaming: true }));
  const onChange = vi.fn();
  const onSignedOut = vi.fn();
  const live = new Live({ owner: OWNER, api, onChange, onSignedOut });
  const held = live.hold(stop.signal);
  return { asked, onChange, onSignedOut, live, stop, held };
}

describe("hearing of changes made elsewhere", () => {
  it("asks with the bearer header and its own name, and every event is a reason to ask anew", async () => {
    const { asked, onChange, live } = await listening([stream]);
    expect(live.origin()).toBeUndefined();
    await vi.waitFor(() => expect(onChange).toHaveBeenCalledTimes(1));
    expect(asked[0]?.authorization).toBe(`Bearer ${unsigned(OWNER)}`);
    expect(asked[0]?.url).toBe(`/api/ada/events?origin=${live.origin()}`);
    asked[0]?.response.write(": still here\n\nevent: tasks\nda");
    asked[0]?.response.write('ta: {"ids":["1"]}\n\n');
    await vi.waitFor(() => expect(onChange).toHaveBeenCalledTimes(2));
    asked[0]?.response.write("event: reset\ndata: {}\n\n");
    await vi.waitFor(() => expect(onChange).toHaveBeenCalledTimes(3));
    asked[0]?.response.write("event: something-new\ndata: {}\n\n");
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(onChange).toHaveBeenCalledTimes(3);
  });

  it("is back within three seconds of a restart, and asks for what was missed", async () => {
    const { asked, onChange } = await listening([stream, (response) => response.destroy(), stream]);
    await vi.waitFor(() => expect(onChange).toHaveBeenCalledTimes(1));
    const ended = Date.now();
    asked[0]?.response.end();
    await vi.waitFor(() => expect(onChange).toHaveBeenCalledTimes(3), { timeout: 4_000 });
    expect((asked[1]?.at ?? 0) - ended).toBeLessThan(1_100);
    expect((asked[2]?.at ?? 0) - (asked[1]?.at ?? 0)).toBeLessThan(2_700);
  });

  it("asks for the lists once when the stream cannot be had, so that the page can say so", async () => {
    const { asked, onChange } = await listening([(response) => response.destroy()]);
    await vi.waitFor(() => expect(asked.length).toBeGreaterThanOrEqual(3), { timeout: 6_000 });
    expect(onChange).toHaveBeenCalledTimes(1);
  });

  it("waits as long as a busy service says, and no two pages come back at the same moment", async () => {
    const { asked, onChange } = await listening([refusal(503, { "Retry-After": "1" }), stream]);
    await vi.waitFor(() => expect(onChange).toHaveBeenCalledTimes(2), { timeout: 4_000 });
    const waited = (asked[1]?.at ?? 0) - (asked[0]?.at ?? 0);
    expect(waited).toBeGreaterThanOrEqual(1_000);
    expect(waited).toBeLessThan(2_200);
  });

  it("says at once that the session was revoked, when the stream ends because of it", async () => {
    let revoked = false;
    const mint = async () => {
      if (revoked) throw new ApiProblem("signed-out");
      return unsigned(OWNER);
    };
    const { asked, onChange, onSignedOut } = await listening([stream, refusal(401)], mint);
    await vi.waitFor(() => expect(onChange).toHaveBeenCalled());
    revoked = true;
    const ended = Date.now();
    asked[0]?.response.end();
    await vi.waitFor(() => expect(onSignedOut).toHaveBeenCalledWith("signed-out"), { timeout: 2_000 });
    expect(Date.now() - ended).toBeLessThan(1_300);
  });

  it("renews the token when the service no longer takes it, and goes on", async () => {
    const mint = vi.fn(async () => unsigned(OWNER));
    const { onChange, onSignedOut } = await listening([refusal(401), stream], mint);
    await vi.waitFor(() => expect(onChange).toHaveBeenCalled());
    expect(mint).toHaveBeenCalledTimes(2);
    expect(onSignedOut).not.toHaveBeenCalled();
  });

  it("leaves a service without streams alone", async () => {
    const { asked, onChange } = await listening([refusal(404)]);
    await new Promise((resolve) => setTimeout(resolve, 3_000));
    expect(asked).toHaveLength(1);
    expect(onChange).not.toHaveBeenCalled();
  });
});
