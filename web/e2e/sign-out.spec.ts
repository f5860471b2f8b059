/** Signing out while other tabs of the browser are open, and while somebody still types. */
import type { BrowserContext, Page } from "@playwright/test";
import {
  add,
  composer,
  expect,
  fillSignUp,
  openMenu,
  postAuth,
  row,
  settled,
  signIn,
  signOut,
  signUp,
  somebody,
  storedTitles,
  test,
  webUrl,
} from "./support";

const cover = (page: Page) => page.getByRole("dialog", { name: "Signing out" });

async function beginSignOut(page: Page): Promise<void> {
  await openMenu(page);
  await page.getByRole("menuitem", { name: "Sign out" }).click();
}

/** Signing out has no answer until what this returns is called; then it is refused. */
async function holdSignOut(page: Page): Promise<() => void> {
  let refuse = () => {};
  const refused = new Promise<void>((resolve) => {
    refuse = resolve;
  });
  await page.route("**/api/auth/sign-out", async (route) => {
    await refused;
    await route.fulfill({ status: 503, json: { code: "STILL_SIGNED_IN" } });
  });
  return refuse;
}

async function secondTab(context: BrowserContext): Promise<Page> {
  const other = await context.newPage();
  await other.goto(`${webUrl()}/tasks`);
  await expect(other.getByRole("heading", { name: "Tasks", exact: true })).toBeVisible();
  return other;
}

/** Two frames drawn: the page has acted on what it heard. */
const drawn = (page: Page) =>
  page.evaluate(() => new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve))));

test("a tab that hears of the sign-out from the service first goes to the plain form, too", async ({
  page,
  context,
}) => {
  await signUp(page);
  await add(page, "Private");
  await page.getByRole("searchbox").fill("priv");
  await expect(page).toHaveURL(/q=priv/);
  const visited: string[] = [];
  page.on("framenavigated", (frame) => visited.push(frame.url()));
  const other = await secondTab(context);
  await other.route("**/api/auth/sign-out", async (route) => {
    // The first tab has the stream, so it hears of the end of the session.
    const heard = page.waitForResponse((answer) => answer.url().endsWith("/token") && answer.status() >= 400);
    const [answer] = await Promise.all([route.fetch(), heard]);
    await drawn(page);
    await expect(cover(page)).toBeVisible();
    await route.fulfill({ response: answer });
  });
  await signOut(other);
  await expect(page.getByRole("heading", { name: "Sign in" })).toBeVisible();
  expect(new Set(visited.filter((url) => url.includes("/sign-in")))).toEqual(
    new Set([`${webUrl()}/sign-in`]),
  );
});

test("a form to sign in forgets where it led when the person signs out in another tab", async ({
  page,
  context,
}) => {
  await signUp(page);
  // With a token of its own the page asks for none while the cookies are away.
  await add(page, "Private");
  const cookies = await context.cookies();
  await context.clearCookies();
  const other = await context.newPage();
  await other.goto(`${webUrl()}/sign-in?next=%2Ftasks%3Fq%3Dpriv&reason=ended`);
  await expect(other.getByText("what you typed is still here")).toBeVisible();
  // The script is there.
  await expect(other.getByRole("button", { name: "Sign in", exact: true })).toBeEnabled();
  await drawn(other);
  await context.addCookies(cookies);
  await signOut(page);
  await expect(other).toHaveURL(`${webUrl()}/sign-in`);
  await expect(other.getByText("what you typed is still here")).toHaveCount(0);
});

test("other tabs go on when the sign-out is refused", async ({ page, context }) => {
  await signUp(page);
  const other = await secondTab(context);
  const refuse = await holdSignOut(other);
  await beginSignOut(other);
  await expect(cover(other)).toBeVisible();
  await expect(cover(page)).toBeVisible();
  refuse();
  await expect(other.getByRole("region", { name: "Notices" })).toContainText("You're still signed in.");
  await expect(cover(other)).toHaveCount(0);
  await expect(cover(page)).toHaveCount(0);
  await add(page, "Here to stay");
  await expect(row(other, "Here to stay")).toBeVisible();
});

test("somebody else's sign-out takes no words of a tab that waits for its own person", async ({
  page,
  context,
}) => {
  await page.addInitScript(() => {
    Storage.prototype.setItem = () => {
      throw new DOMException("full", "QuotaExceededError");
    };
  });
  const person = await signUp(page);
  await composer(page).fill("half a thought");
  await expect(page.getByTestId("connection")).toContainText("don't close it");
  await postAuth(page.request, "/sign-out", {});
  await expect(page.getByTestId("connection")).toContainText("You've been signed out.");
  const other = await context.newPage();
  await fillSignUp(other, somebody("Grace Hopper"));
  await expect(other.getByRole("heading", { name: "Tasks", exact: true })).toBeVisible();
  await signOut(other);
  await expect(other).toHaveURL(`${webUrl()}/sign-in`);
  await signIn(other, person);
  await expect(other.getByRole("heading", { name: "Tasks", exact: true })).toBeVisible();
  await expect(composer(page)).toHaveValue("half a thought");
  await composer(page).press("Enter");
  await settled(page);
  expect(await storedTitles(page)).toEqual(["half a thought"]);
});

test("nothing can be typed while the page signs out, and that is said", async ({ page }) => {
  await signUp(page);
  const refuse = await holdSignOut(page);
  await beginSignOut(page);
  await expect(cover(page)).toBeFocused();
  await page.keyboard.press("Escape");
  await page.keyboard.press("Escape");
  await composer(page).focus();
  await page.keyboard.type("new words");
  await expect(cover(page)).toBeVisible();
  refuse();
  await expect(cover(page)).toHaveCount(0);
  await expect(composer(page)).toHaveValue("");
  await composer(page).fill("words again");
  await expect(composer(page)).toHaveValue("words again");
});

test("words typed in another tab while the question is open are asked about, too", async ({
  page,
  context,
}) => {
  await signUp(page);
  await composer(page).fill("half a thought");
  const other = await secondTab(context);
  await page.bringToFront();
  await beginSignOut(page);
  const question = page.getByRole("alertdialog");
  await expect(question).toContainText("One text is not finished.");
  await composer(other).fill("another thought");
  await question.getByRole("button", { name: "Sign out anyway" }).click();
  await expect(question).toContainText("2 texts are not finished.");
  await question.getByRole("button", { name: "Stay signed in" }).click();
  await expect(composer(other)).toHaveValue("another thought");
  await beginSignOut(page);
  await expect(question).toContainText("2 texts are not finished.");
  await question.getByRole("button", { name: "Sign out anyway" }).click();
  await expect(page).toHaveURL(`${webUrl()}/sign-in`);
  await expect(other).toHaveURL(`${webUrl()}/sign-in`);
});
