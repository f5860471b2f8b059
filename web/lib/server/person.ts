/** The guard of every page behind sign-in. */
import { redirect } from "next/navigation";
import { signInPath } from "../next-path";
import { currentSession, type Person } from "./session";

/** Whoever is signed in; undefined when nobody can tell (the layout says so). Redirects when nobody is. */
export async function personOrSignIn(path: string): Promise<Person | undefined> {
  const session = await currentSession();
  if (session.state === "out") redirect(signInPath(path));
  return session.state === "in" ? session.person : undefined;
}
