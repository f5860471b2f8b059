/** Behind sign-in. The pages themselves decide who may see them; this only frames those who may. */
import type { ReactNode } from "react";
import { DeskProvider } from "@/components/desk-provider";
import { Header } from "@/components/header";
import { Unavailable } from "@/components/unavailable";
import { currentSession } from "@/lib/server/session";
import { settings } from "@/lib/server/settings";
import styles from "./inside.module.css";

export default async function Inside({ children }: { children: ReactNode }) {
  const session = await currentSession();
  if (session.state === "unknown") {
    return (
      <main className={styles.main}>
        <Unavailable />
      </main>
    );
  }
  // The page redirects in this very request; there is nobody to frame.
  if (session.state === "out") return children;
  const { person } = session;
  return (
    <DeskProvider owner={person.id} apiUrl={settings().apiUrl}>
      <a className="skip" href="#main">
        Skip to content
      </a>
      <Header name={person.name} email={person.email} />
      <main id="main" tabIndex={-1} className={styles.main}>
        {children}
      </main>
    </DeskProvider>
  );
}
