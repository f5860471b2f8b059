/** The members of a task that a person writes. Each is declared here once; forms, drafts, changes and checks follow. */
import { LIMITS } from "../api/limits";
import type { Task } from "../api/tasks";
import { isBlank as showsNothing } from "../visible";

/** One line that wraps, where Enter saves, or a text with line breaks. */
export type Control = "line" | "text";

interface FieldOf<Value> {
  label: string;
  placeholder: string;
  control: Control;
  /** The most characters, as the service counts them. */
  most: number;
  /** Said when nothing is written. Undefined: may be left empty. */
  required?: string;
  /** The value that a text in the form stands for. */
  read: (text: string) => Value;
  write: (value: Value) => string;
}

/** Without NUL, which the service refuses; composed (NFC), so that é from a Mac is the é of every other keyboard. */
const clean = (text: string) => text.replaceAll("\0", "").normalize("NFC").trim();

export const FIELDS = {
  title: {
    label: "Title",
    placeholder: "What needs doing?",
    control: "line",
    most: LIMITS.title,
    required: "A task needs a title.",
    read: (text: string) => clean(text).replace(/\s*[\r\n]+\s*/g, " "),
    write: (value: string) => value,
  },
  description: {
    label: "Description",
    placeholder: "Anything worth remembering about it",
    control: "text",
    most: LIMITS.description,
    read: (text: string) => clean(text) || null,
    write: (value: string | null) => value ?? "",
  },
} satisfies { [name in keyof Task]?: FieldOf<Task[name]> };

export type Field = keyof typeof FIELDS;
/** What a person writes about a task, as the service has it. */
export type Words = Pick<Task, Field>;
/** The same as text in a form. */
export type Typed = Record<Field, string>;
export type WordProblems = Partial<Record<Field, string>>;

export const FIELD_NAMES = Object.keys(FIELDS) as Field[];

/** All but the title, which is the task's name on the page. */
export type Detail = Exclude<Field, "title">;
export const DETAILS = FIELD_NAMES.filter((name): name is Detail => name !== "title");

export const fieldOf = (name: Field) => FIELDS[name] as FieldOf<Task[Field]>;

function each<T>(make: (name: Field) => T): Record<Field, T> {
  return Object.fromEntries(FIELD_NAMES.map((name) => [name, make(name)])) as Record<Field, T>;
}

export const NOTHING_TYPED: Typed = each(() => "");

export const isBlank = (typed: Typed): boolean => FIELD_NAMES.every((name) => !typed[name].trim());

export const wordsOf = (task: Words): Words => each((name) => task[name]) as Words;

export const typedOf = (words: Words): Typed => each((name) => fieldOf(name).write(words[name]));

/** Everything a person wrote, as one text to read. */
export const textOf = (words: Words): string => Object.values(typedOf(words)).filter(Boolean).join("\n");

/** What will be sent. */
export const readWords = (typed: Typed): Words => each((name) => fieldOf(name).read(typed[name])) as Words;

const same = (a: Words, b: Words, name: Field) => (a[name] ?? "") === (b[name] ?? "");

export const sameWords = (a: Words, b: Words): boolean => FIELD_NAMES.every((name) => same(a, b, name));

/** The members of `words` that differ from `base`. */
export function patchOf(words: Words, base: Words): Partial<Words> {
  return Object.fromEntries(
    FIELD_NAMES.filter((name) => !same(words, base, name)).map((name) => [name, words[name]]),
  );
}

/** Characters, not UTF-16 units: as the service counts. */
export function lengthOf(text: string): number {
  return [...text].length;
}

export function problemsOf(words: Words): WordProblems {
  const problems: WordProblems = {};
  for (const name of FIELD_NAMES) {
    const { label, most, required, write } = fieldOf(name);
    const text = write(words[name]);
    const over = lengthOf(text) - most;
    if (required && showsNothing(text)) problems[name] = required;
    else if (over > 0)
      problems[name] =
        `A ${label.toLowerCase()} has at most ${most.toLocaleString("en")} characters; this is ${over.toLocaleString("en")} too many.`;
  }
  return problems;
}

/** One text for comparing without regard to case or to how an accent is composed. */
export const folded = (text: string): string => text.normalize("NFC").toLowerCase();

/** The members that the service searches: `listing` in its tasks/sql.py. */
const SEARCHED: readonly Field[] = ["title", "description"];

/** Whether a search for `q` finds a task with these words, as the service searches. */
export function matches(words: Words, q: string): boolean {
  return SEARCHED.some((name) => folded(fieldOf(name).write(words[name])).includes(folded(q)));
}

const BULLET = /^\s*(?:[-*•–]\s+)?(?:\[[ xX]?\]\s+)?/;

/** The tasks that pasted lines may be meant as: each line, without the mark of a list in front. */
export function linesOf(text: string): string[] {
  return text
    .split(/\r\n|\r|\n/)
    .map((line) => clean(line.replace(BULLET, "")))
    .filter(Boolean);
}
