/** "3 minutes ago" in the viewer's own calendar, and the exact time. */

const relative = new Intl.RelativeTimeFormat("en", { numeric: "auto" });
const counted = new Intl.RelativeTimeFormat("en", { numeric: "always" });

const MINUTE = 60;
const HOUR = 60 * MINUTE;
const DAY_MS = 24 * HOUR * 1000;

/** A day of the viewer's calendar as a number: no hour is lost or won when the clocks change. */
const dayOf = (date: Date) => Date.UTC(date.getFullYear(), date.getMonth(), date.getDate()) / DAY_MS;
const monthOf = (date: Date) => date.getFullYear() * 12 + date.getMonth();

/** `now` in milliseconds. */
export function relativeTime(iso: string, now: number): string {
  // The service's clock may be a little ahead of this one: nothing was made in the future.
  const then = new Date(Math.min(Date.parse(iso), now));
  const today = new Date(now);
  const seconds = (now - then.getTime()) / 1000;
  if (seconds < MINUTE) return "just now";
  if (seconds < HOUR) return counted.format(-Math.floor(seconds / MINUTE), "minute");
  const days = dayOf(today) - dayOf(then);
  if (days === 0) return counted.format(-Math.floor(seconds / HOUR), "hour");
  if (days < 7) return relative.format(-days, "day");
  const months = monthOf(today) - monthOf(then);
  // "Last week" means a week that began on Sunday or Monday, depending on who reads it; a number means the same to all.
  if (days < 28 || months === 0) return counted.format(-Math.floor(days / 7), "week");
  if (months < 12) return relative.format(-months, "month");
  return counted.format(-Math.floor(months / 12), "year");
}

const exact = new Intl.DateTimeFormat("en", { dateStyle: "full", timeStyle: "short" });

export function exactTime(iso: string): string {
  return exact.format(new Date(iso));
}
