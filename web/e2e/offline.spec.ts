/** The page without a connection: it opens all the same, with what was there last, and keeps nothing it must not. */
import type { Page } from "@playwright/test";
import {
  add,
  composer,
  expect,
  openMenu,
  row,
  settled,
  signIn,
  signOut,
  signUp,
  storedTitles,
  test,
  webUrl,
} from "./support";

test.use({ serviceWorkers: "allow" });

/** The service worker is at work, and this part of the tasks is remembered, which is written a moment after each change. */
async function ready(page: Page, part: string): Promise<void> {
  await page.evaluate(() => navigator.serviceWorker.ready);
  await expect.poll(() => kept(page)).toContain(part);
}

/** A new person's only task, remembered. */
async function remember(page: Page, title: string) {
  const person = await signUp(page);
  await add(page, title);
  await ready(page, title);
  return person;
}

/** Everything in the browser's store of answers, as text: addresses and bodies. */
async function kept(page: Page): Promise<string> {
  return page.evaluate(async () => {
    const all: string[] = [];
    for (const name of await caches.keys()) {
      const cache = await caches.open(name);
      for (const request of await cache.keys()) {
        const answer = await cache.match(request);
        all.push(`${new URL(request.url).pathname} ${await answer?.text()}`);
      }
    }
    return all.join("\n");
  });
}

const names = (page: Page) => page.evaluate(() => caches.keys());

test("reloaded without a connection, the list is there with everything that was typed, and goes on", async ({
  page,
  context,
}) => {
  await signUp(page);
  await add(page, "Known to the service", "To be edited");
  await page.getByRole("checkbox", { name: "Known" }).check();
  await settled(page);
  await ready(page, '"completed":true');
  await context.setOffline(true);
  await composer(page).fill("Written on the train");
  await composer(page).press("Enter");
  await composer(page).fill("half a thought");
  await page.getByRole("button", { name: "Edit To be edited" }).click();
  await page.getByRole("textbox", { name: "Title" }).fill("To be edited, half a chan");
  await page.reload();
  await expect(page.getByTestId("connection")).toContainText("You're offline.");
  await expect(row(page, "Known to the service")).toBeVisible();
  await expect(page.getByRole("checkbox", { name: "Known" })).toBeChecked();
  await expect(row(page, "Written on the train")).toContainText("Not saved yet");
  await expect(composer(page)).toHaveValue("half a thought");
  await expect(page.getByRole("textbox", { name: "Title" })).toHaveValue("To be edited, half a chan");
  await expect(page.getByRole("button", { name: "Menu of Ada Lovelace" })).toBeVisible();
  await expect(page).toHaveTitle("(2) Tasks · Taskward");
  // Parts that are loaded when they are asked for are there too.
  await openMenu(page);
  await page.getByRole("menuitem", { name: "Keyboard shortcuts" }).click();
  await expect(page.getByRole("dialog")).toBeVisible();
  await page.keyboard.press("Escape");
  await page.getByRole("link", { name: /^Done/ }).click();
  await expect(row(page, "Known to the service")).toBeVisible();
  await page.reload();
  await expect(page).toHaveURL(/show=done/);
  await expect(row(page, "Known to the service")).toBeVisible();
  await page.getByRole("textbox", { name: "Title" }).press("Enter");
  await context.setOffline(false);
  await settled(page);
  expect(await storedTitles(page)).toEqual([
    "Written on the train",
    "To be edited, half a chan",
    "Known to the service",
  ]);
});

test("nothing of the service, of Better Auth and of a page with somebody's name is kept by the worker", async ({
  page,
}) => {
  const person = await remember(page, "Remembered");
  await page.goto(`${webUrl()}/account`);
  await page.goto(`${webUrl()}/tasks`);
  await expect(row(page, "Remembered")).toBeVisible();
  await ready(page, "Remembered");
  const all = await kept(page);
  const paths = all.match(/^\/\S*/gm) ?? [];
  expect(paths.filter((path) => !/^\/(_next\/static\/|shell$|memory$)/.test(path))).toEqual([]);
  expect(paths).toContain("/shell");
  // No token, and no session.
  expect(all).not.toMatch(/eyJ[\w-]+\.eyJ/);
  expect(all).not.toContain("session_token");
  expect(all.split("\n").filter((line) => line.includes(person.email))).toHaveLength(1);
});

test("signing out forgets it; without a connection the next one sees nothing of the one before", async ({
  page,
  context,
}) => {
  await remember(page, "Ada's secret");
  await signOut(page);
  await expect.poll(() => kept(page)).not.toContain("Ada's secret");
  expect(await names(page)).not.toContain("taskward-memory");
  await context.setOffline(true);
  await page.goto(`${webUrl()}/tasks`);
  await expect(page.getByRole("heading", { name: "This page needs a connection" })).toBeVisible();
  await context.setOffline(false);
  // It comes back by itself.
  await expect(page).toHaveURL(/\/sign-in/);
  await signUp(page);
  await add(page, "Bob's own");
  await ready(page, "Bob's own");
  await context.setOffline(true);
  await page.reload();
  await expect(row(page, "Bob's own")).toBeVisible();
  await expect(page.getByText("Ada's secret")).toHaveCount(0);
});

test("a session that ended elsewhere: once that is known, nothing is remembered, and what was typed is", async ({
  page,
  context,
}) => {
  const person = await remember(page, "Remembered");
  await composer(page).fill("half a thought");
  await context.clearCookies();
  await page.reload();
  await expect(page).toHaveURL(/\/sign-in/);
  await expect.poll(() => names(page)).not.toContain("taskward-memory");
  await signIn(page, person);
  await expect(composer(page)).toHaveValue("half a thought");
});

test("a page that cannot be had without a connection says so, and comes when it can", async ({
  page,
  context,
}) => {
  await remember(page, "Remembered");
  await context.setOffline(true);
  await page.goto(`${webUrl()}/account`);
  await expect(page.getByRole("heading", { name: "This page needs a connection" })).toBeVisible();
  await page.getByRole("link", { name: "Your tasks" }).click();
  await expect(row(page, "Remembered")).toBeVisible();
  await page.goto(`${webUrl()}/account`);
  await context.setOffline(false);
  await expect(page.getByRole("heading", { name: "Account", exact: true })).toBeVisible();
});

test("a page that could not be had comes by itself, also where no event says that there is a connection", async ({
  page,
  context,
}) => {
  await remember(page, "Remembered");
  await page.addInitScript(() =>
    window.addEventListener("online", (event) => event.stopImmediatePropagation(), true),
  );
  await context.setOffline(true);
  await page.goto(`${webUrl()}/account`);
  await expect(page.getByRole("heading", { name: "This page needs a connection" })).toBeVisible();
  await context.setOffline(false);
  await expect(page.getByRole("heading", { name: "Account", exact: true })).toBeVisible();
});

test("a new build takes over by itself and keeps the files of the one before for pages that are open", async ({
  page,
}) => {
  await signUp(page);
  await page.evaluate(() => navigator.serviceWorker.ready);
  const shells = async () => (await names(page)).filter((name) => name.startsWith("taskward-shell-"));
  const [current = ""] = await shells();
  await page.evaluate(async () => {
    for (const build of ["1", "2", "3"]) await caches.open(`taskward-shell-${build}`);
    const registration = await navigator.serviceWorker.ready;
    await registration.unregister();
  });
  await page.reload();
  await page.evaluate(() => navigator.serviceWorker.ready);
  await expect.poll(async () => (await shells()).sort()).toEqual([current, "taskward-shell-3"]);
});

test("it can be installed", async ({ page, context }) => {
  await signUp(page);
  await page.evaluate(() => navigator.serviceWorker.ready);
  const session = await context.newCDPSession(page);
  const { errors, data } = await session.send("Page.getAppManifest");
  expect(errors).toEqual([]);
  expect(JSON.parse(data ?? "{}")).toMatchObject({
    name: "Taskward",
    start_url: "/tasks",
    display: "standalone",
  });
  const { installabilityErrors } = await session.send("Page.getInstallabilityErrors");
  // Playwright's contexts are off the record; nothing else may stand in the way.
  expect(installabilityErrors.filter(({ errorId }) => errorId !== "in-incognito")).toEqual([]);
});
