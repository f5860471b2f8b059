import type { Metadata } from "next";
import { Account } from "@/components/account/account";
import { Early } from "@/components/early";
import { hasPassword } from "@/lib/server/has-password";
import { mailWorks } from "@/lib/server/mail";
import { personOrSignIn } from "@/lib/server/person";
import { settings } from "@/lib/server/settings";

export const metadata: Metadata = { title: "Account" };

export default async function AccountPage({ searchParams }: PageProps<"/account">) {
  // Where the link of a mail leads, with Better Auth's reason when it refused the link.
  const { error } = await searchParams;
  const person = await personOrSignIn(error === undefined ? "/account" : "/account?error=link");
  return (
    person && (
      <>
        <Early />
        <Account
          person={person}
          hasPassword={await hasPassword()}
          mail={mailWorks()}
          linkRefused={error !== undefined}
          apiUrl={settings().apiUrl}
        />
      </>
    )
  );
}
