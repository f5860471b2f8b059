/** Behind sign-in. The pages themselves decide who may see them; this only frames those who may. */
import type { ReactNode } from "react";
import { Frame } from "@/components/frame";
import styles from "@/components/frame.module.css";
import { Unavailable } from "@/components/unavailable";
import { currentSession } from "@/lib/server/session";
import { settings } from "@/lib/server/settings";

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
  const { id, name, email } = session.person;
  return (
    <Frame person={{ id, name, email }} apiUrl={settings().apiUrl}>
      {children}
    </Frame>
  );
}
