import type { Browser, Page } from "@playwright/test";
import { connected } from "./database";
import {
  add,
  apiUrl,
  authorization,
  control,
  expect,
  type Person,
  postAuth,
  signIn,
  signUp,
  somebody,
  storedTitles,
  test,
  tokenOf,
  webUrl,
} from "./support";

async function elsewhere(browser: Browser, person: Person): Promise<Page> {
  const page = await (await browser.newContext()).newPage();
  await page.goto(`${webUrl()}/sign-in`);
  await signIn(page, person);
  await expect(page.getByRole("heading", { name: "Tasks", exact: true })).toBeVisible();
  return page;
}

/**
 * A page whose session was ended goes to sign in by itself. It is waited for: a navigation or the end of the context at the
 * same moment can hang until the test's time is over.
 */
const steppedOut = (page: Page) => expect(page).toHaveURL(/\/sign-in/);

const tokenStatus = async (page: Page) => (await page.request.get(`${webUrl()}/api/auth/token`)).status();

async function account(page: Page): Promise<void> {
  await page.goto(`${webUrl()}/account`);
  await expect(page.getByText("this browser", { exact: true })).toBeVisible();
}

test("sign out there ends that session and no other", async ({ page, browser }) => {
  const person = await signUp(page);
  const [second, third] = [await elsewhere(browser, person), await elsewhere(browser, person)];
  await account(page);
  await expect(page.getByRole("button", { name: "Sign out there" })).toHaveCount(2);
  // The list is for the page's script: no session's token is in it.
  const list = await (await page.request.get(`${webUrl()}/api/auth/own-sessions`)).text();
  expect(list).not.toContain("token");
  const theirs = await Promise.all([page, second, third].map(tokenOf));
  // The latest is listed first.
  await page.getByRole("button", { name: "Sign out there" }).first().click();
  await expect(page.getByRole("button", { name: "Sign out there" })).toHaveCount(1);
  // The token that this session already had is refused by the service, within a second.
  const tasks = `${apiUrl()}/api/me/tasks`;
  const believed = async (token: string) => {
    const headers = await authorization(page, "GET", tasks, token);
    return (await page.request.get(tasks, { headers })).status();
  };
  await expect
    .poll(() => Promise.all(theirs.map(believed)), { timeout: 1_000, intervals: [50] })
    .toEqual([200, 200, 401]);
  expect(await Promise.all([page, second, third].map(tokenStatus))).toEqual([200, 200, 401]);
  await steppedOut(third);
  await Promise.all([second.context().close(), third.context().close()]);
});

test("nobody ends a session of somebody else", async ({ page, browser }) => {
  await signUp(page);
  const other = await (await browser.newContext()).newPage();
  await signUp(other);
  const theirs = (await (await other.request.get(`${webUrl()}/api/auth/own-sessions`)).json()) as {
    id: string;
  }[];
  await postAuth(page.request, "/own-sessions/end", { id: theirs[0]?.id });
  expect(await tokenStatus(other)).toBe(200);
  const foreign = await postAuth(
    other.request,
    "/own-sessions/end",
    { id: theirs[0]?.id },
    { Origin: "https://evil.example" },
  );
  expect(foreign.status()).toBe(403);
  expect(await tokenStatus(other)).toBe(200);
  await other.context().close();
});

test("sign out everywhere ends every session, this one too", async ({ page, browser }) => {
  const person = await signUp(page);
  const other = await elsewhere(browser, person);
  await account(page);
  await page.getByRole("button", { name: "Sign out everywhere" }).click();
  await expect(page).toHaveURL(/\/sign-in/);
  expect(await Promise.all([page, other].map(tokenStatus))).toEqual([401, 401]);
  await steppedOut(other);
  await other.context().close();
});

test("the list is there a week after signing in", async ({ page }) => {
  const { email } = await signUp(page);
  await connected((client) =>
    client.query(
      `update auth.session set "createdAt" = now() - interval '6 days'
       where "userId" = (select id from auth."user" where email = $1)`,
      [email],
    ),
  );
  await account(page);
});

for (const path of ["/tasks", "/account"]) {
  test(`a session that is used every day goes on: ${path} renews the browser's cookie with it`, async ({
    page,
  }) => {
    const person = somebody();
    const { email } = person;
    expect((await postAuth(page.request, "/sign-up/email", person)).status()).toBe(200);
    await connected((client) =>
      client.query(
        `update auth.session set "expiresAt" = now() + interval '5 days', "updatedAt" = now() - interval '2 days'
         where "userId" = (select id from auth."user" where email = $1)`,
        [email],
      ),
    );
    const renewed = page.waitForResponse(async (answer) =>
      /session_token=.*Max-Age=604800/.test((await answer.headerValue("set-cookie")) ?? ""),
    );
    await page.goto(webUrl() + path);
    expect(new URL((await renewed).url()).pathname).toMatch(/^\/api\/auth\//);
    await connected(async (client) => {
      const { rows } = await client.query(
        `select "expiresAt" > now() + interval '6 days' as renewed from auth.session
         where "userId" = (select id from auth."user" where email = $1)`,
        [email],
      );
      expect(rows).toEqual([{ renewed: true }]);
    });
  });
}

test("the page that changes the password stays, though the service's word comes before the answer", async ({
  page,
}) => {
  const person = await signUp(page);
  await account(page);
  await page.route("**/api/auth/change-password", async (route) => {
    const request = route.request();
    // The stream ends, and the service refuses the token of the old session.
    const refused = page.waitForResponse(
      (answer) => answer.url().includes("/events?") && answer.status() === 401,
    );
    // Not by Playwright: that would give the page the new cookie before the answer.
    const answer = await fetch(request.url(), {
      method: "POST",
      headers: await request.allHeaders(),
      body: request.postData(),
    });
    await refused;
    // Long enough for the page to act on what it heard.
    await page.waitForTimeout(300);
    const headers = Object.fromEntries(answer.headers);
    await route.fulfill({ status: answer.status, headers, body: await answer.text() });
  });
  await page.getByLabel("Current password").fill(person.password);
  await page.getByLabel("New password").fill("another horse battery");
  await page.getByRole("button", { name: "Change password" }).click();
  await expect(page.getByRole("region", { name: "Notices" })).toContainText("Your new password is saved.");
  await expect(page).toHaveURL(`${webUrl()}/account`);
  expect(await tokenStatus(page)).toBe(200);
  await page.goto(`${webUrl()}/tasks`);
  await add(page, "Afterwards");
});

test("a session that is over does not take the cookie of the next one with it", async ({ page }) => {
  const { email } = await signUp(page);
  const [cookie] = (await page.context().cookies()).filter(({ name }) => name.includes("session_token"));
  await control("session/end", email);
  const late = await fetch(`${webUrl()}/api/auth/token`, {
    headers: { Cookie: `${cookie?.name}=${cookie?.value}` },
  });
  expect(late.status).toBe(401);
  expect(late.headers.get("set-cookie")).toBeNull();
  await steppedOut(page);
});

test("a new password ends every other session; a wrong one changes nothing", async ({ page, browser }) => {
  const person = await signUp(page);
  const other = await elsewhere(browser, person);
  await account(page);
  const change = async (current: string) => {
    await page.getByLabel("Current password").fill(current);
    await page.getByLabel("New password").fill("another horse battery");
    await page.getByRole("button", { name: "Change password" }).click();
  };
  await change("not my password");
  await expect(page.getByRole("main").getByText("That isn't your password.")).toBeVisible();
  expect(await tokenStatus(other)).toBe(200);
  await change(person.password);
  await expect(page.getByRole("button", { name: "Sign out there" })).toHaveCount(0);
  expect(await Promise.all([page, other].map(tokenStatus))).toEqual([200, 401]);
  await steppedOut(other);
  await signIn(other, { ...person, password: "another horse battery" });
  await expect(other.getByRole("heading", { name: "Tasks", exact: true })).toBeVisible();
  await other.context().close();
});

test("a new name is shown at once; one that shows nothing is refused", async ({ page }) => {
  await signUp(page);
  await account(page);
  await page.getByLabel("Name").fill("\u3164");
  await page.getByRole("button", { name: "Save name" }).click();
  await expect(page.getByText("a name that can be seen")).toBeVisible();
  const refused = await postAuth(page.request, "/update-user", { name: "\u200b" });
  expect(refused.status()).toBe(400);
  await page.getByLabel("Name").fill("Augusta King");
  await page.getByRole("button", { name: "Save name" }).click();
  await expect(page.getByRole("button", { name: "Menu of Augusta King" })).toBeVisible();
});

for (const kind of ["JSON", "CSV"]) {
  test(`all tasks leave as ${kind} and come back in another account, once`, async ({ page, browser }) => {
    await signUp(page);
    await add(page, "First", "=2+2", "Third, with “quotes”");
    await account(page);
    const download = page.waitForEvent("download");
    await page.getByRole("button", { name: `Export as ${kind}` }).click();
    const path = await (await download).path();
    const other = await (await browser.newContext()).newPage();
    await signUp(other);
    await account(other);
    for (const said of ["3 tasks added.", "0 tasks added. 3 tasks already here."]) {
      await other.getByLabel("File of tasks").setInputFiles(path);
      await expect(other.getByText(said).first()).toBeVisible();
    }
    expect(await storedTitles(other)).toEqual(await storedTitles(page));
    // In the account it came from, nothing is new.
    await page.getByLabel("File of tasks").setInputFiles(path);
    await expect(page.getByText("0 tasks added. 3 tasks already here.").first()).toBeVisible();
    await other.context().close();
  });
}
