/** Tasks as a file, in JSON or CSV, and back. */
import type { Task } from "../api/tasks";
import { FIELD_NAMES, fieldOf, type Typed } from "../tasks/fields";
import { fromCsv, toCsv } from "./csv";

/** What is read from a file: only what a task is made of. */
export interface Draft {
  id: string | undefined;
  typed: Typed;
  completed: boolean;
}

/** Not a file of tasks. */
export class UnknownFile extends Error {}

const COLUMNS = ["id", ...FIELD_NAMES, "completed", "created_at", "updated_at"] as const;
const BYTE_ORDER_MARK = "\ufeff";

export function toJsonFile(tasks: readonly Task[], at: string): string {
  return `${JSON.stringify({ format: "taskward", version: 1, exported_at: at, tasks }, null, 2)}\n`;
}

/** With a byte order mark: spreadsheets take the text for another encoding without it. */
export function toCsvFile(tasks: readonly Task[]): string {
  const rows = tasks.map((task) => COLUMNS.map((column) => String(task[column] ?? "")));
  return BYTE_ORDER_MARK + toCsv([COLUMNS, ...rows]);
}

function draft(entry: unknown): Draft {
  if (typeof entry !== "object" || entry === null) throw new UnknownFile();
  const { id, completed, ...members } = entry as Record<string, unknown>;
  const texts = FIELD_NAMES.map((name) => [name, members[name] ?? ""] as const);
  for (const [name, text] of texts)
    if (typeof text !== "string" || (fieldOf(name).required && typeof members[name] !== "string"))
      throw new UnknownFile();
  return {
    id: typeof id === "string" && id ? id : undefined,
    typed: Object.fromEntries(texts) as Typed,
    completed: completed === true || /^(true|yes|1|x|done)$/i.test(String(completed ?? "")),
  };
}

function fromJson(text: string): Draft[] {
  const read: unknown = JSON.parse(text);
  const tasks = Array.isArray(read) ? read : (read as { tasks?: unknown } | null)?.tasks;
  if (!Array.isArray(tasks)) throw new UnknownFile();
  return tasks.map(draft);
}

function fromTable(text: string): Draft[] {
  const [head = [], ...rows] = fromCsv(text);
  const names = head.map((name) => name.trim().toLowerCase());
  if (FIELD_NAMES.some((name) => fieldOf(name).required && !names.includes(name))) throw new UnknownFile();
  return rows.map((cells) => draft(Object.fromEntries(names.map((name, at) => [name, cells[at] ?? ""]))));
}

/** Raises `UnknownFile` for anything else than what is exported here, or a table with a column `title`. */
export function readFile(text: string): Draft[] {
  const plain = text.startsWith(BYTE_ORDER_MARK) ? text.slice(1) : text;
  try {
    return /^\s*[[{]/.test(plain) ? fromJson(plain) : fromTable(plain);
  } catch (error) {
    throw error instanceof UnknownFile ? error : new UnknownFile("", { cause: error });
  }
}
