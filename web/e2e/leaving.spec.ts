import type { Page } from "@playwright/test";
import { add, composer, deleteAccount, expect, openMenu, row, signUp, test, webUrl } from "./support";

/** Ending the session from the page, each with the call that does it. */
const WAYS: [string, string, string, (page: Page, password: string) => Promise<void>][] = [
  ["the menu", "/tasks", "sign-out", leaveByMenu],
  [
    "the account page",
    "/account",
    "sign-out",
    (page) => page.getByRole("button", { name: "Sign out", exact: true }).click(),
  ],
  ["sign out everywhere", "/account", "revoke-sessions", everywhere],
  ["deleting the account", "/account", "delete-user", deleteAccount],
];

async function leaveByMenu(page: Page): Promise<void> {
  await openMenu(page);
  await page.getByRole("menuitem", { name: "Sign out" }).click();
}

async function everywhere(page: Page): Promise<void> {
  await page.getByRole("button", { name: "Sign out everywhere" }).click();
}

/** The session has ended, so the page's stream ends and its token cannot be renewed. */
const heardOfIt = (page: Page) =>
  page.waitForResponse((answer) => answer.url().endsWith("/api/auth/token") && answer.status() >= 400);

for (const [name, path, call, leave] of WAYS) {
  test(`${name} leads to the plain form to sign in, though the service's word comes before the answer`, async ({
    page,
  }) => {
    const person = await signUp(page);
    await add(page, "Private");
    if (path !== "/tasks") await page.goto(webUrl() + path);
    await expect(page.getByRole("button", { name: /^Menu of/ })).toBeVisible();
    const visited: string[] = [];
    page.on("framenavigated", (frame) => visited.push(frame.url()));
    await page.route(`**/api/auth/${call}`, async (route) => {
      const [answer] = await Promise.all([route.fetch(), heardOfIt(page)]);
      // Long enough for the page to act on what it heard.
      await page.waitForTimeout(300);
      await route.fulfill({ response: answer });
    });
    await leave(page, person.password);
    await expect(page.getByRole("heading", { name: "Sign in" })).toBeVisible();
    expect(new Set(visited.filter((url) => url.includes("/sign-in")))).toEqual(
      new Set([`${webUrl()}/sign-in`]),
    );
    expect(await page.evaluate(async () => [localStorage.length, (await caches.keys()).length])).toEqual([
      0, 0,
    ]);
  });
}

test("a sign-out whose answer is lost, but which happened, leads to sign in and back", async ({ page }) => {
  await signUp(page);
  await add(page, "Private");
  await page.route("**/api/auth/sign-out", async (route) => {
    await Promise.all([route.fetch(), heardOfIt(page)]);
    await route.abort();
  });
  await leaveByMenu(page);
  await expect(page).toHaveURL(`${webUrl()}/sign-in?next=%2Ftasks&reason=ended`);
});

test("a sign-out that is refused leaves the person signed in, and the list alive", async ({ page }) => {
  await signUp(page);
  await page.route("**/api/auth/sign-out", (route) =>
    route.fulfill({ status: 503, json: { code: "STILL_SIGNED_IN" } }),
  );
  await leaveByMenu(page);
  await expect(page.getByRole("region", { name: "Notices" })).toContainText("You're still signed in.");
  await add(page, "Here to stay");
  await page.unroute("**/api/auth/sign-out");
  await leaveByMenu(page);
  await expect(page).toHaveURL(`${webUrl()}/sign-in`);
});

test("sign out everywhere asks first about what is not finished, and what stays is kept", async ({
  page,
}) => {
  await signUp(page);
  await composer(page).fill("half a thought");
  await page.goto(`${webUrl()}/account`);
  await everywhere(page);
  await expect(page.getByRole("alertdialog")).toContainText("One text is not finished");
  await page.getByRole("button", { name: "Stay signed in" }).click();
  await page.goto(`${webUrl()}/tasks`);
  await expect(composer(page)).toHaveValue("half a thought");
  await composer(page).press("Enter");
  await expect(row(page, "half a thought")).toBeVisible();
});
