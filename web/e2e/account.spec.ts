import { decodeJwt } from "jose";
import {
  add,
  apiUrl,
  authorization,
  control,
  deleteAccount,
  expect,
  holdScripts,
  openMenu,
  postAuth,
  signIn,
  signUp,
  test,
  tokenOf,
  webUrl,
} from "./support";

test("an account is deleted with its tasks, after asking for the password", async ({ page }) => {
  const person = await signUp(page);
  await add(page, "One", "Two");
  await page.getByRole("checkbox", { name: "One" }).check();
  const token = await tokenOf(page);
  const me = decodeJwt(token).sub ?? "";
  const bare = await postAuth(page.request, "/delete-user", {});
  expect(bare.status()).toBe(400);
  await openMenu(page);
  await page.getByRole("menuitem", { name: "Account" }).click();
  await deleteAccount(page, "not my password");
  await expect(page.getByRole("dialog").getByText("That isn't your password.")).toBeVisible();
  await deleteAccount(page, person.password);
  await expect(page).toHaveURL(/\/sign-in/);
  expect(await control("person/count", person.email)).toBe(0);
  // Neither the token nor the tasks outlive the account.
  const tasks = `${apiUrl()}/api/me/tasks`;
  const response = await page.request.get(tasks, {
    headers: await authorization(page, "GET", tasks, token),
  });
  expect(response.status()).toBe(401);
  expect(response.headers()["www-authenticate"]).toContain("The access token was revoked");
  expect(await control("tasks/count", me)).toBe(0);
  await signIn(page, person);
  await expect(page.getByRole("main").getByText("don't match an account")).toBeVisible();
});

test("an account that is being deleted cannot be kept by closing the dialog", async ({ page }) => {
  const person = await signUp(page);
  await page.goto(`${webUrl()}/account`);
  let release = () => {};
  const held = new Promise<void>((resolve) => {
    release = resolve;
  });
  await page.route("**/api/auth/delete-user", async (route) => {
    await held;
    await route.continue();
  });
  await deleteAccount(page, person.password);
  const dialog = page.getByRole("dialog");
  await expect(dialog.getByRole("button", { name: "Deleting…" })).toBeVisible();
  const keep = dialog.getByRole("button", { name: "Keep it" });
  await expect(keep).toHaveAttribute("aria-disabled", "true");
  await keep.click({ force: true });
  await page.keyboard.press("Escape");
  await page.mouse.click(5, 5);
  await expect(dialog.getByRole("button", { name: "Deleting…" })).toBeVisible();
  release();
  await expect(page).toHaveURL(`${webUrl()}/sign-in`);
  expect(await control("person/count", person.email)).toBe(0);
});

test("a deletion that was refused leaves a dialog that can be closed", async ({ page }) => {
  const person = await signUp(page);
  await page.goto(`${webUrl()}/account`);
  await deleteAccount(page, "not my password");
  await expect(page.getByRole("dialog").getByText("That isn't your password.")).toBeVisible();
  await page.getByRole("button", { name: "Keep it" }).click();
  await expect(page.getByRole("dialog")).toHaveCount(0);
  expect(await control("person/count", person.email)).toBe(1);
});

test("light and dark are chosen here, stay chosen, and are there from the first paint", async ({ page }) => {
  await page.emulateMedia({ colorScheme: "light" });
  await signUp(page);
  await page.goto(`${webUrl()}/account`);
  await page.getByRole("radio", { name: "Dark" }).check();
  const background = () => page.evaluate(() => getComputedStyle(document.documentElement).backgroundColor);
  const dark = await background();
  const html = await (await page.request.get(`${webUrl()}/tasks`)).text();
  expect(html).toContain('data-theme="dark"');
  await page.goto(`${webUrl()}/tasks`);
  expect(await background()).toBe(dark);
  await page.goto(`${webUrl()}/account`);
  await page.getByRole("radio", { name: "System" }).check();
  expect(await background()).not.toBe(dark);
  await page.emulateMedia({ colorScheme: "dark" });
  expect(await background()).toBe(dark);
});

test("what is clicked before the page's script runs is done when it runs", async ({ page }) => {
  await signUp(page);
  const release = await holdScripts(page);
  await page.goto(`${webUrl()}/account`, { waitUntil: "commit" });
  await page.getByRole("radio", { name: "Dark" }).click();
  await page.getByRole("switch").click();
  await page.getByRole("button", { name: "Delete account…" }).click();
  await expect(page.locator("html")).not.toHaveAttribute("data-theme", "dark");
  release();
  await expect(page.getByRole("dialog")).toBeVisible();
  await expect(page.locator("html")).toHaveAttribute("data-theme", "dark");
  await page.getByRole("button", { name: "Keep it" }).click();
  await expect(page.getByRole("switch")).not.toBeChecked();
  await expect(page.getByRole("radio", { name: "Dark" })).toBeChecked();
});
