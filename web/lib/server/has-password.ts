/** Whether the person has a password here, or signs in through another provider only. */
import { headers } from "next/headers";
import { getAuth } from "./auth";
import { AS_IT_IS } from "./session";

export async function hasPassword(): Promise<boolean> {
  const asked = await headers();
  const auth = await getAuth();
  const accounts = await auth.api.listUserAccounts({ headers: asked, query: AS_IT_IS });
  return accounts.some(({ providerId }) => providerId === "credential");
}
