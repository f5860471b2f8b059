import { connected } from "./database";
import {
  add,
  composer,
  control,
  deleteAccount,
  expect,
  postAuth,
  row,
  settled,
  signIn,
  signUp,
  storedTitles,
  test,
  webUrl,
} from "./support";

test.describe.configure({ mode: "serial" });

test("the service goes away and comes back, before and after the page is loaded", async ({ page }) => {
  await signUp(page);
  await add(page, "Anchor");
  await control("api/stop");
  try {
    await composer(page).fill("Kept for later");
    await composer(page).press("Enter");
    await expect(page.getByTestId("connection")).toContainText("Taskward can't be reached.");
    await expect(row(page, "Kept for later")).toContainText("Not saved yet");
    await page.reload();
    await expect(page.getByTestId("connection")).toContainText("1 change is kept here");
    await expect(row(page, "Kept for later")).toBeVisible();
  } finally {
    await control("api/start");
  }
  await settled(page);
  await expect(row(page, "Anchor")).toBeVisible();
  expect(await storedTitles(page)).toEqual(["Kept for later", "Anchor"]);
});

test("without the service the list says what is wrong, and appears by itself when it can", async ({
  page,
}) => {
  await signUp(page);
  await add(page, "Patient");
  await control("api/stop");
  try {
    await page.reload();
    await expect(page.getByRole("heading", { name: "Taskward can't be reached right now." })).toBeVisible();
    await expect(page.getByRole("button", { name: "Retry" })).toBeVisible();
    await expect(composer(page)).toBeFocused();
  } finally {
    await control("api/start");
  }
  await expect(row(page, "Patient")).toBeVisible();
});

test("an account is not half deleted when the service is away", async ({ page }) => {
  const person = await signUp(page);
  await add(page, "Mine");
  await page.goto(`${webUrl()}/account`);
  await control("api/stop");
  try {
    await deleteAccount(page, person.password);
    await expect(
      page.getByRole("dialog").getByText("your account and your tasks are still here"),
    ).toBeVisible();
  } finally {
    await control("api/start");
  }
  expect(await control("person/count", person.email)).toBe(1);
  await page.goto(`${webUrl()}/tasks`);
  await expect(row(page, "Mine")).toBeVisible();
});

test("the database goes away: nobody is signed out, and everything comes back", async ({ page }) => {
  await signUp(page);
  await add(page, "Deep");
  await control("database/stop");
  try {
    await composer(page).fill("Waiting for the database");
    await composer(page).press("Enter");
    await expect(page.getByTestId("connection")).toContainText("Taskward is busy right now.");
    await page.reload();
    await expect(page.getByRole("heading", { name: "One moment" })).toBeVisible();
  } finally {
    await control("database/start");
  }
  await expect(row(page, "Deep")).toBeVisible();
  await settled(page);
  expect(await storedTitles(page)).toContain("Waiting for the database");
});

/** Calls of Better Auth that need a session. */
const NEEDS_SESSION: [string, object | undefined][] = [
  ["/token", undefined],
  ["/own-sessions", undefined],
  ["/list-accounts", undefined],
  ["/own-sessions/end", { id: "any" }],
  ["/update-user", { name: "Augusta" }],
  ["/change-password", { currentPassword: "correct horse battery", newPassword: "another horse battery" }],
  ["/revoke-sessions", {}],
  ["/delete-user", {}],
];

test("a token is due while the database is away: no endpoint says that the session ended, and the page stays", async ({
  page,
}) => {
  await page.clock.install();
  const person = await signUp(page);
  await add(page, "Before");
  await control("database/stop");
  try {
    for (const [path, body] of NEEDS_SESSION) {
      const answer = await (body
        ? postAuth(page.request, path, body)
        : page.request.get(`${webUrl()}/api/auth${path}`));
      expect(answer.status(), path).toBe(500);
      expect(answer.headers()["set-cookie"], path).toBeUndefined();
    }
    await page.clock.fastForward(16 * 60_000);
    const refused = page.waitForResponse(/\/api\/auth\/token$/);
    await composer(page).fill("Meanwhile");
    await composer(page).press("Enter");
    expect((await refused).status()).toBe(500);
    await expect(page.getByTestId("connection")).toContainText("Taskward is busy right now.");
    await expect(page).toHaveURL(`${webUrl()}/tasks`);
  } finally {
    await control("database/start");
  }
  await settled(page);
  expect(await storedTitles(page)).toEqual(["Meanwhile", "Before"]);
  expect(await control("person/count", person.email)).toBe(1);
});

test("a database that does not answer is an answer within seconds, and everything comes back", async ({
  page,
}) => {
  await signUp(page);
  const token = () => page.request.get(`${webUrl()}/api/auth/token`);
  await connected(async (client) => {
    await client.query("begin");
    await client.query("lock table auth.session in access exclusive mode");
    try {
      // As many as there are connections.
      const answers = await Promise.all(Array.from({ length: 10 }, token));
      expect(new Set(answers.map((answer) => answer.status()))).toEqual(new Set([500]));
    } finally {
      await client.query("rollback");
    }
  });
  expect((await token()).status()).toBe(200);
});

test("the session ends with a half-typed task and a half-made edit: both are there after signing in", async ({
  page,
}) => {
  const person = await signUp(page);
  await add(page, "Essay");
  await page.getByRole("link", { name: "Open 1" }).click();
  await composer(page).fill("half a thought");
  await page.getByRole("button", { name: "Edit Essay" }).click();
  await page.getByRole("textbox", { name: "Title" }).fill("Essay, second dra");
  await page.getByRole("link", { name: "Done" }).click();
  await expect(page).toHaveURL(/show=done$/);
  // Its token would be good for another quarter of an hour. The service ends the stream, and the page asks why.
  await control("session/end", person.email);
  await expect(page).toHaveURL(/\/sign-in\?next=.*reason=ended/);
  await expect(page.getByText("You've been signed out.")).toBeVisible();
  await signIn(page, person);
  await expect(page).toHaveURL(/\/tasks\?show=done$/);
  await expect(composer(page)).toHaveValue("half a thought");
  await page.getByRole("link", { name: "Open" }).click();
  await expect(row(page, "Essay, second dra").or(page.getByRole("textbox", { name: "Title" }))).toBeVisible();
  await settled(page);
});
