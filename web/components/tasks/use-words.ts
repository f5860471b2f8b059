"use client";
/** A form for the words of a task, new or not: its texts, what is wrong with them, and the keys that send them. */
import { type FormEvent, type KeyboardEvent, type RefObject, useEffect, useRef, useState } from "react";
import { announce } from "@/lib/announce";
import { isComposing } from "@/lib/keys";
import {
  FIELD_NAMES,
  type Field,
  fieldOf,
  NOTHING_TYPED,
  problemsOf,
  readWords,
  type Typed,
  type WordProblems,
  type Words,
} from "@/lib/tasks/fields";

export interface WordsForm {
  form: RefObject<HTMLFormElement | null>;
  problems: WordProblems;
  /** What is in the form now. The fields are uncontrolled: text typed before the script runs stays. */
  typed: () => Typed;
  fill: (typed: Partial<Typed>) => void;
  focus: (name: Field, atEnd?: boolean) => void;
  /** What would be sent, or undefined when something is wrong; then it is said, and its field has the focus. */
  check: () => Words | undefined;
  handlers: {
    onSubmit: (event: FormEvent) => void;
    onInput: () => void;
    onKeyDown: (event: KeyboardEvent) => void;
  };
}

interface WordsFormOptions {
  problems?: WordProblems;
  onTyped: (typed: Typed) => void;
  onSubmit: () => void;
  onEscape: () => void;
}

const isLine = (target: EventTarget | null) =>
  target instanceof HTMLTextAreaElement && fieldOf(target.name as Field).control === "line";

export function useWords(options: WordsFormOptions): WordsForm {
  const form = useRef<HTMLFormElement>(null);
  const [problems, setProblems] = useState<WordProblems>(options.problems ?? {});

  const control = (name: Field) => form.current?.elements.namedItem(name) as HTMLTextAreaElement | null;
  const typed = (): Typed =>
    Object.fromEntries(
      FIELD_NAMES.map((name) => [name, control(name)?.value ?? NOTHING_TYPED[name]]),
    ) as Typed;

  function fill(texts: Partial<Typed>) {
    for (const name of FIELD_NAMES) {
      const field = control(name);
      const text = texts[name];
      if (field && text !== undefined && field.value !== text) field.value = text;
    }
  }

  function focus(name: Field, atEnd = false) {
    const field = control(name);
    field?.focus();
    if (atEnd) field?.setSelectionRange(field.value.length, field.value.length);
  }

  function check(): Words | undefined {
    const words = readWords(typed());
    const found = problemsOf(words);
    setProblems(found);
    const first = FIELD_NAMES.find((name) => found[name]);
    if (!first) return words;
    announce(found[first] ?? "");
    focus(first);
    return undefined;
  }

  function onInput() {
    options.onTyped(typed());
    if (Object.keys(problems).length > 0) setProblems(problemsOf(readWords(typed())));
  }

  /** What the last key said of the line break that may follow it. */
  const lineBreak = useRef<"submits" | "typed" | "composed">("submits");
  function onKeyDown(event: KeyboardEvent) {
    const { target } = event;
    const composed = event.key === "Enter" && isComposing(event.nativeEvent);
    lineBreak.current = composed ? "composed" : event.shiftKey ? "typed" : "submits";
    if (isComposing(event.nativeEvent) || event.defaultPrevented) return;
    if (event.key === "Escape") {
      event.preventDefault();
      options.onEscape();
    }
    if (event.key !== "Enter" || !(target instanceof HTMLTextAreaElement)) return;
    if (!event.ctrlKey && !event.metaKey && !(isLine(target) && !event.shiftKey)) return;
    event.preventDefault();
    // A key held down is one press.
    if (!event.repeat) options.onSubmit();
  }

  // Keyboards on a screen may send no key for Enter, only the line break that it would make. React's own event of
  // this name is another one.
  const submit = useRef(options.onSubmit);
  useEffect(() => {
    submit.current = options.onSubmit;
  });
  useEffect(() => {
    const { current } = form;
    const onBeforeInput = (event: InputEvent) => {
      if (event.isComposing || lineBreak.current === "typed" || !isLine(event.target)) return;
      if (event.inputType !== "insertLineBreak" && event.inputType !== "insertParagraph") return;
      event.preventDefault();
      if (lineBreak.current === "submits") submit.current();
    };
    current?.addEventListener("beforeinput", onBeforeInput);
    return () => current?.removeEventListener("beforeinput", onBeforeInput);
  }, []);

  function onSubmit(event: FormEvent) {
    event.preventDefault();
    options.onSubmit();
  }

  return {
    form,
    problems,
    typed,
    fill,
    focus,
    check,
    handlers: { onSubmit, onInput, onKeyDown },
  };
}
