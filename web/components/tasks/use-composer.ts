"use client";
/** The form for new tasks: what is typed, what waits from before, and what becomes of it. */
import { type KeyboardEvent, useEffect, useRef, useState, useSyncExternalStore } from "react";
import { announce } from "@/lib/announce";
import { wake } from "@/lib/early";
import {
  DETAILS,
  FIELDS,
  isBlank,
  lengthOf,
  linesOf,
  NOTHING_TYPED,
  readWords,
  type Typed,
  type Words,
} from "@/lib/tasks/fields";
import { useDesk } from "../desk-provider";
import { firstCheck, focusMain, hideComposer } from "./focus";
import { useWords } from "./use-words";

const { most } = FIELDS.title;

const NO_DRAFTS: readonly Typed[] = [];

/** Unfinished new tasks of this page; those that pages before it left come after the form's own text. */
function useFresh(): readonly Typed[] {
  const { work } = useDesk();
  return useSyncExternalStore(
    work.subscribe,
    () => work.snapshot().fresh,
    () => NO_DRAFTS,
  );
}

/** What the form for new tasks does. */
export function useComposer(onAdd: (words: Words) => void) {
  const desk = useDesk();
  const fresh = useFresh();
  const [details, setDetails] = useState(false);
  const [own, setOwn] = useState(NOTHING_TYPED);
  const { form, problems, typed, fill, focus, check, handlers } = useWords({
    onTyped: note,
    onSubmit: submit,
    onEscape: leave,
  });
  // The form's own text is the first of the drafts, if there is one.
  const waiting = isBlank(own) ? fresh : fresh.slice(1);
  const [draft] = waiting;

  function note(text: Typed) {
    setOwn(text);
    desk.work.keepFresh([text, ...waiting]);
  }

  function show(text: Typed, rest: readonly Typed[]) {
    fill(text);
    setDetails(DETAILS.some((name) => text[name]));
    setOwn(text);
    desk.work.keepFresh([text, ...rest]);
  }

  // What was typed and clicked before the script ran. What was added then comes from the browser's store or from memory.
  const begin = useRef(() => {
    for (const text of wake()) add(readWords({ ...NOTHING_TYPED, ...text }));
    if (!isBlank(typed())) note(typed());
  });
  useEffect(() => begin.current(), []);

  // Taken up once, as the page opens; later ones are offered, and never put under somebody's fingers.
  const opened = useRef(false);
  useEffect(() => {
    if (opened.current || !draft) return;
    opened.current = true;
    if (isBlank(typed())) show(draft, waiting.slice(1));
  });

  function add(words: Words) {
    opened.current = true;
    desk.add(words);
    onAdd(words);
  }

  function empty() {
    show(NOTHING_TYPED, waiting);
    focus("title");
  }

  function submit() {
    // Enter on an empty line is a slip, not a mistake worth a message; words without a title are one.
    if (isBlank(typed())) return focus("title");
    const words = check();
    if (!words) return;
    empty();
    add(words);
  }

  function split(lines: readonly string[]) {
    const tooLong = lines.filter((line) => lengthOf(line) > most);
    // What became no task stays: lines that are too long for a title, and a description.
    show({ ...typed(), title: tooLong.join("\n") }, waiting);
    focus("title");
    // The first line is the newest task, so that they stand in the list as they were pasted.
    const fitting = lines.filter((line) => !tooLong.includes(line));
    for (const title of fitting.toReversed()) add(readWords({ ...NOTHING_TYPED, title }));
    announce(`Added ${fitting.length} tasks`);
  }

  function leave() {
    hideComposer();
    focusMain();
  }

  /** Down, from the last line of what is typed, goes on to the list. */
  function goDown(event: KeyboardEvent) {
    const { target } = event;
    if (event.key !== "ArrowDown" || event.shiftKey || event.nativeEvent.isComposing) return;
    if (!(target instanceof HTMLTextAreaElement)) return;
    const oneLine = target.clientHeight < 2 * Number.parseFloat(getComputedStyle(target).lineHeight);
    const atEnd = target.selectionStart === target.value.length;
    const first = firstCheck();
    if (!first || !(oneLine || atEnd)) return;
    event.preventDefault();
    first.focus();
  }

  const lines = linesOf(own.title);
  const shown = details || DETAILS.some((name) => problems[name]);
  return {
    form,
    handlers,
    goDown,
    problems,
    own,
    draft,
    lines,
    shown,
    submit,
    split: () => split(lines),
    toggleDetails: () => {
      setDetails(!shown);
      if (!shown) requestAnimationFrame(() => focus("description"));
    },
    /** What is in the form waits in its turn. */
    takeUp: (next: Typed) => {
      show(next, isBlank(typed()) ? waiting.slice(1) : [...waiting.slice(1), typed()]);
      focus("title", true);
    },
    discard: () => desk.work.keepFresh([typed(), ...waiting.slice(1)]),
  };
}
