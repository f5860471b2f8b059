import type { Metadata } from "next";
import { Account } from "@/components/account/account";
import { hasPassword } from "@/lib/server/has-password";
import { personOrSignIn } from "@/lib/server/person";

export const metadata: Metadata = { title: "Account" };

export default async function AccountPage() {
  const person = await personOrSignIn("/account");
  return person && <Account person={person} hasPassword={await hasPassword()} />;
}
