/** Asking for a link to choose a new password. */
import type { Metadata } from "next";
import { notFound } from "next/navigation";
import { ForgotPasswordForm } from "@/components/auth/forgot-password-form";
import { mailWorks } from "@/lib/server/mail";

export const metadata: Metadata = { title: "Forgotten password" };

export default function ForgotPassword() {
  if (!mailWorks()) notFound();
  return <ForgotPasswordForm />;
}
