/** What happens once, before the first request: settings are checked and Better Auth's tables brought up. */
export async function register(): Promise<void> {
  if (process.env.NEXT_RUNTIME !== "nodejs") return;
  const { start } = await import("./lib/server/start");
  await start();
}
