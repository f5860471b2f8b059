"use client";
/** Single keys for the whole page: never while typing, never over a dialog, and only for who wants them. */
import { useEffect, useRef } from "react";
import { shortcutsOn } from "@/lib/preferences";

const TYPING = "input:not([type=checkbox]), textarea, select, [contenteditable]";
const BUSY = "[role=dialog][data-open], [role=alertdialog][data-open], [role=menu]";

export type Shortcuts = Readonly<Record<string, () => void>>;

export function useShortcuts(shortcuts: Shortcuts): void {
  const latest = useRef(shortcuts);
  useEffect(() => {
    latest.current = shortcuts;
  });
  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || event.isComposing)
        return;
      if (event.target instanceof Element && event.target.closest(TYPING)) return;
      if (
        document.querySelector(BUSY) &&
        !(event.target instanceof Element && event.target.closest("[data-row]"))
      )
        return;
      const act = latest.current[event.key];
      if (!act || !shortcutsOn()) return;
      event.preventDefault();
      act();
    };
    document.addEventListener("keydown", onKey);
    return () => document.removeEventListener("keydown", onKey);
  }, []);
}
