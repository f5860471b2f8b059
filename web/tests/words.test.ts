import { afterEach, describe, expect, it, vi } from "vitest";
import { relativeTime } from "@/lib/relative-time";
import { forgetOwned, keep, kept, owned } from "@/lib/storage";
import { Leftovers } from "@/lib/tasks/leftovers";
import type { Op } from "@/lib/tasks/ops";
import { problemsOf, tidied } from "@/lib/words";

describe("words", () => {
  it("are tidied as the service would", () => {
    expect(tidied("  a\0 \n b ", "  ")).toEqual({ title: "a b", description: null });
    expect(tidied("a", " two\nlines ")).toEqual({ title: "a", description: "two\nlines" });
  });

  it("are counted in characters", () => {
    expect(problemsOf({ title: "😀".repeat(200), description: "é".repeat(5000) })).toEqual({});
    expect(problemsOf({ title: "x".repeat(203), description: "x".repeat(5001) })).toEqual({
      title: "A title has at most 200 characters; this is 3 too many.",
      description: "A description has at most 5,000 characters; this is 1 too many.",
    });
    expect(problemsOf({ title: "", description: "d" }).title).toBeDefined();
  });
});

describe("times", () => {
  const now = Date.parse("2026-11-21T12:00:00Z");
  it.each([
    ["2026-11-21T12:00:20Z", "just now"],
    ["2026-11-21T11:59:30Z", "just now"],
    ["2026-11-21T11:57:00Z", "3 minutes ago"],
    ["2026-11-21T10:00:00Z", "2 hours ago"],
    ["2026-11-20T11:00:00Z", "yesterday"],
    ["2026-11-10T12:00:00Z", "last week"],
    ["2024-11-10T12:00:00Z", "2 years ago"],
  ])("%s is %s", (iso, words) => {
    expect(relativeTime(iso, now)).toBe(words);
  });
});

class MemoryStorage implements Storage {
  [name: string]: unknown;
  private readonly entries = new Map<string, string>();
  get length() {
    return this.entries.size;
  }
  key(index: number) {
    return [...this.entries.keys()][index] ?? null;
  }
  getItem(key: string) {
    return this.entries.get(key) ?? null;
  }
  setItem(key: string, value: string) {
    this.entries.set(key, value);
  }
  removeItem(key: string) {
    this.entries.delete(key);
  }
  clear() {
    this.entries.clear();
  }
}

describe("what is kept between visits", () => {
  afterEach(() => {
    vi.unstubAllGlobals();
  });

  it("is forgotten when somebody signs out, or somebody else signs in; choices stay", () => {
    vi.stubGlobal("localStorage", new MemoryStorage());
    keep("shortcuts", false);
    keep(owned("ada", "draft:new"), "a");
    keep(owned("bob", "draft:new"), "b");
    forgetOwned("bob");
    expect([kept(owned("ada", "draft:new")), kept(owned("bob", "draft:new"))]).toEqual([undefined, "b"]);
    forgetOwned();
    expect(kept(owned("bob", "draft:new"))).toBeUndefined();
    expect(kept("shortcuts")).toBe(false);
  });

  it("does without a store, a full one and a damaged one", () => {
    expect(kept("x")).toBeUndefined();
    const store = new MemoryStorage();
    store.setItem = () => {
      throw new DOMException("full", "QuotaExceededError");
    };
    vi.stubGlobal("localStorage", store);
    expect(() => keep("x", 1)).not.toThrow();
    vi.stubGlobal("localStorage", Object.assign(new MemoryStorage(), { getItem: () => "{damaged" }));
    expect(kept("x")).toBeUndefined();
  });

  it("hands unsent changes to the next page, but never a clearing of everything completed", async () => {
    vi.stubGlobal("localStorage", new MemoryStorage());
    vi.stubGlobal("navigator", {});
    const common = { at: "2026-11-21T09:00:00Z", state: "queued", attempts: 0 } as const;
    const ops: Op[] = [
      { ...common, id: "1", kind: "add", title: "a", description: null },
      { ...common, id: "2", kind: "clear" },
    ];
    new Leftovers("ada").save(ops);
    expect(await new Leftovers("bob").take()).toEqual([]);
    expect((await new Leftovers("ada").take()).map(({ id }) => id)).toEqual(["1"]);
    expect(await new Leftovers("ada").take()).toEqual([]);
  });
});
