import { describe, expect, it, vi } from "vitest";
import { Session, type SessionOptions } from "@/lib/tasks/session";

function rejectable() {
  let reject: (reason: unknown) => void = () => {};
  const promise = new Promise<void>((_, no) => {
    reject = no;
  });
  return { promise, reject };
}

function opened(atRisk = false) {
  const [stepOut, goOn, forget] = [vi.fn(), vi.fn(), vi.fn(async () => {})];
  const options: SessionOptions = { owner: "ada", atRisk: () => atRisk, stepOut, goOn, forget };
  return { session: new Session(options), stepOut, goOn, forget };
}

describe("the session of an open page", () => {
  it("that is over leads to the form to sign in once, however often the service says so", () => {
    const { session, stepOut } = opened();
    session.over("signed-out");
    session.over("refused");
    session.over("signed-out");
    expect(stepOut.mock.calls).toEqual([["ended"]]);
  });

  it("that is being replaced is asked for no token until the call is done, however it came out", async () => {
    const { session } = opened();
    const { promise, reject } = rejectable();
    const replaced = session.replace(() => promise);
    const mint = vi.fn();
    const minted = session.replaced().then(mint);
    await Promise.resolve();
    expect(mint).not.toHaveBeenCalled();
    reject(new Error("no answer"));
    await expect(replaced).rejects.toThrow("no answer");
    await minted;
    expect(mint).toHaveBeenCalledTimes(1);
  });

  it("can be left while it is being replaced: as soon as that is done, however it came out", async () => {
    const { session, forget } = opened();
    const { promise, reject } = rejectable();
    const replaced = session.replace(() => promise);
    const end = vi.fn(async () => true);
    const departed = session.depart(end);
    await Promise.resolve();
    expect(end).not.toHaveBeenCalled();
    reject(new Error("refused"));
    await expect(replaced).rejects.toThrow("refused");
    expect(await departed).toBe(true);
    expect(forget).toHaveBeenCalledTimes(1);
  });

  it("that was over is good again when the service answers, also to a page that stayed open", () => {
    const { session, stepOut } = opened(true);
    session.over("refused");
    expect(session.end.snapshot()).toBe("refused");
    expect(stepOut).not.toHaveBeenCalled();
    session.answered();
    expect(session.end.snapshot()).toBeUndefined();
  });

  it("leads nowhere while another tab ends it, and is asked about when that tab says no more", () => {
    vi.useFakeTimers();
    const { session, stepOut, goOn } = opened();
    session.onLeaving();
    session.over("signed-out");
    expect([session.leaving.snapshot(), stepOut.mock.calls, goOn.mock.calls]).toEqual([true, [], []]);
    vi.advanceTimersByTime(30_000);
    expect(session.leaving.snapshot()).toBe(false);
    expect(goOn).toHaveBeenCalledOnce();
    session.over("signed-out");
    expect(stepOut).toHaveBeenCalledOnce();
    vi.useRealTimers();
  });

  it("goes on when another tab stays signed in; that ends no sign-out of this page", async () => {
    const { session, stepOut, goOn } = opened();
    session.onLeaving();
    session.onStaying();
    expect([session.leaving.snapshot(), goOn.mock.calls]).toEqual([false, []]);
    await session.depart(async () => {
      session.onLeaving();
      session.onStaying();
      session.over("signed-out");
      return true;
    });
    expect([stepOut.mock.calls, goOn.mock.calls]).toEqual([[], []]);
  });

  it("of somebody else ends without taking this person's words, and leaves a page that has none", () => {
    const [atRisk, plain] = [opened(true), opened()];
    expect([atRisk, plain].map(({ session }) => session.onSignedOut("bob"))).toEqual([false, true]);
    expect(atRisk.session.onSignedOut("ada")).toBe(true);
    expect([atRisk, plain].map(({ forget }) => forget.mock.calls.length)).toEqual([1, 0]);
  });
});
