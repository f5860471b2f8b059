import { connected } from "./database";
import { control, expect, fillSignUp, signIn, signUp, somebody, test, webUrl } from "./support";

async function link(email: string, path: string): Promise<string> {
  let found: string | undefined;
  await expect
    .poll(async () => {
      const links = await control<string[]>("mail/links", email);
      found = links.find((url) => url.includes(path));
      return found;
    })
    .toBeTruthy();
  return found ?? "";
}

test("a forgotten password: the mail's link leads to a new one, once, and signs out everywhere", async ({
  page,
  browser,
}) => {
  const person = await signUp(page);
  const other = await (await browser.newContext()).newPage();
  await other.goto(`${webUrl()}/sign-in`);
  await other.getByRole("link", { name: "Forgot your password?" }).click();
  await other.getByLabel("E-mail").fill(person.email);
  await other.getByRole("button", { name: "Send the link" }).click();
  await expect(other.getByRole("main").getByText("a link is on its way")).toBeVisible();
  const url = await link(person.email, "/reset-password");
  await other.goto(url);
  await other.getByLabel("New password").fill("a new password altogether");
  await other.getByRole("button", { name: "Save the new password" }).click();
  await expect(other.getByText("Your new password is saved")).toBeVisible();
  // The first browser is signed out by it.
  expect((await page.request.get(`${webUrl()}/api/auth/token`)).status()).toBe(401);
  await signIn(other, { ...person, password: "a new password altogether" });
  await expect(other.getByRole("heading", { name: "Tasks", exact: true })).toBeVisible();
  await page.goto(url);
  await expect(page.getByText("has been used already")).toBeVisible();
  await other.context().close();
});

test("a forgotten password of nobody reads the same, and no mail is sent", async ({ page }) => {
  const { email } = somebody();
  await page.goto(`${webUrl()}/forgot-password`);
  await page.getByLabel("E-mail").fill(email);
  await page.getByRole("button", { name: "Send the link" }).click();
  await expect(page.getByRole("main").getByText("a link is on its way")).toBeVisible();
  expect(await control("mail/links", email)).toEqual([]);
});

test("an e-mail address is confirmed by the link of the mail that sign-up sends", async ({ page }) => {
  const person = somebody();
  await fillSignUp(page, person);
  const url = await link(person.email, "/verify-email");
  await page.goto(url);
  await expect(page.getByRole("heading", { name: "Account", exact: true })).toBeVisible();
  await connected(async (client) => {
    const { rows } = await client.query(`select "emailVerified" as done from auth."user" where email = $1`, [
      person.email,
    ]);
    expect(rows).toEqual([{ done: true }]);
  });
});
