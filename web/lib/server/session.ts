/** Who is asking, for pages: signed in, signed out, or nobody can tell right now. */
import { headers } from "next/headers";
import { cache } from "react";
import { getAuth } from "./auth";

export interface Person {
  id: string;
  name: string;
  email: string;
  emailVerified: boolean;
  since: string;
}

export type Session = { state: "in"; person: Person } | { state: "out" } | { state: "unknown" };

/**
 * For calls while a page is made: a page cannot set cookies, so a session renewed then would go on in the database
 * and end in the browser. The page's script renews it when it asks for a token.
 */
export const AS_IT_IS = { disableRefresh: true } as const;

/** "unknown" when the database cannot be asked: nobody is sent to sign in because of that. */
export const currentSession = cache(async (): Promise<Session> => {
  const asked = await headers();
  try {
    const auth = await getAuth();
    const found = await auth.api.getSession({ headers: asked, query: AS_IT_IS });
    if (!found) return { state: "out" };
    const { id, name, email, emailVerified, createdAt } = found.user;
    return { state: "in", person: { id, name, email, emailVerified, since: createdAt.toISOString() } };
  } catch (error) {
    console.warn(
      `taskward web: a session could not be looked up: ${error instanceof Error ? error.message : "unknown"}`,
    );
    return { state: "unknown" };
  }
});
