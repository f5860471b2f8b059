/** The process lives: for a container's health check. Says nothing of the database, which restarts nobody. */
export const dynamic = "force-dynamic";

export function GET(): Response {
  return Response.json({ status: "ok" }, { headers: { "Cache-Control": "no-store" } });
}
