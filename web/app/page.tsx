/** Redirects to the tasks. The tasks page redirects people who are not signed in. */
import { redirect } from "next/navigation";
import { HOME } from "@/lib/next-path";

export default function Front() {
  redirect(HOME);
}
