/** Two devices are one list. */
import type { Page, Request } from "@playwright/test";
import { add, change, composer, expect, row, signIn, signUp, test, webUrl } from "./support";

test("what one device does is on the other by itself, words half-typed or not", async ({ page, browser }) => {
  const person = await signUp(page);
  await add(page, "Shared");
  const phone = await (await browser.newContext()).newPage();
  const heard = phone.waitForResponse((response) => response.url().includes("/events?") && response.ok());
  await phone.goto(`${webUrl()}/sign-in`);
  await signIn(phone, person);
  await expect(row(phone, "Shared")).toBeVisible();
  await heard;
  await composer(phone).fill("half a thought");
  await add(page, "From the desk");
  await expect(row(phone, "From the desk")).toBeVisible();
  await expect(phone.getByRole("link", { name: "All 2" })).toBeVisible();
  await row(phone, "Shared").getByRole("checkbox").click();
  await expect(page.getByRole("checkbox", { name: "Shared" })).toBeChecked();
  await expect(composer(phone)).toHaveValue("half a thought");
  await phone.context().close();
});

test("one tab of a browser holds the stream, and its own changes are not told to it", async ({
  page,
  context,
}) => {
  const streams: string[] = [];
  context.on("request", (request) => request.url().includes("/events?") && streams.push(request.url()));
  await signUp(page);
  await expect.poll(() => streams.length).toBe(1);
  const other = await context.newPage();
  await other.goto(`${webUrl()}/tasks`);
  await add(page, "Told by the first tab");
  await expect(row(other, "Told by the first tab")).toBeVisible();
  await change(page, "Told by the first tab", { title: "Changed by a script" });
  await expect(row(other, "Changed by a script")).toBeVisible();
  await expect(row(page, "Changed by a script")).toBeVisible();
  expect(streams).toHaveLength(1);
});

test("a tab that is hidden for a minute lets go of the stream, and another one takes it", async ({
  page,
  context,
}) => {
  /** How many streams a page has opened, and how many of those have ended. */
  const opened = new Map<Page, number>();
  const ended = new Map<Page, number>();
  const count = (into: Map<Page, number>) => (request: Request) => {
    const by = request.frame().page();
    if (request.url().includes("/events?")) into.set(by, (into.get(by) ?? 0) + 1);
  };
  context.on("request", count(opened));
  context.on("requestfailed", count(ended));
  const open = (by: Page) => (opened.get(by) ?? 0) - (ended.get(by) ?? 0);
  await page.clock.install();
  await signUp(page);
  await expect.poll(() => open(page)).toBe(1);
  const other = await context.newPage();
  await other.goto(`${webUrl()}/tasks`);
  await add(page, "Before");
  await expect(row(other, "Before")).toBeVisible();
  const show = (state: "hidden" | "visible") =>
    page.evaluate((visibilityState) => {
      Object.defineProperty(document, "visibilityState", { value: visibilityState, configurable: true });
      document.dispatchEvent(new Event("visibilitychange"));
    }, state);
  await show("hidden");
  await page.clock.fastForward("00:30");
  expect([open(page), open(other)]).toEqual([1, 0]);
  await page.clock.fastForward("00:31");
  await expect.poll(() => [open(page), open(other)]).toEqual([0, 1]);
  await change(other, "Before", { title: "While it was hidden" });
  await expect(row(other, "While it was hidden")).toBeVisible();
  // Seen again, it shows what is there now, and leaves the stream where it is.
  await show("visible");
  await expect(row(page, "While it was hidden")).toBeVisible();
  expect([open(page), open(other)]).toEqual([0, 1]);
});
