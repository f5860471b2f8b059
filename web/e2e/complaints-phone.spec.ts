/** What people complained about on comparable pages of searching, of phones and of slow beginnings, tried on this one. */
import {
  add,
  composer,
  expect,
  holdScripts,
  openMenu,
  row,
  settled,
  signUp,
  stored,
  storedTitles,
  test,
  titles,
  webUrl,
} from "./support";

test.beforeEach(async ({ page }) => {
  await signUp(page);
});

// frigoligo#379, jendrikseipp/rednotebook#36, tsgrp/HPI#113, sailfishos/sailfish-browser#168
test("a search takes signs and umlauts as they are, survives Enter, a reload and Back", async ({ page }) => {
  await add(page, "Plain", "50% off (a.b)* & more?", "Persönlich für Späth");
  const search = page.getByRole("searchbox");
  for (const [typed, found] of [
    ["50% off (", "50% off (a.b)* & more?"],
    [".b)* & m", "50% off (a.b)* & more?"],
    ["PERSÖ", "Persönlich für Späth"],
    ["spa\u0308th", "Persönlich für Späth"],
  ] as const) {
    await search.fill(typed);
    await expect.poll(() => titles(page), typed).toEqual([found]);
    await search.press("Enter");
    await expect.poll(() => new URL(page.url()).searchParams.get("q")).toBe(typed);
    await page.reload();
    await expect(search).toHaveValue(typed);
    await expect.poll(() => titles(page), typed).toEqual([found]);
  }
  await page.getByRole("link", { name: /^Done/ }).click();
  await expect(page.getByText("No completed tasks match")).toBeVisible();
  await page.goBack();
  await expect.poll(() => titles(page)).toEqual(["Persönlich für Späth"]);
});

// hodgef/simple-keyboard#2, inko9nito/bringstuff#18
test("no field is so small that a phone zooms into it", async ({ page }) => {
  await page.setViewportSize({ width: 390, height: 844 });
  await add(page, "Zoom");
  await page.getByRole("button", { name: "Edit Zoom" }).click();
  const sizes = () =>
    page
      .locator("input:not([type=checkbox], [type=radio], [type=file]):visible, textarea:visible")
      .evaluateAll((fields) => fields.map((field) => Number.parseFloat(getComputedStyle(field).fontSize)));
  expect(Math.min(...(await sizes()))).toBeGreaterThanOrEqual(16);
  await page.goto(`${webUrl()}/account`);
  await expect(page.getByRole("heading", { name: "Where you're signed in" })).toBeVisible();
  expect(Math.min(...(await sizes()))).toBeGreaterThanOrEqual(16);
  await page.context().clearCookies();
  for (const path of ["/sign-in", "/sign-up"]) {
    await page.goto(webUrl() + path);
    expect(Math.min(...(await sizes()))).toBeGreaterThanOrEqual(16);
  }
});

// tasks/tasks#4091
test("on a phone the keyboard stays for the next task", async ({ page }) => {
  await page.setViewportSize({ width: 390, height: 844 });
  await add(page, "One");
  await expect(composer(page)).toBeFocused();
  await page.keyboard.type("Two");
  await page.keyboard.press("Enter");
  await expect(composer(page)).toBeFocused();
  await settled(page);
  expect(await storedTitles(page)).toEqual(["Two", "One"]);
});

test.describe("with a finger", () => {
  test.use({ hasTouch: true, viewport: { width: 390, height: 844 } });

  // tmaegel/ntodotxt#102, thatsmanmeet/Tasky#70
  test("a swipe over a task deletes nothing and ticks nothing", async ({ page, context }) => {
    await add(page, "Swiped");
    await composer(page).press("Escape");
    const box = await row(page, "Swiped").boundingBox();
    if (!box) throw new Error("no box");
    const session = await context.newCDPSession(page);
    for (const xDistance of [180, -180]) {
      const from = { x: box.x + box.width / 2 - xDistance / 2, y: box.y + box.height / 2 };
      await session.send("Input.synthesizeScrollGesture", { ...from, xDistance, gestureSourceType: "touch" });
    }
    await expect(page.getByRole("checkbox", { name: "Swiped" })).not.toBeChecked();
    expect(await stored(page)).toMatchObject([{ title: "Swiped", completed: false }]);
  });
});

// page.md names what is typed into fields; a tick is an answer too
test("a tick made before the script runs is kept, shown and sent", async ({ page }) => {
  await add(page, "Other", "Early tick");
  const release = await holdScripts(page);
  await page.goto(`${webUrl()}/tasks`, { waitUntil: "commit" });
  await page.getByRole("checkbox", { name: "Early tick" }).click();
  await openMenu(page);
  release();
  await expect(page.getByRole("menu")).toBeVisible();
  await page.keyboard.press("Escape");
  await expect.poll(async () => (await stored(page)).filter(({ completed }) => completed).length).toBe(1);
  await expect(page.getByRole("checkbox", { name: "Early tick" })).toBeChecked();
  await expect(page.getByRole("checkbox", { name: "Other" })).not.toBeChecked();
});
