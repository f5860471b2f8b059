import type { Metadata } from "next";
import { Account } from "@/components/account/account";
import { Early } from "@/components/early";
import { hasPassword } from "@/lib/server/has-password";
import { mailWorks } from "@/lib/server/mail";
import { personOrSignIn } from "@/lib/server/person";
import { settings } from "@/lib/server/settings";

export const metadata: Metadata = { title: "Account" };

export default async function AccountPage() {
  const person = await personOrSignIn("/account");
  return (
    person && (
      <>
        <Early />
        <Account
          person={person}
          hasPassword={await hasPassword()}
          mail={mailWorks()}
          apiUrl={settings().apiUrl}
        />
      </>
    )
  );
}
