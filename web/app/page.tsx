/** The front door leads to the tasks; the tasks page sends on whoever has to sign in first. */
import { redirect } from "next/navigation";
import { HOME } from "@/lib/next-path";

export default function Front() {
  redirect(HOME);
}
