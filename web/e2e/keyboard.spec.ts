import { add, composer, expect, row, signUp, test } from "./support";

test("a list is worked through without a mouse, and the focus never falls to the body", async ({ page }) => {
  await signUp(page);
  await add(page, "Alpha", "Beta", "Gamma");
  await page.evaluate(() => {
    const falls: string[] = [];
    (window as unknown as { falls: string[] }).falls = falls;
    const look = () => {
      if (document.activeElement === document.body) falls.push(new Error().stack ?? "");
      requestAnimationFrame(look);
    };
    requestAnimationFrame(look);
  });
  const check = (name: string) => page.getByRole("checkbox", { name });
  await composer(page).press("Tab");
  await page.keyboard.press("Tab");
  await page.keyboard.press("j");
  await expect(check("Gamma")).toBeFocused();
  await page.keyboard.press("j");
  await page.keyboard.press("j");
  await expect(check("Alpha")).toBeFocused();
  await page.keyboard.press("k");
  await expect(check("Beta")).toBeFocused();
  await page.keyboard.press("x");
  await expect(check("Beta")).toBeChecked();
  await expect(check("Alpha")).toBeFocused();
  await page.keyboard.press("e");
  await page.keyboard.press("End");
  await page.keyboard.type(" njx?/");
  await page.keyboard.press("Enter");
  await expect(check("Alpha njx?/")).toBeFocused();
  await page.keyboard.press("Delete");
  await expect(row(page, "Alpha")).toHaveCount(0);
  await page.keyboard.press("u");
  await expect(check("Alpha njx?/")).toBeFocused();
  await page.keyboard.press("/");
  await expect(page.getByRole("searchbox")).toBeFocused();
  await page.keyboard.press("Tab");
  await page.keyboard.press("n");
  await expect(composer(page)).toBeFocused();
  await composer(page).press("Tab");
  await page.keyboard.press("?");
  await expect(page.getByRole("dialog", { name: "Keyboard shortcuts" })).toBeVisible();
  await page.keyboard.press("n");
  await expect(page.getByRole("dialog")).toBeVisible();
  await page.getByRole("switch").click();
  await page.keyboard.press("Escape");
  await expect(page.getByRole("dialog")).toHaveCount(0);
  await page.keyboard.press("n");
  await expect(composer(page)).not.toBeFocused();
  expect(await page.evaluate(() => (window as unknown as { falls: string[] }).falls)).toEqual([]);
});

// Next's own announcer speaks when one page becomes another; it is not the page's.
const LIVE = ["[aria-live]:not([aria-live=off])", "[role=status]", "[role=alert]", "[role=log]"]
  .map((selector) => `body > :not(next-route-announcer) ${selector}, body > ${selector}`)
  .join(", ");

test("changes are said in the one polite live region", async ({ page }) => {
  await signUp(page);
  const regions = page.locator(LIVE);
  await expect(regions).toHaveCount(1);
  await expect(regions).toHaveAttribute("aria-live", "polite");
  const status = page.locator("body > [role=status]");
  await add(page, "Say it");
  await expect(status).toHaveText("Added Say it");
  await page.getByRole("checkbox", { name: "Say it" }).click();
  await expect(status).toHaveText("Say it: done");
  await page.getByRole("button", { name: "Delete Say it" }).click();
  await expect(status).toContainText("Deleted Say it");
  await expect(page.getByRole("button", { name: "Undo" })).toBeVisible();
  await expect(regions).toHaveCount(1);
});
