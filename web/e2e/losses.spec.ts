/** Words and tasks that a page could lose, and does not. */
import type { Page } from "@playwright/test";
import {
  add,
  apiUrl,
  authorization,
  change,
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
  webUrl,
} from "./support";

const API = /\/api\/[^/]+\/tasks/;

/** What another device does; the page hears of it when it next asks. */
async function removeElsewhere(page: Page, title: string): Promise<void> {
  const task = (await stored(page)).find((candidate) => candidate.title === title);
  const url = `${apiUrl()}/api/me/tasks/${task?.id}`;
  const headers = await authorization(page, "DELETE", url);
  expect((await page.request.delete(url, { headers })).ok()).toBe(true);
}

test.beforeEach(async ({ page }) => {
  await signUp(page);
});

for (const what of ["deleted", "ticked"] as const) {
  test(`a task that is ${what} in another tab while it is edited stays under the fingers`, async ({
    page,
    context,
  }) => {
    await add(page, "Below", "Edited", "Above");
    await page.getByRole("link", { name: "Open 3" }).click();
    const other = await context.newPage();
    await other.goto(`${webUrl()}/tasks`);
    await page.bringToFront();
    await page.getByRole("button", { name: "Edit Edited" }).click();
    await page.keyboard.type(", first half");
    if (what === "ticked") await other.getByRole("checkbox", { name: "Edited" }).check();
    else {
      await other.getByRole("button", { name: "Delete Edited" }).click();
      await other.getByLabel("Notices").getByRole("button", { name: "Dismiss" }).click();
    }
    await expect(page.getByRole("link", { name: "Open 2" })).toBeVisible();
    await page.keyboard.type(" x second");
    await expect(page.getByRole("textbox", { name: "Title" })).toHaveValue("Edited, first half x second");
    await expect(page.getByRole("textbox", { name: "Title" })).toBeFocused();
    await page.keyboard.press("Enter");
    if (what === "deleted") {
      await expect(page.getByText("That task no longer exists.")).toBeVisible();
      await page.getByRole("button", { name: "Keep as a new task" }).click();
    }
    await settled(page);
    // The other tab may be the one that sends, and this page hears of it a moment later.
    await expect
      .poll(async () => (await stored(page)).map(({ title }) => title).sort())
      .toEqual(["Above", "Below", "Edited, first half x second"]);
    const all = await stored(page);
    expect(all.filter(({ completed }) => completed)).toHaveLength(what === "ticked" ? 1 : 0);
  });
}

for (const what of ["another device changes a task", "one's own change is confirmed"] as const) {
  test(`Load more loads more although ${what} meanwhile`, async ({ page }) => {
    await add(page, "Task 1", "Task 2", "Task 3", "Task 4", "Task 5");
    let confirm = () => {};
    const mayConfirm = new Promise<void>((resolve) => {
      confirm = resolve;
    });
    await page.route(/\/complete$/, async (route) => {
      await mayConfirm;
      await route.continue();
    });
    let first = true;
    // Pages of two, and what comes in meanwhile comes while the first further page is on its way.
    await page.route(/\/tasks\?/, async (route) => {
      const url = route.request().url().replace("limit=100", "limit=2");
      if (url.includes("cursor=") && first) {
        first = false;
        const anew = page.waitForRequest((request) => /\/tasks\?(?!.*cursor=)/.test(request.url()));
        if (what === "one's own change is confirmed") confirm();
        else await change(page, "Task 5", { description: "from the phone" });
        await anew;
      }
      // The page may have called it off.
      await route.continue({ url }).catch(() => {});
    });
    await page.getByRole("searchbox").fill("Task");
    await expect(row(page, "Task 3")).toHaveCount(0);
    await expect(row(page, "Task 4")).toBeVisible();
    if (what === "one's own change is confirmed")
      await page.getByRole("checkbox", { name: "Task 5" }).click();
    await page.getByRole("button", { name: "Load more" }).click();
    await expect(row(page, "Task 2")).toBeVisible();
    await expect(page.getByRole("checkbox", { name: "Task 3" })).toBeFocused();
  });
}

test("a deletion does not take a task that was opened again elsewhere", async ({ page }) => {
  await add(page, "Not done after all");
  await page.getByRole("checkbox").first().click();
  await settled(page);
  // The page does not hear of it before it deletes.
  await page.route(/\/tasks(\?|\/counts)/, (route) => route.abort("connectionrefused"));
  await change(page, "Not done after all", { completed: false });
  await page.getByRole("button", { name: "Delete Not done" }).click();
  await page.getByLabel("Notices").getByRole("button", { name: "Dismiss" }).first().click();
  await expect(page.getByLabel("Notices").getByText("was not deleted")).toBeVisible();
  expect(await storedTitles(page)).toEqual(["Not done after all"]);
});

test("Enter before the script runs is kept and sent", async ({ page }) => {
  const release = await holdScripts(page);
  await page.goto(`${webUrl()}/tasks`, { waitUntil: "commit" });
  for (const title of ["Early bird", "Second worm"]) {
    await composer(page).fill(title);
    await composer(page).press("Enter");
    await expect(composer(page)).toHaveValue("");
  }
  await composer(page).fill("half typed");
  await expect(page).toHaveURL(`${webUrl()}/tasks`);
  release();
  await expect(row(page, "Early bird")).toBeVisible();
  await settled(page);
  expect((await storedTitles(page)).sort()).toEqual(["Early bird", "Second worm"]);
  await expect(composer(page)).toHaveValue("half typed");
});

test("signing out asks about what other tabs have not sent, and about half-typed words", async ({
  page,
  context,
}) => {
  await add(page, "Sent");
  await page.route(API, (route) => route.abort("connectionrefused"));
  await composer(page).fill("Unsent in the first tab");
  await composer(page).press("Enter");
  await expect(row(page, "Unsent in the first tab")).toContainText("Not saved yet");
  await composer(page).fill("half a thought");
  const other = await context.newPage();
  await other.goto(`${webUrl()}/tasks`);
  await expect(row(other, "Sent")).toBeVisible();
  await openMenu(other);
  await other.getByRole("menuitem", { name: "Sign out" }).click();
  const dialog = other.getByRole("alertdialog");
  await expect(dialog).toContainText("One change hasn't reached Taskward yet. One text is not finished.");
  await dialog.getByRole("button", { name: "Stay signed in" }).click();
  await page.unroute(API);
  await settled(page);
  await expect(composer(page)).toHaveValue("half a thought");
  expect(await storedTitles(page)).toEqual(["Unsent in the first tab", "Sent"]);
});

for (const storage of ["full", "denied"] as const) {
  test(`storage ${storage}: the page says that words are only in this window, and asks before it closes`, async ({
    page,
    context,
  }) => {
    await context.addInitScript((kind) => {
      if (kind === "full") {
        Storage.prototype.setItem = () => {
          throw new DOMException("full", "QuotaExceededError");
        };
      } else {
        Object.defineProperty(window, "localStorage", {
          get: () => {
            throw new DOMException("denied", "SecurityError");
          },
        });
      }
    }, storage);
    await page.reload();
    await expect(page.getByRole("heading", { name: "A clear page" })).toBeVisible();
    await page.route(API, (route) => route.abort("connectionrefused"));
    await composer(page).fill("Nowhere else");
    await composer(page).press("Enter");
    await expect(page.getByTestId("connection")).toContainText(
      "1 change is only in this window – don't close it.",
    );
    const asked = page.waitForEvent("dialog");
    void page.close({ runBeforeUnload: true });
    const dialog = await asked;
    expect(dialog.type()).toBe("beforeunload");
    await dialog.dismiss();
    await page.unroute(API);
    await settled(page);
    expect(await storedTitles(page)).toEqual(["Nowhere else"]);
  });
}

test("the number and the rows agree when another device adds and this one ticks", async ({ page }) => {
  await add(page, "One", "Two");
  const url = `${apiUrl()}/api/me/tasks`;
  const headers = await authorization(page, "POST", url);
  await page.request.post(url, { headers, data: { title: "From the phone" } });
  await page.getByRole("checkbox", { name: "One" }).click();
  await expect(row(page, "From the phone")).toBeVisible();
  await expect(page.getByRole("link", { name: "All 3" })).toBeVisible();
});

test("a new task is shown although a search or a filter would hide it, and that is said", async ({
  page,
}) => {
  await add(page, "Apples");
  await page.getByRole("searchbox").fill("apple");
  await expect(page).toHaveURL(/q=apple/);
  await expect(page.getByRole("link", { name: "All 1" })).toBeVisible();
  await composer(page).fill("Pears");
  await composer(page).press("Enter");
  await settled(page);
  await expect(row(page, "Pears")).toBeVisible();
  await expect(page.getByRole("searchbox")).toHaveValue("");
  await expect(page.locator("body > [role=status]")).toHaveText("Added Pears. The search was cleared.");
  await page.getByRole("link", { name: "Done" }).click();
  await composer(page).fill("Plums");
  await composer(page).press("Enter");
  await settled(page);
  await expect(row(page, "Plums")).toBeVisible();
  await expect(page.locator("body > [role=status]")).toHaveText("Added Plums. All tasks are shown.");
});

test("an unfinished edit of a task that is not on the page opens all the same, and two tabs keep two drafts", async ({
  page,
  context,
}) => {
  await add(page, "Vanishing", "Other");
  const second = await context.newPage();
  await second.goto(`${webUrl()}/tasks`);
  await composer(second).fill("draft of the second tab");
  await page.bringToFront();
  await composer(page).fill("draft of the first tab");
  await page.getByRole("button", { name: "Edit Vanishing" }).click();
  await page.getByRole("textbox", { name: "Title" }).fill("Vanishing, rewritten");
  await removeElsewhere(page, "Vanishing");
  await page.reload();
  await expect(composer(page)).toHaveValue("draft of the first tab");
  await expect(page.getByRole("textbox", { name: "Title" })).toHaveValue("Vanishing, rewritten");
  await page.getByRole("button", { name: "Save" }).click();
  await page.getByRole("button", { name: "Keep as a new task" }).click();
  await settled(page);
  expect((await storedTitles(page)).sort()).toEqual(["Other", "Vanishing, rewritten"]);
  await second.close();
  await page.reload();
  await expect(composer(page)).toHaveValue(/draft of the (first|second) tab/);
  await expect(page.getByText(/Not added yet: “draft of the (first|second) tab”/)).toBeVisible();
});
