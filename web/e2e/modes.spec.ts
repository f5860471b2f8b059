/** The page on paper, in high contrast, enlarged, and on a phone. */
import { add, composer, expect, row, signUp, test, webUrl } from "./support";

test.beforeEach(async ({ page }) => {
  await signUp(page);
});

test("in high contrast the chosen filter, the focused field and a ticked box can be told apart", async ({
  page,
}) => {
  await add(page, "Plain", "Ticked");
  await page.emulateMedia({ forcedColors: "active" });
  await page.getByRole("checkbox", { name: "Ticked" }).click();
  const outline = (element: Element) => getComputedStyle(element).outlineStyle;
  expect(await page.getByRole("link", { name: /^All/ }).evaluate(outline)).toBe("solid");
  expect(await page.getByRole("link", { name: /^Open/ }).evaluate(outline)).toBe("none");
  await composer(page).focus();
  expect(await page.locator("form[data-owner]").evaluate(outline)).toBe("solid");
  const background = (element: Element) => getComputedStyle(element).backgroundColor;
  const [ticked, plain] = await Promise.all([
    page.getByRole("checkbox", { name: "Ticked" }).evaluate(background),
    page.getByRole("checkbox", { name: "Plain" }).evaluate(background),
  ]);
  expect(ticked).not.toBe(plain);
});

test("on paper there are dark words on white, and nothing to click, in dark mode too", async ({ page }) => {
  await page.emulateMedia({ colorScheme: "dark" });
  await add(page, "On paper");
  await page.emulateMedia({ colorScheme: "dark", media: "print" });
  await expect(row(page, "On paper")).toBeVisible();
  await expect(composer(page)).toBeHidden();
  await expect(page.getByRole("searchbox")).toBeHidden();
  await expect(page.getByRole("button", { name: "Delete On paper" })).toBeHidden();
  const colour = await row(page, "On paper").evaluate((element) => getComputedStyle(element).color);
  expect(colour).toBe("rgb(0, 0, 0)");
  expect((await page.pdf()).length).toBeGreaterThan(1_000);
});

for (const zoom of [200, 400]) {
  test(`at ${zoom} % nothing is cut off, and what has the focus is seen`, async ({ page }) => {
    // 1280 pixels at this zoom are that many fewer in CSS.
    await page.setViewportSize({ width: (1280 * 100) / zoom, height: (900 * 100) / zoom });
    await add(page, ...Array.from({ length: 8 }, (_, index) => `Number ${index}`), "W".repeat(120));
    const overflow = await page.evaluate(
      () => document.documentElement.scrollWidth - document.documentElement.clientWidth,
    );
    expect(overflow).toBe(0);
    await page.keyboard.press("Escape");
    for (let step = 0; step < 6; step += 1) await page.keyboard.press("j");
    const seen = await page.evaluate(() => {
      const { left, top, width, height } = (document.activeElement as Element).getBoundingClientRect();
      const hit = document.elementFromPoint(left + width / 2, top + height / 2);
      return hit === document.activeElement;
    });
    expect(seen).toBe(true);
  });
}

test("rows are low, and on a phone the first one is near the top and a button brings up the form", async ({
  page,
}) => {
  await add(page, "Second", "First");
  const height = async () => (await row(page, "First").boundingBox())?.height ?? 0;
  expect(await height()).toBeLessThanOrEqual(48);
  await page.setViewportSize({ width: 390, height: 844 });
  await page.goto(`${webUrl()}/tasks`);
  const top = (await row(page, "First").boundingBox())?.y ?? 999;
  expect(top).toBeLessThanOrEqual(200);
  await expect(composer(page)).toBeHidden();
  await page.getByRole("button", { name: "New task", exact: true }).click();
  await expect(composer(page)).toBeFocused();
  await composer(page).fill("From a phone");
  await composer(page).press("Enter");
  await expect(row(page, "From a phone")).toBeVisible();
});

test("a link in a task is a link to where it says, and opens without the page", async ({ page }) => {
  await add(page, "See https://example.org/a, javascript:alert(1)");
  const links = row(page, "See").getByRole("link");
  await expect(links).toHaveCount(1);
  await expect(links).toHaveAttribute("href", "https://example.org/a");
  await expect(links).toHaveAttribute("rel", /noopener noreferrer/);
});

test("the first rows are in the page as the server sends it", async ({ page }) => {
  await add(page, "In the HTML");
  const html = await (await page.request.get(`${webUrl()}/tasks`)).text();
  expect(html).toContain("In the HTML");
  const done = await (await page.request.get(`${webUrl()}/tasks?show=done`)).text();
  expect(done).not.toContain("In the HTML");
});
