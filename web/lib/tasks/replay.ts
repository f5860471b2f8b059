/** Sends one change and says how it went. Lost updates are impossible: words go out under If-Match only. */
import { ApiProblem, asProblem } from "../api/problem";
import type { Tagged, Task, TasksApi } from "../api/tasks";
import type { Change } from "./cache";
import { clearSeen } from "./clearing";
import { patchOf, sameWords, type Words, wordsOf } from "./fields";
import type { Base, DeleteOp, EditOp, Failure, Op } from "./ops";
import type { Outcome } from "./outbox";

const MOST_TRIES = 3;

/** The versions this page has met, so that an edit need not ask for one first. */
export class Versions {
  private readonly known = new Map<string, { etag: string; words: Words }>();

  remember({ task, etag }: Tagged): void {
    if (etag) this.known.set(task.id, { etag, words: task });
    else this.known.delete(task.id);
  }

  /**
   * The service's ETag is a task's `updated_at` in quotes, so one from a list has its version with it. Should that ever
   * change, the first attempt is answered 412 and the version is asked for.
   */
  of(id: string, base: Base): string {
    const found = this.known.get(id);
    return found && sameWords(found.words, base) ? found.etag : `"${base.updatedAt}"`;
  }
}

/** Somebody else changed the very words the person was looking at. */
class Conflict extends Error {
  constructor(readonly theirs: Task) {
    super("conflict");
  }
}

export function failureOf({ kind, message, fields }: ApiProblem, theirs?: Task): Failure {
  return { kind, message, fields, theirs };
}

export class Replay {
  constructor(
    private readonly api: TasksApi,
    private readonly versions: Versions,
    /** Tells this page's cache and the other tabs what the service confirmed. */
    private readonly publish: (change: Change) => Promise<void>,
  ) {}

  readonly send = async (op: Op): Promise<Outcome> => {
    try {
      return { state: "done", ...(await this.perform(op)) };
    } catch (error) {
      if (error instanceof Conflict) {
        return { state: "failed", failure: failureOf(new ApiProblem("changed"), error.theirs) };
      }
      const problem = asProblem(error);
      if (problem.passing) return { state: "later", problem };
      if (problem.kind === "gone") return this.gone(op, problem);
      return { state: "failed", failure: failureOf(problem) };
    }
  };

  private async perform(op: Op): Promise<{ becomes?: string; deleted?: number }> {
    switch (op.kind) {
      case "add": {
        const added = await this.api.add(wordsOf(op), op.id);
        await this.confirm(added);
        return { becomes: added.task.id };
      }
      case "toggle":
        await this.confirm(await this.api.setCompleted(op.taskId, op.completed));
        return {};
      case "edit":
        await this.edit(op);
        return {};
      case "delete":
        await this.remove(op);
        return {};
      case "clear": {
        const deleted = await clearSeen(this.api, op);
        await this.publish({ kind: "cleared", seen: op.seen });
        return { deleted };
      }
    }
  }

  private async gone(op: Op, problem: ApiProblem): Promise<Outcome> {
    if (op.kind === "add" || op.kind === "clear") return { state: "failed", failure: failureOf(problem) };
    // Deleted by somebody else, or by an earlier attempt whose answer was lost: as wished.
    if (op.kind === "delete") {
      await this.publish({ kind: "deleted", id: op.taskId });
      return { state: "done" };
    }
    // With an edit the row stays as long as the words in it need a place.
    if (op.kind === "toggle") await this.publish({ kind: "deleted", id: op.taskId });
    return { state: "failed", failure: failureOf(problem) };
  }

  private async confirm(result: Tagged): Promise<void> {
    this.versions.remember(result);
    await this.publish({ kind: "saved", task: result.task });
  }

  /** The ETag of the newest version, if it is still as the person saw it. Raises `Conflict` with the task if not. */
  private async newest(id: string, asSeen: (task: Task) => boolean): Promise<string | null> {
    const current = await this.api.get(id);
    await this.confirm(current);
    if (!asSeen(current.task)) throw new Conflict(current.task);
    return current.etag;
  }

  private async underMatch(
    id: string,
    base: Base,
    asSeen: (task: Task) => boolean,
    act: (etag: string | null) => Promise<void>,
  ): Promise<void> {
    let etag: string | null = this.versions.of(id, base);
    for (let tries = 0; tries < MOST_TRIES; tries += 1) {
      try {
        return await act(etag);
      } catch (error) {
        if (!(error instanceof ApiProblem) || error.kind !== "changed") throw error;
        etag = await this.newest(id, asSeen);
      }
    }
    throw new ApiProblem("busy");
  }

  private async edit(op: EditOp): Promise<void> {
    const { taskId, base } = op;
    try {
      // Only words count: that somebody ticked the task meanwhile is no conflict, just a newer version to name.
      await this.underMatch(
        taskId,
        base,
        (task) => sameWords(task, base),
        async (etag) => await this.confirm(await this.api.edit(taskId, patchOf(op, base), etag)),
      );
    } catch (error) {
      // An earlier attempt arrived and its answer was lost: what is there now is what was wanted.
      if (error instanceof Conflict && sameWords(error.theirs, op)) return;
      throw error;
    }
  }

  private async remove({ taskId, base, completed }: DeleteOp): Promise<void> {
    const asSeen = (task: Task) => sameWords(task, base) && task.completed === completed;
    await this.underMatch(taskId, base, asSeen, (etag) => this.api.remove(taskId, etag));
    await this.publish({ kind: "deleted", id: taskId });
  }
}
