import { describe, expect, it, vi } from "vitest";
import { Session, type SessionOptions } from "@/lib/tasks/session";

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
});
