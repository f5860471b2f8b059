"use client";
/**
 * When what has the focus is taken off the page, the focus goes to what took its place: the same task elsewhere, its
 * neighbour, or the page's main field. Never to the body, where a keyboard would have to start over; and never from a
 * text field onto something that keys act on, because the next letters are on their way.
 */
import { useEffect } from "react";
import { isTextField } from "./tasks/focus";

const ROW = "[data-row]";
const CHECK = "[data-check]";

function anchorOf(row: Element | null | undefined): HTMLElement | null {
  return row?.querySelector<HTMLElement>(`${CHECK}, input, textarea, button`) ?? null;
}

function rows(): Element[] {
  return [...document.querySelectorAll(ROW)];
}

/** After the page itself moved the focus to another task: what is pressed now was meant for the one before. */
const GRACE_MS = 600;
const ACTING = new Set(["x", "e", "Delete", " ", "Enter"]);

interface Place {
  element: HTMLElement;
  row: string | undefined;
  index: number;
}

function successor({ element, row, index }: Place): HTMLElement | null {
  const all = rows();
  if (row && !isTextField(element)) {
    const same = anchorOf(all.find((other) => other.getAttribute("data-row") === row));
    if (same) return same;
    const neighbour = anchorOf(all[Math.min(index, all.length - 1)]);
    if (neighbour) return neighbour;
  }
  return document.querySelector<HTMLElement>("[data-home]") ?? document.getElementById("main");
}

export function FocusKeeper() {
  useEffect(() => {
    let place: Place | undefined;
    let graceUntil = 0;
    const onFocus = ({ target }: FocusEvent) => {
      if (!(target instanceof HTMLElement)) return;
      const row = target.closest(ROW);
      place = {
        element: target,
        row: row?.getAttribute("data-row") ?? undefined,
        index: row ? rows().indexOf(row) : -1,
      };
    };
    const onBlur = ({ target, relatedTarget }: FocusEvent) => {
      // Still on the page: the person left it, and where to is theirs to say.
      if (!relatedTarget && target instanceof HTMLElement) {
        queueMicrotask(() => {
          if (target.isConnected && place?.element === target) place = undefined;
        });
      }
    };
    const observer = new MutationObserver(() => {
      if (!place || place.element.isConnected || document.activeElement !== document.body) return;
      const next = successor(place);
      const sameRow = next?.closest(ROW)?.getAttribute("data-row") === place.row;
      if (!sameRow) graceUntil = performance.now() + GRACE_MS;
      next?.focus({ preventScroll: true });
    });
    const onKey = (event: KeyboardEvent) => {
      if (performance.now() > graceUntil || !ACTING.has(event.key) || isTextField(document.activeElement))
        return;
      event.preventDefault();
      event.stopPropagation();
    };
    document.addEventListener("focusin", onFocus);
    document.addEventListener("focusout", onBlur);
    document.addEventListener("keydown", onKey, true);
    observer.observe(document.body, { childList: true, subtree: true });
    return () => {
      document.removeEventListener("focusin", onFocus);
      document.removeEventListener("focusout", onBlur);
      document.removeEventListener("keydown", onKey, true);
      observer.disconnect();
    };
  }, []);
  return null;
}
