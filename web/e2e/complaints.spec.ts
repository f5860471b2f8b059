/** What people complained about on comparable pages, tried on this one; each names the public report. */
import type { Locator, Page } from "@playwright/test";
import {
  add,
  apiUrl,
  authorization,
  change,
  composer,
  expect,
  row,
  settled,
  signUp,
  stored,
  storedTitles,
  test,
  titles,
} from "./support";

test.beforeEach(async ({ page }) => {
  await signUp(page);
});

const title = (page: Page) => page.getByRole("textbox", { name: "Title" });

async function addElsewhere(page: Page, name: string): Promise<void> {
  const tasks = `${apiUrl()}/api/me/tasks`;
  const headers = await authorization(page, "POST", tasks);
  const answer = await page.request.post(tasks, { headers, data: { title: name } });
  expect(answer.status()).toBe(201);
}

// nitrotasks/nitro#174, #225, ZhFahim/anchor#53, RedPlanetHQ/sol#3, alainm23/planify#2473
test("what other devices do meanwhile moves neither the caret nor what is typed", async ({ page }) => {
  await add(page, "Below", "Mdle", "Above");
  await page.getByRole("button", { name: "Edit Mdle" }).click();
  await title(page).press("Home");
  await page.keyboard.press("ArrowRight");
  await page.keyboard.type("i");
  await addElsewhere(page, "From the phone");
  await expect(row(page, "From the phone")).toBeVisible();
  await page.keyboard.type("d");
  await change(page, "Below", { completed: true });
  await expect(page.getByRole("checkbox", { name: "Below" })).toBeChecked();
  await page.keyboard.type("d");
  await expect(title(page)).toHaveValue("Midddle");
  await page.keyboard.press("Enter");
  await settled(page);
  await composer(page).fill("begnning");
  await composer(page).press("Home");
  for (let step = 0; step < 3; step += 1) await page.keyboard.press("ArrowRight");
  await addElsewhere(page, "From the watch");
  await expect(row(page, "From the watch")).toBeVisible();
  await page.keyboard.type("i");
  await expect(composer(page)).toHaveValue("beginning");
});

// nextcloud/tasks#1714, nextcloud/tasks#449
test("from one editor into the next: each task keeps its own words", async ({ page }) => {
  await add(page, "Second", "First");
  await page.getByRole("button", { name: "Edit First" }).click();
  await title(page).fill("First, changed");
  await page.getByRole("textbox", { name: "Description" }).fill("of the first");
  await page.getByRole("button", { name: "Edit Second" }).click();
  await expect(title(page)).toHaveValue("Second");
  await expect(page.getByRole("textbox", { name: "Description" })).toHaveValue("");
  await title(page).press("Enter");
  await settled(page);
  expect(await stored(page)).toMatchObject([
    { title: "First, changed", description: "of the first" },
    { title: "Second", description: null },
  ]);
});

// nextcloud/tasks#834, #2853, #2705, #916
test("a long title is shown whole, and its buttons stay within reach", async ({ page }) => {
  await page.setViewportSize({ width: 320, height: 640 });
  const long = `${"W".repeat(120)} ${"qpyg ".repeat(15)}end`;
  await add(page, long);
  const text = row(page, "qpyg").locator("[id^=title-]");
  expect(
    await text.evaluate(({ scrollHeight, clientHeight }) => scrollHeight - clientHeight),
  ).toBeLessThanOrEqual(1);
  expect(await text.evaluate((element) => getComputedStyle(element).textOverflow)).toBe("clip");
  for (const name of [/^Edit W/, /^Delete W/]) {
    const box = await page.getByRole("button", { name }).boundingBox();
    expect((box?.x ?? 999) + (box?.width ?? 0)).toBeLessThanOrEqual(320);
  }
  await page.getByRole("button", { name: /^Edit W/ }).click();
  await expect(title(page)).toHaveValue(long);
  const field = await title(page).evaluate(({ scrollHeight, clientHeight }) => scrollHeight - clientHeight);
  expect(field).toBeLessThanOrEqual(2);
});

// owncloud/tasks#414
for (const [what, text] of [
  ["spaces", "  \u00a0 "],
  ["characters that show nothing", "\u200b\u2060\u00ad"],
] as const) {
  test(`a title of ${what} is refused, so that no task is there that cannot be seen`, async ({ page }) => {
    await add(page, "Visible");
    await composer(page).fill(text);
    await composer(page).press("Enter");
    await page.getByRole("button", { name: "Edit Visible" }).click();
    await title(page).fill(text);
    await title(page).press("Enter");
    await expect(page.getByRole("main").getByText("A task needs a title.").first()).toBeVisible();
    await title(page).press("Escape");
    await settled(page);
    expect(await storedTitles(page)).toEqual(["Visible"]);
  });
}

// nextcloud/tasks#2788, tine20/tine20#6371
test("signs and URLs in a title stay as they were typed, and send nothing by themselves", async ({
  page,
}) => {
  const text = "abc(&#<x> https://example.org/a_b?c=1&d=%20#part-2 @home #tag p1 tomorrow";
  await composer(page).pressSequentially(text);
  await expect(page.locator("[data-row]")).toHaveCount(0);
  await composer(page).press("Enter");
  await settled(page);
  expect(await storedTitles(page)).toEqual([text]);
  await expect(row(page, "abc(").getByRole("link")).toHaveAttribute(
    "href",
    "https://example.org/a_b?c=1&d=%20#part-2",
  );
});

// super-productivity/super-productivity#2376, #5942
test("Backspace deletes no task, and Delete held down deletes one", async ({ page }) => {
  await add(page, "Four", "Three", "Two", "One");
  await page.getByRole("checkbox", { name: "Two" }).focus();
  for (let press = 0; press < 4; press += 1) await page.keyboard.down("Backspace");
  await page.keyboard.up("Backspace");
  await expect(page.locator("[data-row]")).toHaveCount(4);
  for (let press = 0; press < 4; press += 1) await page.keyboard.down("Delete");
  await page.keyboard.up("Delete");
  await expect(page.locator("[data-row]")).toHaveCount(3);
  expect(await titles(page)).toEqual(["One", "Three", "Four"]);
});

// super-productivity/super-productivity#1251
test("a click elsewhere leaves a half-written task where it is", async ({ page }) => {
  await add(page, "There");
  await composer(page).fill("half a thought");
  await page.getByRole("heading", { name: "Tasks", exact: true }).click();
  await page.getByRole("link", { name: /^Done/ }).click();
  await page.goBack();
  await expect(composer(page)).toHaveValue("half a thought");
});

// Teamweek/teamweek#916, WayneGongCN/microsoft-todo-browser-ext#48
test("Enter held down adds one task", async ({ page }) => {
  await composer(page).fill("Once");
  for (let press = 0; press < 5; press += 1) await page.keyboard.down("Enter");
  await page.keyboard.up("Enter");
  await settled(page);
  expect(await storedTitles(page)).toEqual(["Once"]);
});

// nextcloud/tasks#674, tasks/tasks#1010
/** Both clicks at once, as a hand makes them, however busy this machine is. */
async function doubleClick(page: Page, at: Locator): Promise<void> {
  const box = await at.boundingBox();
  if (!box) throw new Error("nothing to click");
  const place = { x: box.x + box.width / 2, y: box.y + box.height / 2, button: "left" } as const;
  const session = await page.context().newCDPSession(page);
  const sent = [1, 2].flatMap((clickCount) =>
    (["mousePressed", "mouseReleased"] as const).map((type) =>
      session.send("Input.dispatchMouseEvent", { ...place, type, clickCount }),
    ),
  );
  await Promise.all(sent);
}

test("a double click on a check box ticks that task and no other, and opens nothing", async ({ page }) => {
  await add(page, "Third", "Second", "First");
  await doubleClick(page, page.getByRole("checkbox", { name: "First" }));
  await expect(page.getByRole("checkbox", { name: "First" })).toBeChecked();
  await settled(page);
  await expect(page.getByRole("textbox", { name: "Title" })).toHaveCount(0);
  expect((await stored(page)).filter(({ completed }) => completed).map((task) => task.title)).toEqual([
    "First",
  ]);
});

test("a double click on Delete deletes one task", async ({ page }) => {
  await add(page, "Third", "Second", "First");
  await doubleClick(page, page.getByRole("button", { name: "Delete First" }));
  await expect(page.locator("[data-row]")).toHaveCount(2);
  expect(await titles(page)).toEqual(["Second", "Third"]);
});

// Shabang-Systems/Condution#78, go-vikunja/vikunja#678
test("ticked and unticked quickly, a task ends as it is shown, and is struck through only when done", async ({
  page,
}) => {
  await add(page, "Fickle");
  for (let times = 0; times < 5; times += 1) await page.getByRole("checkbox", { name: "Fickle" }).click();
  await settled(page);
  await expect(page.getByRole("checkbox", { name: "Fickle" })).toBeChecked();
  expect(await stored(page)).toMatchObject([{ completed: true }]);
  const line = () =>
    row(page, "Fickle")
      .locator("[id^=title-]")
      .evaluate((element) => getComputedStyle(element).textDecorationLine);
  expect(await line()).toBe("line-through");
  await page.getByRole("checkbox", { name: "Fickle" }).click();
  await settled(page);
  expect(await line()).toBe("none");
});

// getting-things-gnome/gtg#78
test("a new task is added although another one has the focus, and nothing opens", async ({ page }) => {
  await add(page, "Focused");
  await page.getByRole("checkbox", { name: "Focused" }).focus();
  await page.keyboard.press("n");
  await page.keyboard.type("Brand new");
  await page.keyboard.press("Enter");
  await settled(page);
  expect(await titles(page)).toEqual(["Brand new", "Focused"]);
  await expect(page.getByRole("textbox", { name: "Title" })).toHaveCount(0);
});

// todotxt/todo.txt-android#253, huytd/pomoday-v2#50
test("a new task never vanishes between Enter and the service's answer", async ({ page }) => {
  await page.evaluate(() => {
    const gaps: number[] = [];
    let seen = false;
    const look = () => {
      const there = [...document.querySelectorAll("[data-row]")].some((one) =>
        one.textContent?.includes("Steady"),
      );
      if (seen && !there) gaps.push(performance.now());
      seen ||= there;
      requestAnimationFrame(look);
    };
    look();
    Object.assign(window, { gaps });
  });
  await add(page, "Steady");
  await addElsewhere(page, "Another");
  await expect(row(page, "Another")).toBeVisible();
  expect(await page.evaluate(() => (window as unknown as { gaps: number[] }).gaps)).toEqual([]);
});

// alainm23/planify#55
test("two tasks with the same words are two tasks", async ({ page }) => {
  await add(page, "Twin");
  await composer(page).fill("Twin");
  await composer(page).press("Enter");
  await expect(row(page, "Twin")).toHaveCount(2);
  await settled(page);
  await page.getByRole("button", { name: "Edit Twin" }).first().click();
  await title(page).fill("Twin, the younger");
  await title(page).press("Enter");
  await settled(page);
  await page.getByRole("button", { name: "Delete Twin, the younger" }).click();
  await page.getByLabel("Notices").getByRole("button", { name: "Dismiss" }).click();
  await expect.poll(() => storedTitles(page)).toEqual(["Twin"]);
});
