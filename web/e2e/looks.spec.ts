import AxeBuilder from "@axe-core/playwright";
import type { Page } from "@playwright/test";
import { add, composer, expect, openMenu, row, settled, signUp, test, webUrl } from "./support";

async function violations(page: Page): Promise<string[]> {
  // What still fades in has less contrast than it will have.
  await page.evaluate(() => {
    const ending = document
      .getAnimations()
      .filter((each) => each.effect?.getComputedTiming().endTime !== Number.POSITIVE_INFINITY);
    return Promise.allSettled(ending.map((each) => each.finished)).then(() => undefined);
  });
  const { violations } = await new AxeBuilder({ page }).analyze();
  return violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(" | ")}`);
}

for (const colorScheme of ["light", "dark"] as const) {
  test(`axe finds nothing on any page, ${colorScheme}`, async ({ page }) => {
    // Twelve looks, each of some seconds where the machine is busy.
    test.setTimeout(240_000);
    await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
    const found: Record<string, string[]> = {};
    const look = async (name: string) => {
      found[name] = await violations(page);
    };
    await page.goto(`${webUrl()}/sign-in?reason=ended&error=x`);
    await look("sign-in");
    await page.goto(`${webUrl()}/sign-up`);
    await page.getByLabel("Password", { exact: true }).fill("short");
    await look("sign-up");
    await page.goto(`${webUrl()}/forgot-password`);
    await look("forgotten password");
    await page.goto(`${webUrl()}/reset-password?token=x`);
    await look("new password");
    await page.goto(`${webUrl()}/nowhere`);
    await look("not found");
    await signUp(page);
    await expect(page.getByRole("heading", { name: "A clear page" })).toBeVisible();
    await look("tasks, none yet");
    await add(page, "Alpha", "Beta", "Gamma");
    await page.getByRole("checkbox", { name: "Beta" }).check();
    await page.getByRole("button", { name: "Delete Gamma" }).click();
    await expect(page.getByRole("button", { name: "Undo" })).toBeVisible();
    await look("tasks, with a notice");
    await page.getByRole("button", { name: "Edit Alpha" }).click();
    await page.getByRole("textbox", { name: "Title" }).fill("");
    await page.keyboard.press("Enter");
    await look("tasks, editing");
    await page.keyboard.press("Escape");
    await page.route(/\/tasks$/, (route) =>
      route.request().method() === "POST" ? route.abort() : route.continue(),
    );
    await composer(page).fill("Unsent");
    await composer(page).press("Enter");
    await expect(row(page, "Unsent")).toContainText("Not saved yet");
    await look("tasks, not saved");
    await page.unroute(/\/tasks$/);
    await settled(page);
    await page.getByRole("searchbox").fill("nothing like it");
    await expect(page.getByText("No tasks match")).toBeVisible();
    await look("tasks, nothing found");
    await page.getByRole("heading", { name: "Tasks", exact: true }).click();
    await page.keyboard.press("?");
    // By name: the notice of a deletion, which may still be there, is a dialog too.
    const shortcuts = page.getByRole("dialog", { name: "Keyboard shortcuts" });
    await expect(shortcuts).toBeVisible();
    await look("shortcuts");
    await page.keyboard.press("Escape");
    await expect(shortcuts).toHaveCount(0);
    await openMenu(page);
    await expect(page.getByRole("menu")).toBeVisible();
    await look("menu");
    await page.getByRole("menuitem", { name: "Account" }).click();
    await expect(page.getByRole("heading", { name: "Account", exact: true })).toBeVisible();
    await look("account");
    await page.getByRole("button", { name: "Delete account…" }).click();
    await expect(page.getByRole("dialog")).toBeVisible();
    await look("delete account");
    expect(Object.fromEntries(Object.entries(found).filter(([, list]) => list.length > 0))).toEqual({});
    expect(Object.keys(found)).toHaveLength(14);
  });
}

test("everything fits 320 pixels, and a finger finds every button", async ({ page }) => {
  await page.setViewportSize({ width: 320, height: 640 });
  const overflow = () =>
    page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
  for (const path of ["/sign-in", "/sign-up", "/forgot-password", "/reset-password?token=x", "/nowhere"]) {
    await page.goto(webUrl() + path);
    expect(await overflow(), path).toBe(0);
  }
  await signUp(page);
  await add(page, "W".repeat(180), "Short one");
  expect(await overflow()).toBe(0);
  const small = await page.locator("button:visible, a:visible").evaluateAll((elements) =>
    elements
      .map((element) => ({
        name: element.ariaLabel ?? element.textContent,
        box: element.getBoundingClientRect(),
      }))
      .filter(({ box }) => box.width > 1 && (box.width < 24 || box.height < 24))
      .map(({ name }) => name),
  );
  expect(small).toEqual([]);
  await page.getByRole("button", { name: "Edit Short one" }).click();
  expect(await overflow()).toBe(0);
  await page.keyboard.press("Escape");
  await openMenu(page);
  expect(await overflow()).toBe(0);
  await page.goto(`${webUrl()}/account`);
  expect(await overflow()).toBe(0);
});
