/** In which order tasks are shown. */
import type { Task } from "../api/tasks";

const compare = (a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0);

/** Newest first, as the service lists: ids are UUIDv7, whose order is the order of creation. */
export const newestFirst = (a: Task, b: Task): number => compare(b.id, a.id);

/** The service leaves out the zeros at the end of a fraction; without its Z a time is a text that sorts as it should. */
const sortable = (time: string) => time.replace(/Z$/, "");

/** By RFC 3339 times in UTC, to the microsecond, which `Date` does not know. */
export const compareTimes = (a: string, b: string): number => compare(sortable(a), sortable(b));

/** The task that was ticked (or changed) last comes first. */
export const lastTouchedFirst = (a: Task, b: Task): number =>
  compareTimes(b.updated_at, a.updated_at) || newestFirst(a, b);
