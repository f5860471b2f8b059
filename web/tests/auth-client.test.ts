import { afterEach, describe, expect, it, vi } from "vitest";
import { asked, authClient, mintToken } from "@/lib/auth-client";

/** A server that accepts a request and never answers: it ends when the caller gives up. */
function silent(_: unknown, init?: RequestInit): Promise<Response> {
  return new Promise((_resolve, reject) => {
    const { signal } = init ?? {};
    if (signal?.aborted) reject(signal.reason);
    signal?.addEventListener("abort", () => reject(signal.reason));
  });
}

/** Time is up at once; what is returned lists for how long each call would have waited. */
function impatient(): number[] {
  const waits: number[] = [];
  vi.spyOn(AbortSignal, "timeout").mockImplementation((ms) => {
    waits.push(ms);
    return AbortSignal.abort(new DOMException("too long", "TimeoutError"));
  });
  vi.stubGlobal("fetch", silent);
  return waits;
}

describe("a call of Better Auth that gets no answer", () => {
  afterEach(() => {
    vi.restoreAllMocks();
    vi.unstubAllGlobals();
  });

  it("is given up after 20 seconds, and Taskward cannot be reached", async () => {
    const waits = impatient();
    await expect(mintToken()).rejects.toMatchObject({ kind: "unreachable" });
    expect(waits).toEqual([20_000]);
  });

  it("waits longer for the deletion of an account, which the server itself waits for", async () => {
    const waits = impatient();
    const call = asked((fetchOptions) => authClient.deleteUser({ password: "secret", fetchOptions }));
    await expect(call).rejects.toMatchObject({ kind: "unreachable" });
    expect(waits).toEqual([40_000]);
  });
});
