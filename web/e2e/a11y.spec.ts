/** What a screen reader is given: the accessibility tree, and what is said when something changes. */
import type { CDPSession, Page } from "@playwright/test";
import { add, composer, expect, openMenu, row, settled, signUp, test, webUrl } from "./support";

interface Node {
  role: string;
  name: string;
  description: string;
  properties: Record<string, unknown>;
}

async function tree(session: CDPSession): Promise<Node[]> {
  const { nodes } = await session.send("Accessibility.getFullAXTree");
  return nodes
    .filter(({ ignored }) => !ignored)
    .map(({ role, name, description, properties = [] }) => ({
      role: String(role?.value ?? ""),
      name: String(name?.value ?? ""),
      description: String(description?.value ?? ""),
      properties: Object.fromEntries(properties.map(({ name, value }) => [name, value.value])),
    }));
}

const CONTROLS = new Set([
  "button",
  "checkbox",
  "combobox",
  "link",
  "menuitem",
  "menuitemradio",
  "radio",
  "searchbox",
  "switch",
  "textbox",
]);

/** Names of controls that are empty, or that a second control on the page has too. */
function unclear(nodes: Node[]): string[] {
  const controls = nodes
    .filter(({ role }) => CONTROLS.has(role))
    .map(({ role, name }) => `${role} “${name}”`);
  // Each of these follows its field at once, and says no more than that it shows it.
  const clear = "button “Show password”";
  return controls.filter((one, at) => one !== clear && (one.includes("“”") || controls.indexOf(one) !== at));
}

function headingLevels(nodes: Node[]): number[] {
  return nodes.filter(({ role }) => role === "heading").map(({ properties }) => Number(properties.level));
}

test("every control has a name of its own, headings go down by one, and the landmarks are there", async ({
  page,
  context,
}) => {
  const session = await context.newCDPSession(page);
  const look = async (where: string, landmarks: string[]) => {
    const nodes = await tree(session);
    expect(unclear(nodes), where).toEqual([]);
    const levels = headingLevels(nodes);
    expect(levels[0], where).toBe(1);
    expect(
      levels.filter((level) => level === 1),
      where,
    ).toHaveLength(1);
    for (const [at, level] of levels.entries())
      expect(level - (levels[at - 1] ?? 0), where).toBeLessThanOrEqual(1);
    expect(
      nodes.map(({ role }) => role),
      where,
    ).toEqual(expect.arrayContaining(landmarks));
    return nodes;
  };
  await page.goto(`${webUrl()}/sign-in`);
  await look("sign-in", ["main"]);
  await page.goto(`${webUrl()}/sign-up`);
  await look("sign-up", ["main"]);
  await signUp(page);
  await add(page, "Alpha", "Beta");
  await page.getByRole("checkbox", { name: "Alpha" }).click();
  await settled(page);
  await page.getByRole("button", { name: "Dismiss" }).click();
  const nodes = await look("tasks", ["banner", "main", "navigation", "search", "form", "list"]);
  const boxes = nodes.filter(({ role }) => role === "checkbox");
  expect(boxes.map(({ name, properties }) => [name, properties.checked])).toEqual([
    ["Beta", "false"],
    ["Alpha", "true"],
  ]);
  expect(nodes.filter(({ role }) => role === "list").map(({ name }) => name)).toEqual(
    expect.arrayContaining(["Open tasks", "Completed tasks"]),
  );
  // The filter that is on is said to be.
  const all = page.getByRole("link", { name: /^All/ });
  await expect(all).toHaveAttribute("aria-current", "page");
  await openMenu(page);
  await expect(page.getByRole("menu")).toBeVisible();
  expect(unclear(await tree(session))).toEqual([]);
  await page.keyboard.press("Escape");
  await page.goto(`${webUrl()}/account`);
  await expect(page.getByText("this browser", { exact: true })).toBeVisible();
  await look("account", ["banner", "main"]);
});

test("a field says what is wrong with it, and a row what has not been saved", async ({ page, context }) => {
  await signUp(page);
  await add(page, "Alpha");
  const session = await context.newCDPSession(page);
  await page.getByRole("button", { name: "Edit Alpha" }).click();
  await page.getByRole("textbox", { name: "Title" }).fill("");
  await page.keyboard.press("Enter");
  const field = (await tree(session)).find(({ name, role }) => role === "textbox" && name === "Title");
  expect(field?.properties.invalid).toBe("true");
  expect(field?.description).toBe("A task needs a title.");
  await page.keyboard.press("Escape");
  await page.route(/\/tasks$/, (route) =>
    route.request().method() === "POST" ? route.fulfill({ status: 500, body: "" }) : route.continue(),
  );
  await composer(page).fill("Refused");
  await composer(page).press("Enter");
  await expect(row(page, "Refused")).toContainText("Something went wrong on our side.");
  const texts = (await tree(session)).map(({ name }) => name);
  expect(texts).toEqual(expect.arrayContaining(["Not saved", "Retry", "Discard"]));
});

/** Everything that a live region said, in order. */
async function listen(page: Page): Promise<() => Promise<string[]>> {
  await page.evaluate(() => {
    const said: string[] = [];
    const live = "[aria-live]:not([aria-live=off]), [role=status], [role=alert], [role=log]";
    let last = new Map<Element, string>();
    new MutationObserver(() => {
      const now = new Map<Element, string>();
      for (const region of document.querySelectorAll(live)) {
        const text = region.textContent?.trim() ?? "";
        if (text && last.get(region) !== text) said.push(text);
        now.set(region, text);
      }
      last = now;
    }).observe(document, { childList: true, subtree: true, characterData: true });
    Object.assign(window, { said });
  });
  return () => page.evaluate(() => (window as unknown as { said: string[] }).said);
}

test("each thing that happens is said once", async ({ page }) => {
  await signUp(page);
  await add(page, "Alpha", "Beta", "Gamma");
  const said = await listen(page);
  await page.getByRole("checkbox", { name: "Alpha" }).click();
  await settled(page);
  await page.getByRole("button", { name: "Delete Beta" }).click();
  await expect(page.getByRole("button", { name: "Undo" }).first()).toBeVisible();
  await page.keyboard.press("u");
  await expect(row(page, "Beta")).toBeVisible();
  await page.getByRole("button", { name: "Clear completed" }).click();
  await expect(page.getByLabel("Notices").getByText("Deleted 1 completed task")).toBeVisible();
  await page.getByLabel("Notices").getByRole("button", { name: "Dismiss" }).first().click();
  await settled(page);
  expect(await said()).toEqual([
    "Alpha: done",
    "Deleted Beta. It can be undone.",
    "Beta is back",
    "Deleted 1 completed task. It can be undone.",
  ]);
});

test("the first Tab is a way past the header; dialogs keep the focus and give it back", async ({ page }) => {
  await signUp(page);
  await add(page, "Alpha");
  await page.goto(`${webUrl()}/account`);
  await expect(page.getByText("this browser", { exact: true })).toBeVisible();
  await page.keyboard.press("Tab");
  await expect(page.getByRole("link", { name: "Skip to content" })).toBeFocused();
  await page.keyboard.press("Enter");
  await expect(page.getByRole("main")).toBeFocused();
  const open = page.getByRole("button", { name: "Delete account…" });
  await open.focus();
  await page.keyboard.press("Enter");
  const dialog = page.getByRole("dialog");
  // The focus moves in the next frame: a Tab before that would be one of the page behind.
  const inside = dialog.locator(":focus");
  await expect(inside).toHaveCount(1);
  for (let step = 0; step < 8; step += 1) {
    await page.keyboard.press("Tab");
    await expect(inside).toHaveCount(1);
  }
  await page.keyboard.press("Escape");
  await expect(dialog).toHaveCount(0);
  await expect(open).toBeFocused();
  // The menu by its keys: it opens on the first item, arrows move, Escape gives the focus back.
  const menu = page.getByRole("button", { name: /^Menu of/ });
  await menu.focus();
  await page.keyboard.press("Enter");
  await expect(page.getByRole("menu")).toBeVisible();
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("ArrowDown");
  await expect(page.getByRole("menuitem", { name: "Keyboard shortcuts" })).toBeFocused();
  await page.keyboard.press("Escape");
  await expect(menu).toBeFocused();
});

test("in high contrast a switch shows whether it is on, and every control has an edge", async ({ page }) => {
  await signUp(page);
  await page.emulateMedia({ forcedColors: "active" });
  await page.goto(`${webUrl()}/account`);
  const control = page.getByRole("switch", { name: /shortcuts/ });
  const look = () =>
    control.evaluate((element) => [
      getComputedStyle(element).backgroundColor,
      getComputedStyle(element, "::before").backgroundColor,
      getComputedStyle(element).borderTopStyle,
    ]);
  const on = await look();
  expect(on[0]).not.toBe(on[1]);
  await control.click();
  const off = await look();
  expect(off[0]).not.toBe(off[1]);
  expect(off[0]).not.toBe(on[0]);
  const edgeless = await page
    .locator("main button:visible, main input:not([type=radio]):visible, main textarea:visible")
    .evaluateAll((all) =>
      all
        .filter((element) => {
          const { borderTopStyle, borderTopWidth, appearance } = getComputedStyle(element);
          return appearance === "none" && (borderTopStyle === "none" || borderTopWidth === "0px");
        })
        .map((element) => element.ariaLabel ?? element.textContent),
    );
  expect(edgeless).toEqual([]);
});
