/** Light, dark or as the system has it: read by the server from a cookie, written by the browser. */

export type Theme = "system" | "light" | "dark";

export const THEME_COOKIE = "taskward-theme";

export function asTheme(value: string | undefined): Theme {
  return value === "light" || value === "dark" ? value : "system";
}

/** As text for an inline script: what the server writes into other pages, for the one that is made for nobody. */
export const THEMED = `(() => {
  const [, theme] = document.cookie.match(/(?:^|; )${THEME_COOKIE}=(light|dark)/) ?? [];
  if (theme) document.documentElement.dataset.theme = theme;
})();`;
