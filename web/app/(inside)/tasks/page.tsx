import type { Metadata } from "next";
import { TaskPage } from "@/components/tasks/task-page";
import { personOrSignIn } from "@/lib/server/person";

export const metadata: Metadata = { title: "Tasks" };

export default async function Tasks({ searchParams }: PageProps<"/tasks">) {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(await searchParams))
    if (typeof value === "string") query.set(name, value);
  const search = query.size > 0 ? `?${query}` : "";
  const person = await personOrSignIn(`/tasks${search}`);
  return person && <TaskPage search={search} />;
}
