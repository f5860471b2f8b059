import type { Metadata } from "next";
import { Early } from "@/components/early";
import { TaskPage } from "@/components/tasks/task-page";
import { firstPage } from "@/lib/server/first-page";
import { personOrSignIn } from "@/lib/server/person";

export const metadata: Metadata = { title: "Tasks" };

export default async function Tasks({ searchParams }: PageProps<"/tasks">) {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(await searchParams))
    if (typeof value === "string") query.set(name, value);
  const search = query.size > 0 ? `?${query}` : "";
  const person = await personOrSignIn(`/tasks${search}`);
  if (!person) return null;
  const first = await firstPage(person.id, query);
  return (
    <>
      <Early />
      <noscript>
        <p className="card notice">Taskward needs JavaScript to show and keep your tasks.</p>
      </noscript>
      <TaskPage search={search} first={first} />
    </>
  );
}
