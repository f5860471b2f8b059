/** Attempts to lose what was typed. */
import {
  add,
  composer,
  expect,
  openMenu,
  row,
  settled,
  signUp,
  stored,
  storedTitles,
  test,
  webUrl,
} from "./support";

test.beforeEach(async ({ page }) => {
  await signUp(page);
});

const title = "Title";

test("a tab that crashes: what was typed in it is there in the next one", async ({ page, context }) => {
  await add(page, "Edited");
  await composer(page).fill("half a thought");
  await page.getByRole("button", { name: "Edit Edited" }).click();
  await page.getByRole("textbox", { name: title }).fill("Edited, half");
  const crashed = page.waitForEvent("crash");
  await page.goto("chrome://crash").catch(() => {});
  await crashed;
  const next = await context.newPage();
  await next.goto(`${webUrl()}/tasks`);
  await expect(composer(next)).toHaveValue("half a thought");
  await expect(next.getByRole("textbox", { name: title })).toHaveValue("Edited, half");
});

test("a tab that is closed with Enter still on the way: the task is there, once", async ({
  page,
  context,
}) => {
  await page.route(/\/tasks$/, async (route) => {
    if (route.request().method() !== "POST") return route.continue();
    await route.fetch();
    // The answer never arrives: the page is gone by then.
  });
  await composer(page).fill("Written in haste");
  await composer(page).press("Enter");
  await expect(row(page, "Written in haste")).toBeVisible();
  await page.close();
  const next = await context.newPage();
  await next.goto(`${webUrl()}/tasks`);
  await expect(row(next, "Written in haste")).toHaveCount(1);
  await settled(next);
  expect(await storedTitles(next)).toEqual(["Written in haste"]);
});

test("clearing completed tasks does not take the words that are just being written about one", async ({
  page,
}) => {
  await add(page, "Plain", "Reopened in thought");
  for (const name of ["Plain", "Reopened in thought"]) await page.getByRole("checkbox", { name }).click();
  await settled(page);
  await page.getByRole("button", { name: "Edit Reopened" }).click();
  await page.getByRole("textbox", { name: title }).fill("Reopened, and rewritten");
  await page.getByRole("button", { name: "Clear completed" }).click();
  const notice = page.getByLabel("Notices").filter({ hasText: "completed task" });
  await notice.getByRole("button", { name: "Dismiss" }).first().click();
  await expect.poll(async () => (await stored(page)).map((task) => task.title)).not.toContain("Plain");
  const kept = page.getByRole("button", { name: "Keep as a new task" });
  await expect(row(page, "Reopened, and rewritten").or(kept).first()).toBeVisible();
  if (await kept.isVisible()) await kept.click();
  await settled(page);
  expect(await storedTitles(page)).toEqual(["Reopened, and rewritten"]);
});

test("a new version was put in place and this page's files are gone: it says so and goes on", async ({
  page,
}) => {
  await add(page, "There");
  await composer(page).fill("half a thought");
  await page.route(/_next\/static\/.*\.js/, (route) => route.fulfill({ status: 404, body: "gone" }));
  await openMenu(page);
  await expect(page.locator("body > [role=status]")).toContainText("can't be loaded");
  await page.getByRole("heading", { name: "Tasks", exact: true }).click();
  await page.keyboard.press("?");
  // What cannot be shown is done all the same when its time to be undone is over.
  await page.getByRole("button", { name: "Delete There" }).click();
  await expect.poll(() => storedTitles(page)).toEqual([]);
  await expect(composer(page)).toHaveValue("half a thought");
  await page.unroute(/_next\/static\/.*\.js/);
  await page.reload();
  await expect(composer(page)).toHaveValue("half a thought");
  await openMenu(page);
  await expect(page.getByRole("menu")).toBeVisible();
});

test("a page that can load no file but those its HTML names saves what is done on it", async ({ page }) => {
  const html = await (await page.request.get(`${webUrl()}/tasks`)).text();
  await page.route(/_next\/static\/.*\.js/, (route) =>
    html.includes(new URL(route.request().url()).pathname)
      ? route.continue()
      : route.fulfill({ status: 404, body: "gone" }),
  );
  await page.goto(`${webUrl()}/tasks`);
  await add(page, "With what there is");
  await page.getByRole("checkbox", { name: "With what there is" }).click();
  await expect.poll(async () => (await stored(page)).map((task) => task.completed)).toEqual([true]);
});
