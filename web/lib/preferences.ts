/** Two choices a person makes about this browser: light or dark, and single-key shortcuts on or off. */
import { useSyncExternalStore } from "react";
import { keep, kept } from "./storage";
import { asTheme, THEME_COOKIE, type Theme } from "./theme";

const YEAR_S = 365 * 24 * 3600;

const listeners = new Set<() => void>();
const subscribe = (listener: () => void) => {
  listeners.add(listener);
  return () => listeners.delete(listener);
};
const changed = () => {
  for (const listener of listeners) listener();
};

/** In a cookie, so that the server writes it into the page and nothing flashes. */
export function setTheme(theme: Theme): void {
  if (theme === "system") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme;
  // biome-ignore lint/suspicious/noDocumentCookie: the Cookie Store API is missing where the page is plain http
  document.cookie = `${THEME_COOKIE}=${theme}; Path=/; Max-Age=${YEAR_S}; SameSite=Lax`;
  changed();
}

export function useTheme(): Theme {
  return useSyncExternalStore(
    subscribe,
    () => asTheme(document.documentElement.dataset.theme),
    () => "system",
  );
}

const SHORTCUTS = "shortcuts";

export function setShortcuts(on: boolean): void {
  keep(SHORTCUTS, on);
  changed();
}

export function shortcutsOn(): boolean {
  return kept<boolean>(SHORTCUTS) ?? true;
}

export function useShortcutsOn(): boolean {
  return useSyncExternalStore(subscribe, shortcutsOn, () => true);
}
