/** A person's name can be seen. */
import { APIError } from "better-auth/api";
import { isBlank } from "../visible";

/** Where a person types the name; elsewhere a provider sends it. */
const TYPED = new Set(["/sign-up/email", "/update-user", "/admin/create-user", "/admin/update-user"]);

interface Named {
  name?: string | null | undefined;
  email?: string | null | undefined;
}

/** Refuses a name that was typed and shows nothing; for one that a provider sent, takes the e-mail's first part. */
export async function named<T extends Named>(
  user: T,
  context?: { path?: string | undefined } | null,
): Promise<{ data: T }> {
  const { name, email } = user;
  if (typeof name !== "string" || !isBlank(name)) return { data: user };
  if (TYPED.has(context?.path ?? ""))
    throw new APIError("BAD_REQUEST", { code: "INVALID_NAME", message: "The name shows nothing" });
  return { data: { ...user, name: email?.split("@")[0] || "?" } };
}
