/** Deleting a person's tasks through the service before their account goes. */
import { settings } from "./settings";

const PATIENCE_MS = 8_000;

/** The tasks could not be deleted, so the account stays. */
export class TasksRemain extends Error {}

async function call(token: string, method: string, path: string): Promise<void> {
  const response = await fetch(`${settings().apiInternalUrl}/api/me/tasks${path}`, {
    method,
    headers: { Authorization: `Bearer ${token}` },
    signal: AbortSignal.timeout(PATIENCE_MS),
    cache: "no-store",
  });
  if (!response.ok) throw new Error(`${method} answered ${response.status}`);
  await response.body?.cancel();
}

/** Asks first whether the service is well, so that nothing is half deleted when it is not. Raises `TasksRemain`. */
export async function deleteTasksOf(token: string): Promise<void> {
  try {
    await call(token, "GET", "/counts");
    await call(token, "DELETE", "?completed=true");
    await call(token, "DELETE", "?completed=false");
  } catch (error) {
    console.warn(
      `taskward web: an account was not deleted: ${error instanceof Error ? error.message : "unknown"}`,
    );
    throw new TasksRemain("Your tasks could not be deleted just now, so your account is still here.");
  }
}
