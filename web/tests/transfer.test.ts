import { describe, expect, it } from "vitest";
import type { Task } from "@/lib/api/tasks";
import { deviceOf } from "@/lib/device";
import { NOTHING_TYPED, typedOf } from "@/lib/tasks/fields";
import { fromCsv, toCsv } from "@/lib/transfer/csv";
import { readFile, toCsvFile, toJsonFile, UnknownFile } from "@/lib/transfer/file";
import { type Imported, importTasks } from "@/lib/transfer/transfer";
import { isBlank } from "@/lib/visible";
import { task as aTask } from "./tasks";

const task = (title: string, changes: Partial<Task> = {}): Task =>
  aTask({ id: crypto.randomUUID(), title, ...changes });

const AWKWARD = [
  task('quotes " and, commas'),
  task("lines", { description: "one\r\ntwo\n\n“three”, four" }),
  task("=SUM(A1)", { description: "'=already" }),
  task("-1", { description: "+49" }),
  task("'quoted'", { completed: true }),
  task("@home 🧺 naïve"),
];

describe("a file of tasks", () => {
  it.each([
    ["JSON", toJsonFile(AWKWARD, "2026-01-01T00:00:00Z")],
    ["CSV", toCsvFile(AWKWARD)],
  ])("in %s comes back as it went", (_, text) => {
    const wanted = AWKWARD.map((task) => ({ id: task.id, typed: typedOf(task), completed: task.completed }));
    expect(readFile(text)).toEqual(wanted);
  });

  it("in CSV has no cell that a spreadsheet would run", () => {
    for (const cell of fromCsvRaw(toCsvFile(AWKWARD))) expect(cell).not.toMatch(/^[=+\-@\t\r]/);
  });

  it("may be a table by hand, in any order, with any line ends", () => {
    expect(readFile("Completed,Title\nyes,Milk\n,Bread")).toEqual([
      { id: undefined, typed: { ...NOTHING_TYPED, title: "Milk" }, completed: true },
      { id: undefined, typed: { ...NOTHING_TYPED, title: "Bread" }, completed: false },
    ]);
  });

  it.each(["", "{", "[1]", "name,age\r\na,1", '{"tasks": 3}', "\u0000\u0001", "null"])(
    "is not %o",
    (text) => {
      expect(() => readFile(text)).toThrow(UnknownFile);
    },
  );
});

/** Cells as a spreadsheet reads them: without taking the apostrophe off. */
function fromCsvRaw(text: string): string[] {
  return text
    .slice(1)
    .split(/\r\n/)
    .flatMap((line) => line.split(","))
    .map((cell) => cell.replace(/^"/, ""));
}

describe("comma-separated values", () => {
  it("survive whatever is in a cell", () => {
    const rows = [
      ["", "a", '"'],
      [",", "\r\n", "'"],
      ["''=x", "\t", "end"],
    ];
    expect(fromCsv(toCsv(rows))).toEqual(rows);
  });
});

/** A service that keeps tasks in memory, with idempotency keys. */
function service(stored: Task[]) {
  const keys = new Map<string, Task>();
  const send = async (request: Request) => {
    if (request.method === "GET") return Response.json({ items: stored, next_cursor: null });
    const key = request.headers.get("Idempotency-Key") ?? "";
    const known = keys.get(key);
    if (known) return Response.json(known, { status: 200 });
    const made = task("", (await request.json()) as Partial<Task>);
    keys.set(key, made);
    stored.push(made);
    return Response.json(made, { status: 201 });
  };
  return { apiUrl: "http://api.example", owner: "ada", send };
}

describe("an import", () => {
  const drafts = readFile(toJsonFile(AWKWARD, ""));
  const nothing = () => {};

  it("adds everything once, the newest last, and the same file again adds nothing", async () => {
    const stored: Task[] = [];
    const there = service(stored);
    expect(await importTasks(there, drafts, nothing)).toEqual<Imported>({ added: 6, known: 0, unfit: 0 });
    expect(stored.map(({ title }) => title)).toEqual(AWKWARD.map(({ title }) => title).reverse());
    expect(stored.find(({ title }) => title === "'quoted'")?.completed).toBe(true);
    expect(await importTasks(there, drafts, nothing)).toEqual<Imported>({ added: 0, known: 6, unfit: 0 });
    expect(stored).toHaveLength(6);
  });

  it("knows what was exported from this very account", async () => {
    const stored = [...AWKWARD];
    expect(await importTasks(service(stored), drafts, nothing)).toMatchObject({ added: 0, known: 6 });
  });

  it("keeps two rows that are alike, and leaves out what cannot be a task", async () => {
    const stored: Task[] = [];
    const table = `title\r\nMilk\r\nMilk\r\n${"x".repeat(201)}\r\n" "\r\n`;
    expect(await importTasks(service(stored), readFile(table), nothing)).toEqual({
      added: 2,
      known: 0,
      unfit: 2,
    });
  });
});

describe("a device", () => {
  it.each([
    [
      "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0 Safari/537.36",
      "Chrome on Linux",
    ],
    [
      "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605 Version/18.0 Mobile Safari/604",
      "Safari on iPhone",
    ],
    ["Mozilla/5.0 (Windows NT 10.0; Win64; x64) Chrome/140.0 Safari/537.36 Edg/140.0", "Edge on Windows"],
    ["Mozilla/5.0 (Android 15; Mobile; rv:140.0) Gecko/140.0 Firefox/140.0", "Firefox on Android"],
    ["curl/8.5", "Another program"],
    ["", "Another program"],
  ])("of %o is %s", (userAgent, name) => {
    expect(deviceOf(userAgent)).toBe(name);
  });
});

describe("text that shows nothing", () => {
  it.each([
    "",
    " ",
    "\u200b",
    "\u00ad",
    "\u3164",
    "\uffa0",
    "\u2800",
    "\u2060\ufe0f",
    "\u202e",
    "\u034f",
    "\u{e0020}",
    "\ufeff\n",
  ])("is %o", (text) => {
    expect(isBlank(text)).toBe(true);
  });
  it.each(["a", "·", "é", "é", "日本", "\u200eא", "👩‍🚀", "­soft"])("is not %o", (text) => {
    expect(isBlank(text)).toBe(false);
  });
});
