/** Finding and focusing tasks on the page, by the key of their row. */

export const checkId = (rowKey: string) => `check-${rowKey}`;

export function allChecks(): HTMLElement[] {
  return [...document.querySelectorAll<HTMLElement>("[data-check]")];
}

export function focusHome(): void {
  document.querySelector<HTMLElement>("[data-home]")?.focus();
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
