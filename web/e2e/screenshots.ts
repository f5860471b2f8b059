/** Not a test: the pictures of docs/screenshots, taken of the real thing. */
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Page } from "@playwright/test";
import {
  change,
  composer,
  control,
  expect,
  openMenu,
  row,
  signIn,
  signOut,
  signUp,
  somebody,
  test,
  webUrl,
} from "./support";

const FOLDER = join(dirname(fileURLToPath(import.meta.url)), "..", "..", "docs", "screenshots");
const WIDE = { width: 1040, height: 800 };
const PHONE = { width: 390, height: 760 };

/** With SHOTS_IN=<folder>: every state also there, wide and narrow, light and dark, to be looked through. */
const ALL = process.env.SHOTS_IN;

async function shoot(page: Page, name: string): Promise<void> {
  // Fonts and transitions at rest, and no caret that blinks differently each time.
  const still = { animations: "disabled", caret: "hide" } as const;
  await page.evaluate(() => window.scrollTo(0, 0));
  await page.screenshot({ path: join(FOLDER, `${name}.png`), ...still });
  const size = page.viewportSize();
  if (!ALL || !size) return;
  const wasDark = await page.evaluate(() => matchMedia("(prefers-color-scheme: dark)").matches);
  for (const colorScheme of ["light", "dark"] as const) {
    await page.emulateMedia({ colorScheme });
    for (const [kind, viewport] of Object.entries({ wide: size, phone: PHONE })) {
      await page.setViewportSize(viewport);
      await page.screenshot({ path: join(ALL, `${name}.${kind}.${colorScheme}.png`), ...still });
    }
    await page.setViewportSize(size);
  }
  await page.emulateMedia({ colorScheme: wasDark ? "dark" : "light" });
}

const TODAY: readonly [string, string?][] = [
  ["Return the library books"],
  [
    "Ask Babbage about the carry mechanism",
    "He said Thursday. Bring the drawings of the mill, and the table of the first twelve numbers.",
  ],
  ["Water the plants on the landing"],
  ["Write note G", "The method, the table, and a word on what the engine can not do: it originates nothing."],
  ["Buy lamp oil"],
];

async function fill(page: Page): Promise<void> {
  for (const [title, description] of [...TODAY].reverse()) {
    await composer(page).fill(title);
    if (description) {
      await page.getByRole("button", { name: "Add a description" }).click();
      await page.getByRole("textbox", { name: "Description" }).fill(description);
    }
    await composer(page).press("Enter");
    await expect(row(page, title)).toBeVisible();
  }
  await page.getByRole("checkbox", { name: "Buy lamp oil" }).check();
  await expect(page.getByRole("list", { name: "Completed tasks" })).toBeVisible();
  await expect(page.locator("[data-saving]")).toHaveCount(0);
  await page.getByRole("button", { name: "Dismiss" }).click();
  await expect(page.getByRole("button", { name: "Dismiss" })).toHaveCount(0);
  await page.getByRole("heading", { name: "Tasks", exact: true }).click();
}

test("screenshots", async ({ page, context, browser }) => {
  await page.emulateMedia({ colorScheme: "light", reducedMotion: "reduce" });
  await page.setViewportSize(WIDE);
  await page.goto(`${webUrl()}/sign-in`);
  await shoot(page, "sign-in");
  await page.goto(`${webUrl()}/sign-up`);
  await shoot(page, "sign-up");
  await page.goto(`${webUrl()}/forgot-password`);
  await shoot(page, "forgot-password");
  const person = await signUp(page, { ...somebody(), email: `ada.${Date.now() % 10_000}@example.org` });
  await expect(page.getByRole("heading", { name: "A clear page" })).toBeVisible();
  await shoot(page, "empty");
  await fill(page);
  await shoot(page, "tasks");

  await page.emulateMedia({ colorScheme: "dark" });
  await shoot(page, "tasks-dark");
  await openMenu(page);
  await expect(page.getByRole("menu")).toBeVisible();
  await shoot(page, "menu-dark");
  await page.keyboard.press("Escape");
  await page.emulateMedia({ colorScheme: "light" });

  await page.getByRole("button", { name: "Edit Write note G" }).click();
  await shoot(page, "editing");
  await change(page, "Write note G", { title: "Write notes A to G" });
  await page.getByRole("textbox", { name: "Title" }).fill("Write note G, with the table");
  await page.keyboard.press("Enter");
  await expect(page.getByText("This task was changed somewhere else")).toBeVisible();
  await page.setViewportSize({ ...WIDE, height: 1120 });
  await shoot(page, "conflict");
  await page.setViewportSize(WIDE);
  await page.getByRole("button", { name: "Use the one there" }).click();

  await page.getByRole("button", { name: "Delete Return the library books" }).click();
  await expect(page.getByRole("button", { name: "Undo" })).toBeVisible();
  await shoot(page, "undo");
  await page.getByRole("button", { name: "Undo" }).click();

  await page.getByRole("searchbox").fill("the");
  await expect(page.locator("mark").first()).toBeVisible();
  await shoot(page, "search");
  await page.getByRole("searchbox").fill("sealing wax");
  await expect(page.getByText("No tasks match")).toBeVisible();
  await shoot(page, "nothing-found");
  await page.getByRole("searchbox").fill("");
  await expect(row(page, "Water the plants")).toBeVisible();

  await context.setOffline(true);
  await composer(page).fill("Send the proofs to Taylor");
  await composer(page).press("Enter");
  await expect(row(page, "Send the proofs")).toContainText("Not saved yet");
  await shoot(page, "offline");
  await context.setOffline(false);
  await expect(page.getByTestId("connection")).toHaveCount(0);

  await page.getByRole("heading", { name: "Tasks", exact: true }).click();
  await page.keyboard.press("?");
  await expect(page.getByRole("dialog")).toBeVisible();
  await shoot(page, "shortcuts");
  await page.keyboard.press("Escape");

  let release: () => void = () => {};
  const held = new Promise<void>((resolve) => {
    release = resolve;
  });
  await page.route(/\/tasks(\?|\/counts)/, async (route) => {
    await held;
    await route.continue().catch(() => {}); // the page may have moved on by then
  });
  await control("api/stop");
  await page.reload();
  await expect(page.getByText("Loading your tasks")).toBeAttached();
  await shoot(page, "loading");
  release();
  await expect(page.getByRole("heading", { name: "can't be reached" })).toBeVisible();
  await shoot(page, "error");
  await control("api/start");
  await expect(row(page, "Water the plants")).toBeVisible();
  await page.unrouteAll({ behavior: "ignoreErrors" });

  await page.goto(`${webUrl()}/account`);
  await shoot(page, "account");
  await page.getByRole("button", { name: "Delete account…" }).click();
  await expect(page.getByRole("dialog")).toBeVisible();
  await shoot(page, "delete-account");
  await page.goto(`${webUrl()}/nowhere`);
  await shoot(page, "not-found");

  // With a finger, as a phone would.
  const pocket = await browser.newContext({
    viewport: PHONE,
    hasTouch: true,
    isMobile: true,
    deviceScaleFactor: 2,
    storageState: await context.storageState(),
    reducedMotion: "reduce",
  });
  const phone = await pocket.newPage();
  await phone.goto(`${webUrl()}/tasks`);
  await expect(row(phone, "Water the plants")).toBeVisible();
  await shoot(phone, "phone");
  await phone.emulateMedia({ colorScheme: "dark" });
  await phone.getByRole("button", { name: "Edit Send the proofs" }).tap();
  await shoot(phone, "phone-editing-dark");
  await phone.getByRole("button", { name: "Cancel" }).tap();
  await phone.setViewportSize({ width: 320, height: 640 });
  await shoot(phone, "phone-320");
  await pocket.close();
  await page.emulateMedia({ colorScheme: "light" });
  await page.setViewportSize(WIDE);
  await page.goto(`${webUrl()}/tasks`);
  await signOut(page);
  for (let tries = 0; tries < 6; tries += 1) {
    await signIn(page, { ...person, password: "not this one" });
    await expect(page.getByRole("main").getByText(/don't match|Too many/)).toBeVisible();
    await expect(page.getByRole("button", { name: "Signing in…" })).toHaveCount(0);
  }
  await expect(page.getByRole("main").getByText(/Too many attempts/)).toBeVisible();
  await shoot(page, "sign-in-limited");
});
