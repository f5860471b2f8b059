import { afterEach, describe, expect, it, vi } from "vitest";
import { partsOf } from "@/lib/links";
import { relativeTime } from "@/lib/relative-time";
import { forgetOwned, keep, kept, owned } from "@/lib/storage";
import { linesOf, matches, NOTHING_TYPED, problemsOf, readWords } from "@/lib/tasks/fields";
import type { Op } from "@/lib/tasks/ops";
import { compareTimes } from "@/lib/tasks/order";
import { Work } from "@/lib/tasks/work";
import { base, words } from "./tasks";

describe("words", () => {
  it("are tidied as the service would", () => {
    expect(readWords({ ...NOTHING_TYPED, title: "  a\0 \n b ", description: "  " })).toEqual(
      words({ title: "a b" }),
    );
    expect(readWords({ ...NOTHING_TYPED, title: "a", description: " two\nlines " })).toEqual(
      words({ description: "two\nlines" }),
    );
  });

  it("are composed, so that é from a Mac is the é of every other keyboard", () => {
    expect(readWords({ ...NOTHING_TYPED, title: "cafe\u0301" }).title).toBe("caf\u00e9");
    expect(matches(words({ title: "cafe\u0301" }), "CAF\u00c9")).toBe(true);
  });

  it("are counted in characters", () => {
    expect(problemsOf(words({ title: "😀".repeat(200), description: "é".repeat(5000) }))).toEqual({});
    expect(problemsOf(words({ title: "x".repeat(203), description: "x".repeat(5001) }))).toEqual({
      title: "A title has at most 200 characters; this is 3 too many.",
      description: "A description has at most 5,000 characters; this is 1 too many.",
    });
    expect(problemsOf(words({ title: "", description: "d" })).title).toBeDefined();
  });

  it("that are pasted as a list are taken apart without their bullets", () => {
    expect(linesOf("- milk\r\n* eggs\n\n- [ ] bread \n1. first")).toEqual([
      "milk",
      "eggs",
      "bread",
      "1. first",
    ]);
  });
});

describe("links", () => {
  const hrefs = (text: string) => partsOf(text).flatMap(({ href }) => href ?? []);
  it.each([
    ["see https://example.org/a(b), then go", ["https://example.org/a(b)"]],
    ["(http://example.org/x.)", ["http://example.org/x"]],
    ["HTTPS://EXAMPLE.ORG", ["https://example.org/"]],
    ["javascript:alert(1) data:text/html,x file:///etc", []],
    ["https://bank.example@evil.example/", []],
    ["https://", []],
    ["https://example.org/\u202egpj.exe", ["https://example.org/"]],
  ])("%s", (text, links) => {
    expect(hrefs(text)).toEqual(links);
    expect(
      partsOf(text)
        .map((part) => part.text)
        .join(""),
    ).toBe(text);
  });
});

describe("times", () => {
  // Local times: the viewer's calendar decides.
  const seen = (then: string, now: string) => relativeTime(new Date(then).toISOString(), Date.parse(now));
  it.each([
    ["2026-11-21T12:00:20", "2026-11-21T12:00:00", "just now"],
    ["2026-11-21T11:59:30", "2026-11-21T12:00:00", "just now"],
    ["2026-11-21T11:57:00", "2026-11-21T12:00:00", "3 minutes ago"],
    ["2026-11-20T23:58:00", "2026-11-21T00:01:00", "3 minutes ago"],
    ["2026-11-21T10:00:00", "2026-11-21T12:00:00", "2 hours ago"],
    ["2026-11-20T23:00:00", "2026-11-21T01:00:00", "yesterday"],
    ["2026-11-25T05:22:00", "2026-11-27T04:22:00", "2 days ago"],
    ["2026-11-10T12:00:00", "2026-11-21T12:00:00", "1 week ago"],
    ["2026-10-27T12:00:00", "2026-11-27T12:00:00", "last month"],
    ["2026-09-29T12:00:00", "2026-11-27T12:00:00", "2 months ago"],
    ["2024-11-10T12:00:00", "2026-11-21T12:00:00", "2 years ago"],
  ])("%s seen at %s is %s", (then, now, words) => {
    expect(seen(then, now)).toBe(words);
  });

  it("of the service are compared although it leaves out zeros", () => {
    const times = ["2026-11-21T09:00:00Z", "2026-11-21T09:00:00.12Z", "2026-11-21T09:00:00.1234Z"];
    expect([...times].reverse().sort(compareTimes)).toEqual(times);
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

  it("is forgotten when that person signs out; what others have not sent, and choices, stay", () => {
    vi.stubGlobal("localStorage", new MemoryStorage());
    keep("shortcuts", false);
    keep(owned("ada", "work:1"), "a");
    keep(owned("bob", "work:2"), "b");
    forgetOwned("bob");
    expect([kept(owned("ada", "work:1")), kept(owned("bob", "work:2"))]).toEqual(["a", undefined]);
    expect(kept("shortcuts")).toBe(false);
  });

  it("does without a store, a full one and a damaged one, and says when it was not kept", () => {
    expect(kept("x")).toBeUndefined();
    const store = new MemoryStorage();
    store.setItem = () => {
      throw new DOMException("full", "QuotaExceededError");
    };
    vi.stubGlobal("localStorage", store);
    expect(keep("x", 1)).toBe(false);
    const work = new Work("ada");
    work.keepFresh([{ ...NOTHING_TYPED, title: "a" }]);
    expect(work.snapshot()).toMatchObject({ safe: false, fresh: [{ title: "a" }] });
    work.keepFresh([]);
    expect(work.snapshot().safe).toBe(true);
    vi.stubGlobal("localStorage", Object.assign(new MemoryStorage(), { getItem: () => "{damaged" }));
    expect(kept("x")).toBeUndefined();
  });

  it("goes to the next page of the same person, changes and drafts, once", async () => {
    vi.stubGlobal("localStorage", new MemoryStorage());
    vi.stubGlobal("navigator", {});
    const common = { at: "2026-11-21T09:00:00Z", state: "queued", attempts: 0 } as const;
    const op: Op = { ...common, id: "1", kind: "add", ...words() };
    const draft = { taskId: "t", typed: { ...NOTHING_TYPED, title: "b!" }, base: base({ title: "b" }) };
    const gone = new Work("ada");
    gone.keepOps([op]);
    gone.keepFresh([{ ...NOTHING_TYPED, title: "half a" }]);
    gone.keepEdit(draft);
    const { signal: going } = new AbortController();
    const taken: Op[] = [];
    const adopt = (ops: readonly Op[]) => taken.push(...ops);
    await new Work("bob").takeOver(adopt, going);
    expect(taken).toEqual([]);
    const next = new Work("ada");
    await next.takeOver(adopt, going);
    expect(taken).toEqual([op]);
    expect(next.snapshot()).toMatchObject({ fresh: [{ title: "half a" }], edits: [draft] });
    const third = new Work("bob");
    expect(third.others().size).toBe(0);
  });

  it("stays whole for the next page when this one was over before it took anything", async () => {
    vi.stubGlobal("localStorage", new MemoryStorage());
    const request = async (_name: string, _options: object, held: (lock: object) => void) => {
      await Promise.resolve();
      held({});
    };
    vi.stubGlobal("navigator", { locks: { request } });
    const common = { at: "2026-11-21T09:00:00Z", state: "queued", attempts: 0 } as const;
    const gone = new Work("ada");
    gone.keepOps([{ ...common, id: "1", kind: "add", ...words() }]);
    const page = new Work("ada");
    const taken: Op[] = [];
    const adopt = (signal: AbortSignal) => (ops: readonly Op[]) => !signal.aborted && taken.push(...ops);
    // As React's strict effects do: begun, ended and begun again in one go.
    const over = new AbortController();
    const first = page.takeOver(adopt(over.signal), over.signal);
    over.abort();
    const { signal } = new AbortController();
    const second = page.takeOver(adopt(signal), signal);
    await Promise.all([first, second]);
    expect(taken.map(({ id }) => id)).toEqual(["1"]);
  });

  it("has both drafts of one task that two closed tabs left, until each is done with", async () => {
    vi.stubGlobal("localStorage", new MemoryStorage());
    vi.stubGlobal("navigator", {});
    const drafts = ["one", "two"].map((title) => ({
      taskId: "t",
      typed: { ...NOTHING_TYPED, title },
      base: base(),
    }));
    for (const draft of drafts) new Work("ada").keepEdit(draft);
    const next = new Work("ada");
    await next.takeOver(() => {}, new AbortController().signal);
    const titles = () => next.snapshot().edits.map(({ typed }) => typed.title);
    const open = next.editOf("t");
    if (!open) throw new Error("no draft");
    next.keepEdit({ ...open, typed: { ...NOTHING_TYPED, title: "one!" } });
    expect(titles()).toEqual(["one!", "two"]);
    // An editor that was open before the drafts came has a draft of its own.
    const own = { taskId: "t", typed: { ...NOTHING_TYPED, title: "three" }, base: base() };
    next.keepEdit(own);
    expect(titles()).toEqual(["one!", "two", "three"]);
    next.dropEdit(own.base);
    next.dropEdit(open.base);
    expect(titles()).toEqual(["two"]);
  });

  it("of two tabs never overwrites one another", () => {
    vi.stubGlobal("localStorage", new MemoryStorage());
    const [one, two] = [new Work("ada"), new Work("ada")];
    one.keepFresh([{ ...NOTHING_TYPED, title: "one" }]);
    two.keepFresh([{ ...NOTHING_TYPED, title: "two" }]);
    expect([...one.others().values()]).toEqual([{ unsent: 0, drafts: 1 }]);
    expect([...two.others().values()]).toEqual([{ unsent: 0, drafts: 1 }]);
  });
});
