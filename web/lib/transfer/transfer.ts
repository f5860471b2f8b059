/** All of a person's tasks out of the service, and tasks of a file into it. */
import { ApiProblem } from "../api/problem";
import type { Task, TaskPage } from "../api/tasks";
import { problemsOf, readWords, type Words } from "../tasks/fields";
import type { Draft } from "./file";

type Send = (request: Request) => Promise<Response>;

interface Service {
  apiUrl: string;
  owner: string;
  send: Send;
}

const PAGE = 200;
const LONGEST_PAUSES = 5;

const path = ({ apiUrl, owner }: Service) => `${apiUrl}/api/${encodeURIComponent(owner)}/tasks`;

/** Newest first. */
export async function allTasks(service: Service): Promise<Task[]> {
  const tasks: Task[] = [];
  let cursor: string | null = "";
  while (cursor !== null) {
    const query = new URLSearchParams({ limit: String(PAGE), ...(cursor && { cursor }) });
    const response = await service.send(new Request(`${path(service)}?${query}`));
    const page = (await response.json()) as TaskPage;
    tasks.push(...page.items);
    cursor = page.next_cursor;
  }
  return tasks;
}

/** 53 bits of a text (cyrb53), in hex. */
function digest(text: string): string {
  let [high, low] = [0xdeadbeef, 0x41c6ce57];
  for (const character of text) {
    const code = character.codePointAt(0) ?? 0;
    high = Math.imul(high ^ code, 2_654_435_761);
    low = Math.imul(low ^ code, 1_597_334_677);
  }
  high = Math.imul(high ^ (high >>> 16), 2_246_822_507) ^ Math.imul(low ^ (low >>> 13), 3_266_489_909);
  low = Math.imul(low ^ (low >>> 16), 2_246_822_507) ^ Math.imul(high ^ (high >>> 13), 3_266_489_909);
  return (4_294_967_296 * (2_097_151 & low) + (high >>> 0)).toString(16);
}

export interface Imported {
  added: number;
  /** In the account already: exported from it, or imported before. */
  known: number;
  /** Without a title, or too long. */
  unfit: number;
}

/** One task. Waits when the service says that it is busy. True when it was new. */
async function put(service: Service, key: string, body: Words & { completed: boolean }): Promise<boolean> {
  for (let pauses = 0; ; pauses += 1) {
    try {
      const headers = { "Content-Type": "application/json", "Idempotency-Key": key };
      const request = new Request(path(service), { method: "POST", headers, body: JSON.stringify(body) });
      return (await service.send(request)).status === 201;
    } catch (error) {
      if (!(error instanceof ApiProblem) || error.kind !== "busy" || pauses >= LONGEST_PAUSES) throw error;
      await new Promise((resolve) => setTimeout(resolve, (error.retryAfter ?? 2) * 1000));
    }
  }
}

/**
 * Adds what is not there yet; the same file again adds nothing. The last of the file goes first, because the service
 * lists the newest first.
 */
export async function importTasks(
  service: Service,
  drafts: readonly Draft[],
  onProgress: (done: number) => void,
): Promise<Imported> {
  const here = new Set((await allTasks(service)).map(({ id }) => id));
  const counted: Imported = { added: 0, known: 0, unfit: 0 };
  const seen = new Map<string, number>();
  for (const [at, { id, typed, completed }] of [...drafts].reverse().entries()) {
    const words = readWords(typed);
    const body = { ...words, completed };
    const content = digest(JSON.stringify([id, body]));
    const times = (seen.get(content) ?? 0) + 1;
    seen.set(content, times);
    if (id && here.has(id)) counted.known += 1;
    else if (Object.keys(problemsOf(words)).length > 0) counted.unfit += 1;
    else if (await put(service, `import-${id?.slice(0, 64) ?? ""}-${content}-${times}`, body))
      counted.added += 1;
    else counted.known += 1;
    onProgress(at + 1);
  }
  return counted;
}
