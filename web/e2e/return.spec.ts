/** A page that was signed out, or could not ask, and goes on when it can. */
import type { Page } from "@playwright/test";
import {
  add,
  apiUrl,
  composer,
  control,
  expect,
  type Person,
  postAuth,
  row,
  settled,
  signUp,
  somebody,
  storedTitles,
  test,
  webUrl,
} from "./support";

const API = /\/api\/[^/]+\/tasks/;

/** A page whose browser keeps nothing: it is not left while something is unfinished on it. */
async function keepsNothing(page: Page): Promise<Person> {
  const person = somebody();
  await page.addInitScript(() => {
    Storage.prototype.setItem = () => {
      throw new DOMException("full", "QuotaExceededError");
    };
  });
  await signUp(page, person);
  await add(page, "Before");
  await composer(page).fill("half a thought");
  await expect(page.getByTestId("connection")).toContainText("What you typed is only in this window");
  return person;
}

test("a page that stayed open after its session ended goes on as soon as somebody has signed in", async ({
  page,
}) => {
  const person = await keepsNothing(page);
  await control("session/end", person.email);
  const bar = page.getByTestId("connection");
  await expect(bar).toContainText("You've been signed out.");
  await composer(page).press("Enter");
  await expect(row(page, "half a thought")).toContainText("Not saved yet");
  await expect(bar).toContainText("You've been signed out.");
  await expect(bar).not.toContainText("can't be reached");
  // By a way that tells the other tabs nothing.
  expect((await postAuth(page.request, "/sign-in/email", person)).status()).toBe(200);
  await settled(page);
  expect(await storedTitles(page)).toEqual(["half a thought", "Before"]);
});

test("a page whose tokens the service refuses says that, and goes on when it accepts them", async ({
  page,
}) => {
  await keepsNothing(page);
  await page.route(
    (url) => url.origin === apiUrl() && API.test(url.pathname),
    (route) => route.fulfill({ status: 401, json: {}, headers: { "Access-Control-Allow-Origin": webUrl() } }),
  );
  await composer(page).press("Enter");
  const bar = page.getByTestId("connection");
  await expect(bar).toContainText("The task service didn't accept your sign-in.");
  await expect(bar).not.toContainText("You've been signed out.");
  await page.unrouteAll();
  await settled(page);
  expect(await storedTitles(page)).toEqual(["half a thought", "Before"]);
});

test("a sign-in through another provider is told to the tabs that wait for one", async ({
  page,
  context,
}) => {
  test.skip(!process.env.CONTROL_URL, "this stack has no provider of ours");
  const other = await context.newPage();
  await other.goto(`${webUrl()}/sign-in?next=%2Faccount`);
  await expect(other.getByRole("button", { name: "Sign in", exact: true })).toBeEnabled();
  await page.goto(`${webUrl()}/sign-in?next=%2Ftasks%3Fshow%3Ddone`);
  await page.getByRole("button", { name: "Continue with Elsewhere" }).click();
  await expect(page).toHaveURL(`${webUrl()}/tasks?show=done`);
  await expect(other).toHaveURL(`${webUrl()}/account`);
});

test("a request for a token that is never answered does not silence the page", async ({ page }) => {
  await page.addInitScript(() => {
    // A tenth of the time that a person would wait.
    const limit = AbortSignal.timeout.bind(AbortSignal);
    AbortSignal.timeout = (ms) => limit(ms / 10);
  });
  let held = true;
  await page.route("**/api/auth/token", async (route) => {
    if (!held) await route.continue();
  });
  await signUp(page);
  await composer(page).fill("Patient");
  await composer(page).press("Enter");
  await expect(page.getByTestId("connection")).toContainText("Taskward can't be reached.");
  held = false;
  await settled(page);
  expect(await storedTitles(page)).toEqual(["Patient"]);
});
