/** Clearing the completed tasks takes those that the person saw as completed, and no others. */
import type { Page } from "@playwright/test";
import {
  add,
  change,
  expect,
  failEdits,
  row,
  settled,
  signUp,
  stored,
  storedTitles,
  test,
  webUrl,
} from "./support";

const API = /\/api\/[^/]+\/tasks/;

test.beforeEach(async ({ page }) => {
  await signUp(page);
});

test("clearing takes the tasks that were shown as completed, and says how many that were", async ({
  page,
}) => {
  await add(page, "Rewritten", "Shown open", "Own tick", "Done");
  await change(page, "Done", { completed: true });
  await change(page, "Rewritten", { completed: true });
  await page.reload();
  await expect(page.getByRole("link", { name: "Done 2" })).toBeVisible();
  // This page hears of nothing more, as one on a train would; only what it asks for to clear gets through.
  await page.route(API, (route) => {
    const request = route.request();
    const forClearing = request.method() !== "GET" || request.url().includes("limit=200");
    return forClearing ? route.continue() : route.abort("connectionrefused");
  });
  await change(page, "Shown open", { completed: true });
  await change(page, "Rewritten", { title: "Rewritten, keep me" });
  // The page ticked this one after the other device did: it is newer than what must stay.
  await row(page, "Own tick").getByRole("checkbox").click();
  await expect.poll(async () => (await stored(page)).filter(({ completed }) => completed)).toHaveLength(4);
  await page.getByRole("button", { name: "Clear completed" }).click();
  await page.getByLabel("Notices").getByRole("button", { name: "Dismiss" }).first().click();
  await expect(page.getByLabel("Notices").getByText(/2 tasks were deleted|Deleted 2/)).toBeVisible();
  await expect.poll(() => storedTitles(page)).toEqual(["Shown open", "Rewritten, keep me"]);
});

/** Two completed tasks, as the service lists them. */
async function twoDone(page: Page, ...both: [string, string]): Promise<void> {
  await add(page, ...both);
  for (const title of both) await page.getByRole("checkbox", { name: title }).click();
  await settled(page);
  await page.reload();
  await expect(page.getByRole("link", { name: "Done 2" })).toBeVisible();
}

const states = async (page: Page) => (await stored(page)).map(({ title, completed }) => [title, completed]);

test("a page that is closed after clearing leaves a task that was unticked before, and not sent yet", async ({
  page,
  context,
}) => {
  await twoDone(page, "Not done after all", "Finished");
  // No answer comes before the page is gone. Not by a route: what a page sends as it closes does not get past one.
  await page.evaluate(() => {
    const { fetch } = window;
    window.fetch = (input, init) =>
      new Request(input, init).url.endsWith("/complete") ? new Promise(() => {}) : fetch(input, init);
  });
  await page.getByRole("checkbox", { name: "Not done after all" }).click();
  await expect(page.getByRole("checkbox", { name: "Not done after all" })).not.toBeChecked();
  await page.getByRole("button", { name: "Clear completed" }).click();
  await expect(row(page, "Finished")).toHaveCount(0);
  const other = await context.newPage();
  await page.close({ runBeforeUnload: true });
  await other.goto(`${webUrl()}/tasks`);
  await expect.poll(() => states(other)).toEqual([["Not done after all", false]]);
  await settled(other);
  await expect(other.getByRole("checkbox", { name: "Not done after all" })).not.toBeChecked();
});

test("clearing leaves a task that was unticked behind an edit that failed", async ({ page }) => {
  await twoDone(page, "Keep me", "Finished");
  await failEdits(page);
  await page.getByRole("button", { name: "Edit Keep me" }).click();
  await page.getByRole("textbox", { name: "Title" }).fill("Keep me, rewritten");
  await page.keyboard.press("Enter");
  await expect(row(page, "Keep me, rewritten")).toContainText("Something went wrong on our side.");
  await page.getByRole("checkbox", { name: "Keep me, rewritten" }).click();
  await expect(page.getByRole("list", { name: "Open tasks" })).toContainText("Keep me, rewritten");
  await page.getByRole("button", { name: "Clear completed" }).click();
  await page.getByLabel("Notices").getByRole("button", { name: "Dismiss" }).first().click();
  await expect.poll(() => states(page)).toEqual([["Keep me", true]]);
  await page.unroute(/\/tasks\/[^/]+$/);
  await row(page, "Keep me, rewritten").getByRole("button", { name: "Retry" }).click();
  await expect.poll(() => states(page)).toEqual([["Keep me, rewritten", false]]);
});
