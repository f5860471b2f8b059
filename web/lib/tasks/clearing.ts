/** Deletes the completed tasks that a person saw as completed, and no others. */
import { ApiProblem } from "../api/problem";
import { LARGEST_PAGE, type Task, type TasksApi } from "../api/tasks";
import { sameWords } from "./fields";
import type { ClearOp } from "./ops";
import { compareTimes, lastTouchedFirst } from "./order";

async function completedNow(api: TasksApi): Promise<Task[]> {
  const all: Task[] = [];
  let cursor: string | undefined;
  do {
    const page = await api.list({ completed: true, cursor, limit: LARGEST_PAGE });
    all.push(...page.items);
    cursor = page.next_cursor ?? undefined;
  } while (cursor);
  return all;
}

/**
 * Looks at the list anew first: what somebody completed or rewrote after the person looked is kept. One request deletes
 * everything up to the first such task; the others behind it go one by one, each under its version.
 */
export async function clearSeen(api: TasksApi, { seen, until, open = [] }: ClearOp): Promise<number> {
  const wasSeen = (task: Task) => {
    const words = seen[task.id];
    if (open.includes(task.id)) return false;
    // Not on the page because more had to be loaded: it was counted, and is older than what the service last listed.
    return words ? sameWords(words, task) : until !== undefined && compareTimes(task.updated_at, until) <= 0;
  };
  const now = (await completedNow(api)).sort(lastTouchedFirst).reverse();
  const first = now.findIndex((task) => !wasSeen(task));
  const before = first < 0 ? now : now.slice(0, first);
  const kept = now[first];
  // Of two tasks changed in the same moment one must stay: neither goes with the many.
  const together = before.filter((task) => task.updated_at !== kept?.updated_at);
  const last = together.at(-1);
  let deleted = last ? await api.clearCompleted(last.updated_at) : 0;
  for (const task of now.slice(together.length).filter(wasSeen)) {
    try {
      await api.remove(task.id, `"${task.updated_at}"`);
      deleted += 1;
    } catch (error) {
      // Changed or deleted in this very moment: whatever it is now, it was not seen.
      if (!(error instanceof ApiProblem) || !["changed", "gone"].includes(error.kind)) throw error;
    }
  }
  return deleted;
}
