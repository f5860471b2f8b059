/** Finding and focusing tasks on the page, by the key of their row. */
import { COMPOSING } from "@/lib/early";

export const checkId = (rowKey: string) => `check-${rowKey}`;

export function allChecks(): HTMLElement[] {
  return [...document.querySelectorAll<HTMLElement>("[data-check]")];
}

export const firstCheck = (): HTMLElement | undefined => allChecks()[0];

/** The form for new tasks; on a phone it comes up first. */
export function focusHome(): void {
  document.documentElement.dataset[COMPOSING] = "";
  document.querySelector<HTMLElement>("[data-home]")?.focus();
}

export function hideComposer(): void {
  delete document.documentElement.dataset[COMPOSING];
}

/** The page as a whole: single keys work there, and none of them touches a task. */
export function focusMain(): void {
  document.getElementById("main")?.focus({ preventScroll: true });
}

export function focusSearch(): void {
  const field = document.querySelector<HTMLInputElement>("[data-search]");
  field?.focus();
  field?.select();
}

const FRAMES = 20;

/** Focuses what is not on the page yet: looks again with each frame, for a third of a second. */
export function focusSoon(find: () => HTMLElement | null | undefined, frames = FRAMES): void {
  const found = find();
  if (found) found.focus({ preventScroll: false });
  else if (frames > 0) requestAnimationFrame(() => focusSoon(find, frames - 1));
}

/** The check box `step` rows from the one that has the focus; the first one when none has. */
export function neighbour(step: number): HTMLElement | undefined {
  const checks = allChecks();
  const row = document.activeElement?.closest("[data-row]");
  const index = checks.findIndex((check) => row?.contains(check));
  if (index < 0) return checks[step > 0 ? 0 : checks.length - 1];
  return checks[index + step];
}

/** True in a field where letters are text. */
export const isTextField = (element: Element | null): boolean =>
  Boolean(
    element?.matches("textarea, input:not([type=checkbox], [type=radio], [type=button]), [contenteditable]"),
  );
