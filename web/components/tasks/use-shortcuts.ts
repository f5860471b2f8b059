"use client";
/** Single keys for the whole page: never while typing, never over a dialog, and only for people who want them. */
import { useEffect, useRef } from "react";
import { isComposing } from "@/lib/keys";
import { shortcutsOn } from "@/lib/preferences";
import { isTextField } from "./focus";

const BUSY = "dialog[open], [role=dialog][data-open], [role=alertdialog][data-open], [role=menu]";

/** Keys that only move about may repeat while they are held down; the others act once a press. */
const REPEATING = new Set(["j", "k", "ArrowDown", "ArrowUp"]);

export type Shortcuts = Readonly<Record<string, () => void>>;

/** The name of a pressed key in `Shortcuts`: "Mod+z" with Ctrl or ⌘. Undefined where the browser's own meaning stays. */
function nameOf({ key, ctrlKey, metaKey, altKey, shiftKey }: KeyboardEvent): string | undefined {
  if (altKey) return undefined;
  if (ctrlKey || metaKey) return shiftKey ? undefined : `Mod+${key.toLowerCase()}`;
  return key;
}

export function useShortcuts(shortcuts: Shortcuts): void {
  const latest = useRef(shortcuts);
  useEffect(() => {
    latest.current = shortcuts;
  });
  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      const { target } = event;
      if (event.defaultPrevented || isComposing(event)) return;
      if (!(target instanceof Element) || isTextField(target) || target.closest("select")) return;
      if (document.querySelector(BUSY) && !target.closest("[data-row]")) return;
      const name = nameOf(event);
      const act = name && latest.current[name];
      // The switch is for single letters; the others are what every page has.
      if (!act || (name.length === 1 && !shortcutsOn())) return;
      // In the list only, so that elsewhere the arrows scroll.
      if (name.startsWith("Arrow") && !target.closest("[data-row]")) return;
      event.preventDefault();
      if (event.repeat && !REPEATING.has(name)) return;
      act();
    };
    document.addEventListener("keydown", onKey);
    return () => document.removeEventListener("keydown", onKey);
  }, []);
}
