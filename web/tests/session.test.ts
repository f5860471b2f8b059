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
  const options: SessionOptions = { atRisk: () => atRisk, stepOut, goOn, forget };
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
});
