/** Sign in, and go back to where one was. */
import type { Metadata } from "next";
import { redirect } from "next/navigation";
import { Arrived } from "@/components/auth/arrived";
import { Refused } from "@/components/auth/refused";
import { SignInForm } from "@/components/auth/sign-in-form";
import { Unavailable } from "@/components/unavailable";
import { safeNext } from "@/lib/next-path";
import { mailWorks } from "@/lib/server/mail";
import { offers } from "@/lib/server/offers";
import { currentSession } from "@/lib/server/session";
import { settings } from "@/lib/server/settings";

export const metadata: Metadata = { title: "Sign in" };

export default async function SignIn({ searchParams }: PageProps<"/sign-in">) {
  const { next: wanted, reason, error } = await searchParams;
  const next = safeNext(wanted);
  const session = await currentSession();
  if (session.state === "unknown") return <Unavailable />;
  if (session.state === "in") {
    // From another provider. Only a script can tell the other tabs.
    if (reason === "arrived") return <Arrived next={next} />;
    // Signed in, yet the service does not believe it: sending them back at once would go round in circles.
    if (reason !== "refused") redirect(next);
    return (
      <Refused
        next={next}
        owner={session.person.id}
        email={session.person.email}
        apiUrl={settings().apiUrl}
      />
    );
  }
  return (
    <SignInForm
      next={next}
      ended={reason === "ended"}
      failed={error !== undefined}
      offers={offers()}
      mail={mailWorks()}
      notice={reason === "new-password" ? "Your new password is saved. Sign in with it." : undefined}
    />
  );
}
