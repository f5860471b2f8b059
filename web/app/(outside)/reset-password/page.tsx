/** Where the link of the mail leads: a new password is chosen. */
import type { Metadata } from "next";
import { notFound } from "next/navigation";
import { ResetPasswordForm } from "@/components/auth/reset-password-form";
import { mailWorks } from "@/lib/server/mail";

export const metadata: Metadata = { title: "New password" };

export default async function ResetPassword({ searchParams }: PageProps<"/reset-password">) {
  if (!mailWorks()) notFound();
  const { token } = await searchParams;
  return <ResetPasswordForm token={typeof token === "string" ? token : undefined} />;
}
