/** "3 minutes ago", and the exact time for whoever wants it. */

const STEPS: readonly [Intl.RelativeTimeFormatUnit, number][] = [
  ["year", 365 * 24 * 3600],
  ["month", 30 * 24 * 3600],
  ["week", 7 * 24 * 3600],
  ["day", 24 * 3600],
  ["hour", 3600],
  ["minute", 60],
];

const relative = new Intl.RelativeTimeFormat("en", { numeric: "auto" });

export function relativeTime(iso: string, now: number): string {
  // The service's clock may be a little ahead of this one: nothing was made in the future.
  const seconds = Math.min(0, (Date.parse(iso) - now) / 1000);
  for (const [unit, length] of STEPS) {
    if (-seconds >= length) return relative.format(Math.ceil(seconds / length), unit);
  }
  return "just now";
}

const exact = new Intl.DateTimeFormat("en", { dateStyle: "full", timeStyle: "short" });

export function exactTime(iso: string): string {
  return exact.format(new Date(iso));
}
