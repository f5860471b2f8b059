/** What is said about changes that came out otherwise than the page showed them. */
import type { Failure, Op } from "./ops";

export const completedTasks = (count: number): string =>
  count === 1 ? "1 completed task" : `${count} completed tasks`;

export function deletedInstead(said: number, deleted: number): string {
  const kept = said > deleted ? " What was changed somewhere else meanwhile is still there." : "";
  return `${deleted === 1 ? "1 task was" : `${deleted} tasks were`} deleted.${kept}`;
}

/** A change without words of its own was taken back. */
export function refusalOf(op: Op, { kind, message }: Failure): string {
  if (kind === "gone") return message;
  switch (op.kind) {
    case "toggle":
      return `${message} “${op.title}” is as it was.`;
    case "delete":
      return `${message} “${op.base.title}” was not deleted.`;
    default:
      return `${message} Completed tasks were not deleted.`;
  }
}
