import {
  add,
  change,
  composer,
  expect,
  failEdits,
  refuseUntilRetry,
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

test("a new task is there at once, dimmed until it is confirmed, and two quick Enters make one", async ({
  page,
}) => {
  let let_go: () => void = () => {};
  const held = new Promise<void>((resolve) => {
    let_go = resolve;
  });
  await page.route(/\/tasks$/, async (route) => {
    if (route.request().method() === "POST") await held;
    await route.continue();
  });
  await composer(page).fill("Once only");
  await composer(page).press("Enter");
  await composer(page).press("Enter");
  await expect(row(page, "Once only")).toHaveAttribute("data-saving");
  await expect(row(page, "Once only")).toContainText("Saving…");
  let_go();
  await settled(page);
  expect(await storedTitles(page)).toEqual(["Once only"]);
});

test("the answer to an addition gets lost, and there is still one task", async ({ page }) => {
  let lost = 0;
  await refuseUntilRetry(page, /\/tasks$/, async (route) => {
    if (route.request().method() !== "POST") return route.continue();
    lost += 1;
    await route.fetch();
    await route.abort("connectionreset");
  });
  await composer(page).fill("Exactly one");
  await composer(page).press("Enter");
  await expect(row(page, "Exactly one")).toContainText("Not saved yet");
  await row(page, "Exactly one").getByRole("button", { name: "Retry" }).click();
  await settled(page);
  expect(lost).toBeGreaterThan(0);
  expect(await storedTitles(page)).toEqual(["Exactly one"]);
});

test("a refused addition keeps its words and can be tried again", async ({ page }) => {
  await page.route(/\/tasks$/, (route) =>
    route.request().method() === "POST"
      ? route.fulfill({ status: 500, body: "<h1>oops</h1>" })
      : route.continue(),
  );
  await composer(page).fill("Stubborn");
  await composer(page).press("Enter");
  await expect(row(page, "Stubborn")).toContainText("Something went wrong on our side.");
  await page.unroute(/\/tasks$/);
  await row(page, "Stubborn").getByRole("button", { name: "Retry" }).click();
  await settled(page);
  expect(await storedTitles(page)).toEqual(["Stubborn"]);
});

test("ticking moves a task below, goes on to the row in its place, can be undone, and reverts with a notice when refused", async ({
  page,
}) => {
  await add(page, "First", "Second");
  await page.getByRole("checkbox", { name: "Second" }).focus();
  await page.keyboard.press("Space");
  await expect(page.getByRole("list", { name: "Completed tasks" })).toContainText("Second");
  await expect(page.getByRole("checkbox", { name: "First" })).toBeFocused();
  await page.keyboard.press("u");
  await expect(page.getByRole("checkbox", { name: "Second" })).toBeFocused();
  await expect(page.getByRole("checkbox", { name: "Second" })).not.toBeChecked();
  await expect.poll(async () => (await stored(page)).filter(({ completed }) => completed)).toHaveLength(0);
  await page.route(/\/complete$/, (route) => route.fulfill({ status: 500, body: "" }));
  await page.getByRole("checkbox", { name: "First" }).click();
  await expect(page.getByLabel("Notices").getByText("“First” is as it was")).toBeVisible();
  await expect(page.getByRole("checkbox", { name: "First" })).not.toBeChecked();
});

test("deleting can be undone, and what is undone was never deleted", async ({ page }) => {
  await add(page, "Keep", "Drop");
  const deletions: string[] = [];
  page.on("request", (request) => request.method() === "DELETE" && deletions.push(request.url()));
  const before = await stored(page);
  await page.getByRole("button", { name: "Delete Drop" }).click();
  await expect(row(page, "Drop")).toHaveCount(0);
  await expect(page.getByRole("checkbox", { name: "Keep" })).toBeFocused();
  await page.getByRole("button", { name: "Undo" }).click();
  await expect(row(page, "Drop")).toBeVisible();
  await expect(page.getByRole("checkbox", { name: "Drop" })).toBeFocused();
  expect(deletions).toEqual([]);
  expect(await stored(page)).toEqual(before);
  await page.getByRole("button", { name: "Delete Drop" }).click();
  await page.getByLabel("Notices").getByRole("button", { name: "Dismiss" }).click();
  await expect.poll(() => storedTitles(page)).toEqual(["Keep"]);
  expect(deletions).toHaveLength(1);
});

test("a page that is closed while a deletion could be undone still deletes", async ({ page, context }) => {
  await add(page, "Keep", "Drop");
  await page.getByRole("button", { name: "Delete Drop" }).click();
  await expect(row(page, "Drop")).toHaveCount(0);
  const other = await context.newPage();
  await page.close({ runBeforeUnload: true });
  await expect.poll(() => storedTitles(other)).toEqual(["Keep"]);
});

test("editing in place: Enter saves, Escape reverts, leaving saves", async ({ page }) => {
  await add(page, "Draft");
  await row(page, "Draft").getByText("Draft").dblclick();
  await expect(page.getByRole("textbox", { name: "Title" })).toBeFocused();
  await page.getByRole("textbox", { name: "Title" }).fill("Nonsense");
  await page.keyboard.press("Escape");
  await expect(row(page, "Draft")).toBeVisible();
  await expect(page.getByRole("checkbox", { name: "Draft" })).toBeFocused();
  await page.keyboard.press("Enter");
  await page.getByRole("button", { name: "Edit Draft" }).click();
  await page.getByRole("textbox", { name: "Title" }).fill("Better");
  await page.keyboard.press("Enter");
  await expect(row(page, "Better")).toBeVisible();
  await expect(page.getByRole("checkbox", { name: "Better" })).toBeFocused();
  await page.getByRole("button", { name: "Edit Better" }).click();
  await page.getByRole("textbox", { name: "Description" }).fill("with a description");
  await page.getByRole("heading", { name: "Tasks", exact: true }).click();
  await expect(row(page, "Better")).toContainText("with a description");
  await settled(page);
  expect(await stored(page)).toMatchObject([{ title: "Better", description: "with a description" }]);
  await page.getByRole("button", { name: "Edit Better" }).click();
  await page.getByRole("textbox", { name: "Title" }).fill(" ");
  await page.keyboard.press("Enter");
  await expect(page.getByRole("main").getByText("A task needs a title.")).toBeVisible();
});

test("an edit that failed is taken back by putting the old words back", async ({ page }) => {
  await add(page, "Old words");
  await failEdits(page);
  await page.getByRole("button", { name: "Edit Old words" }).click();
  await page.getByRole("textbox", { name: "Title" }).fill("New words");
  await page.keyboard.press("Enter");
  await expect(row(page, "New words")).toContainText("Something went wrong on our side.");
  await page.getByRole("button", { name: "Edit New words" }).click();
  await page.getByRole("textbox", { name: "Title" }).fill("Old words");
  await page.keyboard.press("Enter");
  await expect(row(page, "Old words")).toBeVisible();
  await expect(page.getByRole("button", { name: "Retry" })).toHaveCount(0);
  await settled(page);
  await page.reload();
  await expect(row(page, "Old words")).toBeVisible();
  await settled(page);
  expect(await storedTitles(page)).toEqual(["Old words"]);
});

test("two people change the same words: both are shown, nothing is guessed", async ({ page }) => {
  await add(page, "Meeting at nine");
  await page.getByRole("button", { name: "Edit Meeting" }).click();
  await change(page, "Meeting at nine", { title: "Meeting at ten" });
  await page.getByRole("textbox", { name: "Title" }).fill("Meeting at noon");
  await page.keyboard.press("Enter");
  await expect(page.getByText("This task was changed somewhere else")).toBeVisible();
  expect(await storedTitles(page)).toEqual(["Meeting at ten"]);
  await expect(page.getByText("Meeting at ten", { exact: true })).toBeVisible();
  await page.getByRole("button", { name: "Use mine" }).click();
  await settled(page);
  expect(await storedTitles(page)).toEqual(["Meeting at noon"]);
});

test("somebody else ticking the task is no conflict, and nothing of theirs is lost", async ({ page }) => {
  await add(page, "Shared");
  await page.getByRole("button", { name: "Edit Shared" }).click();
  await change(page, "Shared", { completed: true });
  await page.getByRole("textbox", { name: "Title" }).fill("Shared, clearly");
  await page.keyboard.press("Enter");
  await expect(page.getByRole("checkbox", { name: "Shared, clearly" })).toBeChecked();
  await settled(page);
  expect(await stored(page)).toMatchObject([{ title: "Shared, clearly", completed: true }]);
});

test("a task deleted elsewhere while it is edited: its new words are offered a new home", async ({
  page,
}) => {
  await add(page, "Fleeting");
  await page.getByRole("button", { name: "Edit Fleeting" }).click();
  const other = await page.context().newPage();
  await other.goto(`${webUrl()}/tasks`);
  const [task] = await stored(page);
  await page.route(/\/tasks\/[^/]+$/, async (route) => {
    if (route.request().method() !== "PATCH") return route.continue();
    // Gone between the look and the change.
    await route.fulfill({
      status: 404,
      json: { code: "not_found" },
      headers: { "Access-Control-Allow-Origin": webUrl(), "Access-Control-Allow-Credentials": "true" },
    });
  });
  await page.getByRole("textbox", { name: "Title" }).fill("Lasting");
  await page.keyboard.press("Enter");
  await expect(page.getByText("That task no longer exists.")).toBeVisible();
  await page.unroute(/\/tasks\/[^/]+$/);
  await page.getByRole("button", { name: "Keep as a new task" }).click();
  await settled(page);
  expect(await storedTitles(page)).toContain("Lasting");
  expect(task?.title).toBe("Fleeting");
});

test("two tabs agree", async ({ page, context }) => {
  await add(page, "Here");
  const other = await context.newPage();
  await other.goto(`${webUrl()}/tasks`);
  await expect(row(other, "Here")).toBeVisible();
  await add(page, "There too");
  await expect(row(other, "There too")).toBeVisible();
  await other.getByRole("checkbox", { name: "Here", exact: true }).check();
  await expect(page.getByRole("checkbox", { name: "Here", exact: true })).toBeChecked();
  await expect(page).toHaveTitle("(1) Tasks · Taskward");
  await page.getByRole("button", { name: "Delete Here", exact: true }).click();
  await page.getByLabel("Notices").getByRole("button", { name: "Dismiss" }).click();
  await expect(other.getByRole("checkbox", { name: "Here", exact: true })).toHaveCount(0);
});

test("filters live in the address, with counts; completed tasks are cleared at once, and brought back", async ({
  page,
}) => {
  await add(page, "Alpha", "Beta", "Gamma");
  await page.getByRole("checkbox", { name: "Beta" }).check();
  await page.getByRole("link", { name: "Open 2" }).click();
  await expect(page).toHaveURL(/\?show=open$/);
  await expect.poll(() => titles(page)).toEqual(["Gamma", "Alpha"]);
  await page.getByRole("link", { name: "Done 1" }).click();
  await expect.poll(() => titles(page)).toEqual(["Beta"]);
  await page.reload();
  await expect.poll(() => titles(page)).toEqual(["Beta"]);
  await page.goBack();
  await page.goBack();
  await expect(page).toHaveURL(`${webUrl()}/tasks`);
  await page.getByRole("button", { name: "Clear completed" }).click();
  await expect(row(page, "Beta")).toHaveCount(0);
  await expect(page.getByRole("link", { name: "Done 0" })).toBeVisible();
  await page
    .getByLabel("Notices")
    .getByText("Deleted 1 completed task")
    .locator("..")
    .getByRole("button", { name: "Undo" })
    .click();
  await expect(row(page, "Beta")).toBeVisible();
  await page.getByRole("button", { name: "Clear completed" }).click();
  await page.getByLabel("Notices").getByRole("button", { name: "Dismiss" }).click();
  await expect.poll(() => storedTitles(page)).toEqual(["Gamma", "Alpha"]);
});

test("search finds titles and descriptions, and names what it did not find", async ({ page }) => {
  await add(page, "Paint the fence", "Call the dentist");
  await page.getByRole("searchbox").fill("FENCE");
  await expect.poll(() => titles(page)).toEqual(["Paint the fence"]);
  await expect(page).toHaveURL(/q=FENCE/);
  await expect(page.locator("mark")).toHaveText("fence");
  await page.getByRole("searchbox").fill("xyzzy");
  await expect(page.getByRole("heading", { name: "No tasks match “xyzzy”" })).toBeVisible();
  await page.getByRole("main").getByRole("button", { name: "Clear search" }).last().click();
  await expect.poll(() => titles(page)).toHaveLength(2);
});

test("what is being typed survives a reload", async ({ page }) => {
  await add(page, "Existing");
  await composer(page).fill("Half a tho");
  await page.getByRole("button", { name: "Edit Existing" }).click();
  await page.getByRole("textbox", { name: "Title" }).fill("Existing, but bet");
  await page.reload();
  await expect(composer(page)).toHaveValue("Half a tho");
  await expect(page.getByRole("textbox", { name: "Title" })).toHaveValue("Existing, but bet");
});
