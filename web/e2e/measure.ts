/** Not a test: the figures of the closing note, measured in the same Chromium. Run: npm run measure */
import { add, apiUrl, authorization, expect, row, signUp, test, tokenOf, webUrl } from "./support";

const MANY = 1_000;
const LOADS = 5;

const median = (values: number[]): number =>
  [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
const report = (what: string, value: string) => console.warn(`${what.padEnd(58)} ${value}`);

test("bytes of script, time to the first usable input, and a thousand tasks", async ({ page, context }) => {
  test.setTimeout(240_000);
  await signUp(page);
  await add(page, "Something");
  const session = await context.newCDPSession(page);
  await session.send("Network.enable");
  await session.send("Network.setCacheDisabled", { cacheDisabled: true });
  let transferred = 0;
  let files = 0;
  const scripts = new Set<string>();
  session.on(
    "Network.responseReceived",
    ({ requestId, type }) => type === "Script" && scripts.add(requestId),
  );
  session.on("Network.loadingFinished", ({ requestId, encodedDataLength }) => {
    if (!scripts.has(requestId)) return;
    transferred += encodedDataLength;
    files += 1;
  });
  await page.reload({ waitUntil: "load" });
  await expect(row(page, "Something")).toBeVisible();
  report(
    "JavaScript on the tasks page, transferred",
    `${Math.round(transferred / 1024)} KiB in ${files} files`,
  );

  const usable: number[] = [];
  const listed: number[] = [];
  for (let load = 0; load < LOADS; load += 1) {
    await page.goto(`${webUrl()}/tasks`, { waitUntil: "commit" });
    usable.push(
      await page.evaluate(
        () =>
          new Promise<number>((resolve) => {
            // Usable: it is there, focused, and React listens to the form around it.
            const look = () => {
              const field = document.querySelector("[data-home]");
              const awake = field && Object.keys(field).some((key) => key.startsWith("__react"));
              if (awake && document.activeElement === field) resolve(performance.now());
              else requestAnimationFrame(look);
            };
            look();
          }),
      ),
    );
    await expect(row(page, "Something")).toBeVisible();
    listed.push(await page.evaluate(() => performance.now()));
  }
  report(
    "First usable input after navigation (warm server, no cache)",
    `${Math.round(median(usable))} ms, median of ${LOADS}`,
  );
  report("List on the page", `${Math.round(median(listed))} ms`);

  const tasks = `${apiUrl()}/api/me/tasks`;
  const token = await tokenOf(page);
  for (let from = 0; from < MANY; from += 50) {
    const batch = Array.from({ length: 50 }, async (_, index) =>
      page.request.post(tasks, {
        headers: await authorization(page, "POST", tasks, token),
        data: { title: `Task number ${from + index}` },
      }),
    );
    await Promise.all(batch);
  }
  await page.reload();
  const more = page.getByRole("button", { name: "Load more" });
  await expect(more).toBeVisible();
  while (await more.isVisible()) {
    const before = await page.locator("[data-row]").count();
    await more.click();
    await expect.poll(() => page.locator("[data-row]").count()).toBeGreaterThan(before);
  }
  expect(await page.locator("[data-row]").count()).toBe(MANY + 1);
  const frames = await page.evaluate(
    () =>
      new Promise<number[]>((resolve) => {
        const times: number[] = [];
        let last = performance.now();
        const step = (now: number) => {
          times.push(now - last);
          last = now;
          window.scrollBy(0, 400);
          const end = window.innerHeight + window.scrollY >= document.documentElement.scrollHeight - 2;
          if (end || times.length > 300) resolve(times.slice(2));
          else requestAnimationFrame(step);
        };
        window.scrollTo(0, 0);
        requestAnimationFrame(step);
      }),
  );
  const slow = frames.filter((ms) => ms > 50).length;
  report(
    `${MANY} rows: scrolling from top to bottom`,
    `median frame ${median(frames).toFixed(1)} ms, ${slow} of ${frames.length} over 50 ms`,
  );
  await page.evaluate(() => window.scrollTo(0, 0));
  const shown = await page.evaluate(
    () =>
      new Promise<number>((resolve) => {
        const field = document.querySelector<HTMLInputElement>("[data-home]");
        if (field) field.value = "On top of a thousand";
        const began = performance.now();
        field?.form?.requestSubmit();
        const look = () => {
          const first = document.querySelector("[data-row] [id^=title-]")?.textContent;
          if (first === "On top of a thousand") resolve(performance.now() - began);
          else requestAnimationFrame(look);
        };
        look();
      }),
  );
  report(`${MANY} rows: Enter to the new row on the page`, `${Math.round(shown)} ms`);
});
