import { SignJWT } from "jose";
import { connected } from "./database";
import { SECRET } from "./stack";
import { control, expect, fillSignUp, postAuth, signIn, signUp, somebody, test, webUrl } from "./support";

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

const OVER = "That link is too old or has been used.";

for (const [what, linkFor] of [
  ["is too old", expired],
  ["says nothing", async () => "nonsense"],
] as const) {
  test(`a link to confirm an address that ${what} says so, and another one can be sent`, async ({ page }) => {
    const { email } = await signUp(page);
    const link = `${webUrl()}/api/auth/verify-email?token=${await linkFor(email)}&callbackURL=%2Faccount`;
    await page.goto(link);
    await expect(page.getByText(OVER)).toBeVisible();
    const before = (await control<string[]>("mail/links", email)).length;
    await page.getByRole("button", { name: "Send a link" }).click();
    await expect(page.getByRole("main").getByText("A link is on its way.")).toBeVisible();
    await expect(page.getByText(OVER)).toHaveCount(0);
    await expect
      .poll(async () => (await control<string[]>("mail/links", email)).length)
      .toBeGreaterThan(before);
  });
}

test("a link that is too old says so after signing in, too", async ({ page }) => {
  const person = somebody();
  expect((await postAuth(page.request, "/sign-up/email", person)).status()).toBe(200);
  await page.context().clearCookies();
  const token = await expired(person.email);
  await page.goto(`${webUrl()}/api/auth/verify-email?token=${token}&callbackURL=%2Faccount`);
  await signIn(page, person);
  await expect(page.getByText(OVER)).toBeVisible();
});

/** What a letter of yesterday carries. */
function expired(email: string): Promise<string> {
  return new SignJWT({ email })
    .setProtectedHeader({ alg: "HS256" })
    .setExpirationTime(Math.floor(Date.now() / 1000) - 60)
    .sign(new TextEncoder().encode(SECRET));
}
