import { describe, expect, it, vi } from "vitest";
import { ApiProblem } from "@/lib/api/problem";
import { TokenHolder } from "@/lib/api/token";
import { unsigned } from "./tokens";

const OWNER = "ada";
const MINUTE = 60_000;

function holder(mint: () => Promise<string>, start = 5_000_000) {
  const clock = { now: start };
  return { clock, tokens: new TokenHolder({ mint, owner: OWNER, now: () => clock.now }) };
}

/** Each call another token, each alive for fifteen minutes. */
function minting() {
  let count = 0;
  return vi.fn(async () => {
    count += 1;
    return unsigned(OWNER, { mark: String(count) });
  });
}

describe("the token holder", () => {
  it("asks once and keeps what it got", async () => {
    const mint = minting();
    const { tokens } = holder(mint);
    const first = await tokens.get();
    expect(await tokens.get()).toBe(first);
    expect(mint).toHaveBeenCalledTimes(1);
  });

  it("makes one request for a hundred that ask at once", async () => {
    const mint = minting();
    const { tokens } = holder(mint);
    const all = await Promise.all(Array.from({ length: 100 }, () => tokens.get()));
    expect(new Set(all).size).toBe(1);
    expect(mint).toHaveBeenCalledTimes(1);
  });

  it("renews a minute ahead without making anybody wait", async () => {
    const mint = minting();
    const { tokens, clock } = holder(mint);
    const first = await tokens.get();
    clock.now += 14 * MINUTE + 1;
    expect(await Promise.all([tokens.get(), tokens.get()])).toEqual([first, first]);
    expect(mint).toHaveBeenCalledTimes(2);
    await vi.waitFor(async () => expect(await tokens.get()).not.toBe(first));
    expect(mint).toHaveBeenCalledTimes(2);
  });

  it("waits for a new one when the old has expired", async () => {
    const mint = minting();
    const { tokens, clock } = holder(mint);
    const first = await tokens.get();
    clock.now += 15 * MINUTE;
    expect(tokens.peek()).toBeUndefined();
    expect(await tokens.get()).not.toBe(first);
  });

  it("goes by the token's length, whatever this machine believes the time to be", async () => {
    const mint = minting();
    const { tokens, clock } = holder(mint, 99_999_999_999_999);
    await tokens.get();
    clock.now += 10 * MINUTE;
    await tokens.get();
    expect(mint).toHaveBeenCalledTimes(1);
  });

  it("drops a refused token, but not the newer one that somebody else got meanwhile", async () => {
    const mint = minting();
    const { tokens } = holder(mint);
    const first = await tokens.get();
    tokens.drop(first);
    const second = await tokens.get();
    tokens.drop(first);
    expect(await tokens.get()).toBe(second);
    expect(mint).toHaveBeenCalledTimes(2);
  });

  it("lets one caller give up without taking the renewal from the others", async () => {
    let finish: (token: string) => void = () => {};
    const mint = vi.fn(() => new Promise<string>((resolve) => (finish = resolve)));
    const { tokens } = holder(mint);
    const impatient = new AbortController();
    const given = tokens.get(impatient.signal);
    const kept = tokens.get();
    impatient.abort();
    await expect(given).rejects.toMatchObject({ name: "AbortError" });
    finish(unsigned(OWNER));
    expect(await kept).toBe(unsigned(OWNER));
    expect(mint).toHaveBeenCalledTimes(1);
  });

  it("tells every waiter of a failure, and asks again the next time", async () => {
    const mint = vi.fn(async (): Promise<string> => Promise.reject(new ApiProblem("unreachable")));
    const { tokens } = holder(mint);
    const results = await Promise.allSettled([tokens.get(), tokens.get()]);
    expect(results.map((result) => result.status)).toEqual(["rejected", "rejected"]);
    expect(mint).toHaveBeenCalledTimes(1);
    mint.mockResolvedValueOnce(unsigned(OWNER));
    expect(await tokens.get()).toBe(unsigned(OWNER));
  });

  it("never keeps a token that is somebody else's", async () => {
    const { tokens } = holder(async () => unsigned("bob"));
    await expect(tokens.get()).rejects.toMatchObject({ kind: "signed-out" });
    expect(tokens.peek()).toBeUndefined();
  });
});
