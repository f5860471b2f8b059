import { describe, expect, it } from "vitest";
import { type Answer, Feed, type RevocationStore } from "@/lib/server/revocation-feed/feed";

const nothing = (next: string): Answer => ({ next, complete: false, events: [] });
const event = { id: "1", kind: "sid" as const, value: "s", not_before: 1, expires_at: 2 };

/** A store that has news after so many looks, on a clock that only `changed` moves. */
function storeWithNewsAfter(looks: number) {
  const clock = { now: 0 };
  const asked: (string | undefined)[] = [];
  const store: RevocationStore = {
    since: async (after) => {
      asked.push(after);
      const answer = nothing(String(asked.length));
      return asked.length > looks ? { ...answer, events: [event] } : answer;
    },
    changed: async (ms) => {
      clock.now += Math.min(ms, 500);
    },
  };
  return { feed: new Feed(store, () => clock.now), asked, clock };
}

describe("the feed", () => {
  it("answers at once when there is something new", async () => {
    const { feed, asked } = storeWithNewsAfter(0);
    expect((await feed.ask("a", 20)).events).toEqual([event]);
    expect(asked).toEqual(["a"]);
  });

  it("waits for news, and goes on from where the last look ended", async () => {
    const { feed, asked, clock } = storeWithNewsAfter(3);
    expect((await feed.ask("a", 20)).events).toEqual([event]);
    expect(asked).toEqual(["a", "1", "2", "3"]);
    expect(clock.now).toBe(1_500);
  });

  it("answers with nothing when the wait is over, and without a wait at once", async () => {
    const { feed, clock } = storeWithNewsAfter(1_000);
    expect(await feed.ask("a", 0)).toEqual(nothing("1"));
    expect((await feed.ask("a", 2)).events).toEqual([]);
    expect(clock.now).toBe(2_000);
  });
});
