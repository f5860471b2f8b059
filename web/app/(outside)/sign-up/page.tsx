/** A new account, signed in at once. */
import type { Metadata } from "next";
import { redirect } from "next/navigation";
import { SignUpForm } from "@/components/auth/sign-up-form";
import { Unavailable } from "@/components/unavailable";
import { safeNext } from "@/lib/next-path";
import { offers } from "@/lib/server/offers";
import { currentSession } from "@/lib/server/session";

export const metadata: Metadata = { title: "Create an account" };

export default async function SignUp({ searchParams }: PageProps<"/sign-up">) {
  const { next: wanted } = await searchParams;
  const next = safeNext(wanted);
  const session = await currentSession();
  if (session.state === "unknown") return <Unavailable />;
  if (session.state === "in") redirect(next);
  return <SignUpForm next={next} offers={offers()} />;
}
