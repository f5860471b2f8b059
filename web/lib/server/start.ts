/** Start-up: refuse bad settings with a line each, migrate, and keep trying when the database is away. */
import { sweepNowAndThen } from "./farewell";
import { migrate } from "./migrate";
import { BadSettings, settings } from "./settings";

const RETRY_MS = 2_000;

function reason(error: unknown): string {
  // node-postgres joins the attempts on ::1 and 127.0.0.1 in an AggregateError whose own message is empty.
  if (error instanceof AggregateError) return reason(error.errors[0]);
  return error instanceof Error ? error.message : "unknown";
}

/** True when the database said no rather than nothing: waiting will not change a wrong password. */
function isRefusal(error: unknown): boolean {
  const code = error instanceof Error && "code" in error ? String(error.code) : "";
  return /^(28|3D|42)/.test(code);
}

async function keepTrying(): Promise<void> {
  for (;;) {
    await new Promise((resolve) => setTimeout(resolve, RETRY_MS).unref());
    try {
      await migrate();
      console.warn("taskward web: the database is back, accounts are ready");
      return;
    } catch (error) {
      if (isRefusal(error)) console.error(`taskward web: the database refused: ${reason(error)}`);
    }
  }
}

export async function start(): Promise<void> {
  await prepare();
  sweepNowAndThen();
  // server/start.mjs listens only now: nothing is announced as ready before it is.
  const waiting = globalThis as typeof globalThis & { taskwardStarted?: () => void };
  waiting.taskwardStarted?.();
}

async function prepare(): Promise<void> {
  try {
    settings();
  } catch (error) {
    if (!(error instanceof BadSettings)) throw error;
    for (const problem of error.problems) console.error(`taskward web: ${problem}`);
    process.exit(2);
  }
  try {
    await migrate();
  } catch (error) {
    // Like the service: a database that is away is no reason to exit. Pages say so until it answers.
    console.warn(
      `taskward web: the database cannot be used yet (${reason(error)}); trying again in the background`,
    );
    void keepTrying();
  }
}
