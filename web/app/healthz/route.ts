/** The process lives: for a container's health check. Says nothing of the database, which restarts nobody. */
export const dynamic = "force-dynamic";

export function GET(): Response {
  // `make run` asks by it whether the server that answers is its own.
  const run = process.env.TASKWARD_RUN_ID;
  const headers = { "Cache-Control": "no-store", ...(run && { "X-Taskward-Run": run }) };
  return Response.json({ status: "ok" }, { headers });
}
