/** Tasks for tests. A test names the members that matter to it; the others have the values of a task just written. */
import type { Task } from "@/lib/api/tasks";
import { NOTHING_TYPED, readWords, type Words } from "@/lib/tasks/fields";
import type { Base } from "@/lib/tasks/ops";

export const AT = "2026-11-21T09:00:00Z";

export const words = (changes: Partial<Words> = {}): Words => ({
  ...readWords({ ...NOTHING_TYPED, title: "a" }),
  ...changes,
});

export const base = (changes: Partial<Base> = {}): Base => ({ ...words(), updatedAt: AT, ...changes });

export const task = (changes: Partial<Task> = {}): Task => ({
  id: "t",
  ...words(),
  completed: false,
  created_at: AT,
  updated_at: AT,
  ...changes,
});
