/** Not a test: how long the first row takes on a slow phone, and what is transferred for it. Run: npm run measure */
import { add, expect, row, signUp, test, webUrl } from "./support";

// What browsers call slow 3G: 400 kbit/s and 400 ms there and back.
const SLOW_3G = { offline: false, latency: 400, downloadThroughput: 50_000, uploadThroughput: 50_000 };

test("the first row on slow 3G, with nothing in the browser's cache", async ({ page, context }) => {
  test.setTimeout(120_000);
  await signUp(page);
  await add(page, ...Array.from({ length: 20 }, (_, index) => `Task number ${index}`));
  const session = await context.newCDPSession(page);
  await session.send("Network.enable");
  await session.send("Network.setCacheDisabled", { cacheDisabled: true });
  await session.send("Network.emulateNetworkConditions", SLOW_3G);
  await page.goto("about:blank");
  const sizes = new Map<string, number>();
  const scripts = new Set<string>();
  session.on(
    "Network.responseReceived",
    ({ requestId, type }) => type === "Script" && scripts.add(requestId),
  );
  session.on("Network.loadingFinished", ({ requestId, encodedDataLength }) =>
    sizes.set(requestId, encodedDataLength),
  );
  const began = Date.now();
  await page.goto(`${webUrl()}/tasks`, { waitUntil: "commit" });
  await expect(row(page, "Task number 19")).toBeVisible({ timeout: 60_000 });
  const first = Date.now() - began;
  await page.waitForFunction(
    () => Object.keys(document.querySelector("[data-home]") ?? {}).some((key) => key.startsWith("__react")),
    undefined,
    { timeout: 60_000 },
  );
  const awake = Date.now() - began;
  // What is loaded after that, before anybody asks for it. The stream of events keeps the network from being idle.
  await page.waitForTimeout(3_000);
  const script = [...sizes].filter(([id]) => scripts.has(id)).reduce((sum, [, size]) => sum + size, 0);
  console.warn(`first row ${first} ms, awake ${awake} ms, script ${Math.round(script / 1024)} KiB`);
});
