/** One person's tasks at the service, typed from its own description of itself. The only place that builds its URLs. */
import createClient from "openapi-fetch";
import { ApiProblem, asProblem, isAbort } from "./problem";
import type { components, paths } from "./schema";

export type Task = components["schemas"]["Task"];
export type TaskPage = components["schemas"]["TaskPage"];
export type Counts = components["schemas"]["Counts"];
export type TaskInput = components["schemas"]["TaskInput"];
export type TaskPatch = components["schemas"]["TaskPatch"];

/** A task with the ETag under which the service knows this version. */
export interface Tagged {
  task: Task;
  etag: string | null;
}

export const PAGE = 100;
/** The most the service gives at once. */
export const LARGEST_PAGE = 200;

interface Listing {
  completed: boolean;
  q?: string;
  cursor: string | undefined;
  limit?: number;
}

interface Answer<T> {
  data?: T;
  response: Response;
}

/** Reading the answer can fail too: a page in HTML with status 200, a connection cut half-way. */
async function ask<T>(asked: Promise<Answer<T>>): Promise<Answer<T>> {
  try {
    return await asked;
  } catch (error) {
    throw isAbort(error) ? error : asProblem(error);
  }
}

/** An answer that is 2xx but carries nothing is not ours: a portal, a proxy. */
async function need<T>(asked: Promise<Answer<T>>): Promise<T> {
  const { data } = await ask(asked);
  if (data === undefined) throw new ApiProblem("broken");
  return data;
}

async function tagged(asked: Promise<Answer<Task>>): Promise<Tagged> {
  const { data, response } = await ask(asked);
  if (data === undefined) throw new ApiProblem("broken");
  return { task: data, etag: response.headers.get("ETag") };
}

/** As the contract has it: a stream has no schema that types could be made from. */
interface EventPaths {
  "/api/{user_id}/events": {
    get: {
      parameters: { path: { user_id: string }; query: { origin: string } };
      responses: { 200: { content: { "text/event-stream": string } } };
    };
  };
}

const matching = (etag: string | null | undefined) => (etag ? { "If-Match": etag } : {});

export class TasksApi {
  private readonly client;
  private readonly streams;

  /** `owner` goes into every path, so that a token of somebody else is refused instead of answered. */
  constructor(
    baseUrl: string,
    private readonly owner: string,
    fetch: (request: Request) => Promise<Response>,
    /** The name under which this browser's own changes go, while the service tells of the others. */
    origin: () => string | undefined = () => undefined,
  ) {
    const send = (request: Request) => {
      const name = request.method === "GET" ? undefined : origin();
      if (name) request.headers.set("X-Origin", name);
      return fetch(request);
    };
    this.client = createClient<paths>({ baseUrl, fetch: send });
    this.streams = createClient<EventPaths>({ baseUrl, fetch });
  }

  /** Server-sent events about changes by anybody else than `origin`, until the token ends. */
  async events(origin: string, signal: AbortSignal): Promise<ReadableStream<Uint8Array>> {
    const params = { path: { user_id: this.owner }, query: { origin } };
    const headers = { Accept: "text/event-stream" };
    return need(
      this.streams.GET("/api/{user_id}/events", { params, headers, signal, parseAs: "stream" }) as Promise<
        Answer<ReadableStream<Uint8Array>>
      >,
    );
  }

  private one(id: string) {
    return { user_id: this.owner, id };
  }

  async list({ completed, q, cursor, limit = PAGE }: Listing, signal?: AbortSignal): Promise<TaskPage> {
    const query = { completed, limit, ...(q && { q: q.normalize("NFC") }), ...(cursor && { cursor }) };
    return need(
      this.client.GET("/api/{user_id}/tasks", { params: { path: { user_id: this.owner }, query }, signal }),
    );
  }

  async counts(signal?: AbortSignal): Promise<Counts> {
    const path = { user_id: this.owner };
    return need(this.client.GET("/api/{user_id}/tasks/counts", { params: { path }, signal }));
  }

  async get(id: string): Promise<Tagged> {
    return tagged(this.client.GET("/api/{user_id}/tasks/{id}", { params: { path: this.one(id) } }));
  }

  /** A repeat with the same key makes no second task. */
  async add(body: TaskInput, key: string): Promise<Tagged> {
    const params = { path: { user_id: this.owner }, header: { "Idempotency-Key": key } };
    return tagged(this.client.POST("/api/{user_id}/tasks", { params, body }));
  }

  async edit(id: string, body: TaskPatch, etag: string | null): Promise<Tagged> {
    const params = { path: this.one(id), header: matching(etag) };
    return tagged(this.client.PATCH("/api/{user_id}/tasks/{id}", { params, body }));
  }

  async setCompleted(id: string, completed: boolean): Promise<Tagged> {
    const params = { path: this.one(id) };
    return tagged(this.client.PATCH("/api/{user_id}/tasks/{id}/complete", { params, body: { completed } }));
  }

  async remove(id: string, etag: string | null): Promise<void> {
    const params = { path: this.one(id), header: matching(etag) };
    await ask(this.client.DELETE("/api/{user_id}/tasks/{id}", { params }));
  }

  /** Deletes the completed tasks that were last changed at `until` (RFC 3339) or before. Returns how many. */
  async clearCompleted(until: string): Promise<number> {
    const query = { completed: true, until };
    const params = { path: { user_id: this.owner }, query };
    return (await need(this.client.DELETE("/api/{user_id}/tasks", { params }))).deleted;
  }
}
