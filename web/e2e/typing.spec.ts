/** What keys do in the fields and in the list. */
import { add, composer, expect, settled, signUp, stored, storedTitles, test, titles } from "./support";

test.beforeEach(async ({ page }) => {
  await signUp(page);
});

test("three pasted lines are offered as three tasks", async ({ page }) => {
  await composer(page).focus();
  await page.keyboard.insertText("- milk\n- eggs\n- bread");
  await page.getByRole("button", { name: "Add 3 tasks" }).click();
  await settled(page);
  expect(await titles(page)).toEqual(["milk", "eggs", "bread"]);
  expect(await storedTitles(page)).toEqual(["milk", "eggs", "bread"]);
  await composer(page).focus();
  await page.keyboard.insertText("one\nand only");
  await page.getByRole("button", { name: "Add as one" }).click();
  await settled(page);
  expect((await storedTitles(page))[0]).toBe("one and only");
});

test("a description that was typed beside pasted lines stays when they become tasks of their own", async ({
  page,
}) => {
  await composer(page).focus();
  await page.keyboard.insertText("milk\neggs\nbread");
  await page.getByRole("button", { name: "Add a description" }).click();
  const description = page.getByRole("textbox", { name: "Description" });
  await description.fill("for the cake on Sunday");
  await page.getByRole("button", { name: "Add 3 tasks" }).click();
  await settled(page);
  expect(await titles(page)).toEqual(["milk", "eggs", "bread"]);
  await expect(composer(page)).toHaveValue("");
  await expect(composer(page)).toBeFocused();
  await expect(description).toHaveValue("for the cake on Sunday");
  await page.reload();
  await expect(description).toHaveValue("for the cake on Sunday");
});

test("Escape leaves the form, down goes to the first row, up comes back", async ({ page }) => {
  await add(page, "Second", "First");
  await composer(page).fill("stays");
  await composer(page).press("Escape");
  await expect(composer(page)).not.toBeFocused();
  await expect(composer(page)).toHaveValue("stays");
  await page.keyboard.press("n");
  await expect(composer(page)).toBeFocused();
  await page.keyboard.press("ArrowDown");
  await expect(page.getByRole("checkbox", { name: "First" })).toBeFocused();
  await page.keyboard.press("ArrowDown");
  await expect(page.getByRole("checkbox", { name: "Second" })).toBeFocused();
  await page.keyboard.press("ArrowUp");
  await page.keyboard.press("ArrowUp");
  await expect(composer(page)).toBeFocused();
  await expect(composer(page)).toHaveValue("stays");
});

test("keys that an input method needs for itself save, close and empty nothing", async ({
  page,
  context,
}) => {
  await add(page, "Tokyo");
  const session = await context.newCDPSession(page);
  const safari = async (key: string) => {
    // As Safari sends it: after the composition has ended, with the code of an input method's key.
    const press = { key, code: key, windowsVirtualKeyCode: 229, nativeVirtualKeyCode: 229 };
    await session.send("Input.dispatchKeyEvent", { type: "rawKeyDown", ...press });
    await session.send("Input.dispatchKeyEvent", { type: "keyUp", ...press });
  };
  const compose = (text: string) =>
    session.send("Input.imeSetComposition", { text, selectionStart: text.length, selectionEnd: text.length });
  await composer(page).focus();
  await compose("とうきょう");
  await page.keyboard.press("Enter");
  await expect(page.locator("[data-row]")).toHaveCount(1);
  await session.send("Input.insertText", { text: "東京" });
  await safari("Enter");
  await expect(composer(page)).toHaveValue(/東京/);
  await expect(page.locator("[data-row]")).toHaveCount(1);
  await page.getByRole("button", { name: "Edit Tokyo" }).click();
  for (const key of ["Enter", "Escape"]) {
    await safari(key);
    await expect(page.getByRole("textbox", { name: "Title" })).toBeFocused();
  }
  await page.keyboard.press("Escape");
  await page.getByRole("searchbox").fill("tok");
  await safari("Escape");
  await expect(page.getByRole("searchbox")).toHaveValue("tok");
});

test("a key held down ticks one task, and Ctrl+Z takes the tick back", async ({ page }) => {
  await add(page, "Third", "Second", "First");
  await page.getByRole("checkbox", { name: "First" }).focus();
  await page.keyboard.down("x");
  for (let repeat = 0; repeat < 3; repeat += 1) await page.keyboard.down("x");
  await page.keyboard.up("x");
  await expect(page.getByRole("link", { name: "Done 1" })).toBeVisible();
  await page.keyboard.press("Control+z");
  await expect(page.getByRole("checkbox", { name: "First" })).toBeFocused();
  await settled(page);
  expect((await stored(page)).filter(({ completed }) => completed)).toEqual([]);
});
