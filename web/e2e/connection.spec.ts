import {
  add,
  apiUrl,
  composer,
  expect,
  row,
  settled,
  signUp,
  storedTitles,
  test,
  titles,
  webUrl,
} from "./support";

const API = /\/api\/[^/]+\/tasks/;

test("an expired token in the middle of an edit is renewed, and nobody notices", async ({ page }) => {
  await signUp(page);
  await add(page, "Plan");
  const tokens: string[] = [];
  let renewals = 0;
  page.on("request", (request) => {
    if (tokens.length > 0 && request.url().endsWith("/api/auth/token")) renewals += 1;
  });
  await page.route(API, async (route) => {
    const request = route.request();
    if (request.method() !== "PATCH") return route.continue();
    tokens.push(request.headers().authorization ?? "");
    if (tokens.length > 1) return route.continue();
    return route.fulfill({
      status: 401,
      headers: {
        "WWW-Authenticate": 'Bearer error="invalid_token", error_description="The access token expired"',
      },
      json: { code: "invalid_token", status: 401 },
    });
  });
  await page.getByRole("button", { name: "Edit Plan" }).click();
  await page.getByRole("textbox", { name: "Title" }).fill("Plan B");
  await page.keyboard.press("Enter");
  await expect(row(page, "Plan B")).toBeVisible();
  await settled(page);
  expect(tokens).toHaveLength(2);
  // Counted, not compared: of two tokens made within a second EdDSA signs the same text the same way.
  expect(renewals).toBe(1);
  expect(await storedTitles(page)).toEqual(["Plan B"]);
  await expect(page).toHaveURL(`${webUrl()}/tasks`);
});

for (const [clock, hours] of [
  ["fast", 10],
  ["slow", -10],
] as const) {
  test(`a clock that is ${clock} by hours, and is set right while the page is open, is noticed by nobody`, async ({
    page,
  }) => {
    await page.clock.install({ time: Date.now() + hours * 3_600_000 });
    await signUp(page);
    await add(page, "By the wrong time");
    await page.clock.setSystemTime(Date.now());
    await add(page, "By the right time");
    await page.getByRole("checkbox", { name: "By the wrong time" }).check();
    await settled(page);
    expect(await storedTitles(page)).toEqual(["By the right time", "By the wrong time"]);
    await expect(page).toHaveURL(`${webUrl()}/tasks`);
  });
}

test("offline: changes are kept, said to be kept, and sent in order", async ({ page, context }) => {
  await signUp(page);
  await add(page, "Old", "Done already");
  const sent: string[] = [];
  page.on("request", (request) => {
    if (API.test(request.url()) && request.method() !== "GET")
      sent.push(`${request.method()} ${request.postData()}`);
  });
  await context.setOffline(true);
  await expect(page.getByTestId("connection")).toContainText("You're offline.");
  await composer(page).fill("First");
  await composer(page).press("Enter");
  await composer(page).fill("Second");
  await composer(page).press("Enter");
  await page.getByRole("button", { name: "Edit First" }).click();
  await page.getByRole("textbox", { name: "Title" }).fill("First, thought over");
  await page.keyboard.press("Enter");
  await page.getByRole("checkbox", { name: "Second" }).check();
  await page.getByRole("checkbox", { name: "Old" }).check();
  await page.getByRole("checkbox", { name: "Old" }).uncheck();
  await expect(page.getByTestId("connection")).toContainText("changes are kept here");
  await expect(page).toHaveTitle("(3) Tasks · Taskward");
  await context.setOffline(false);
  await settled(page);
  expect(sent[0]).toContain("First");
  expect(sent.findIndex((line) => line.includes('"title":"First'))).toBeLessThan(
    sent.findIndex((line) => line.includes('"title":"Second"')),
  );
  await expect
    .poll(() => storedTitles(page))
    .toEqual(["Second", "First, thought over", "Done already", "Old"]);
  expect(await titles(page)).toEqual(["First, thought over", "Done already", "Old", "Second"]);
});

test("changes made offline survive closing the page", async ({ page, context }) => {
  await signUp(page);
  await add(page, "Before");
  await context.route(API, (route) => route.abort("connectionrefused"));
  await composer(page).fill("Written on the train");
  await composer(page).press("Enter");
  await expect(row(page, "Written on the train")).toContainText("Not saved yet");
  await page.close();
  await context.unroute(API);
  const later = await context.newPage();
  await later.goto(`${webUrl()}/tasks`);
  await expect(row(later, "Written on the train")).toBeVisible();
  await settled(later);
  expect(await storedTitles(later)).toEqual(["Written on the train", "Before"]);
});

test("a service that is busy is waited for as long as it says, and signs nobody out", async ({ page }) => {
  await signUp(page);
  await add(page, "Calm");
  const times: number[] = [];
  await page.route(API, (route) => {
    if (route.request().method() !== "POST") return route.continue();
    times.push(Date.now());
    if (times.length > 1) return route.continue();
    return route.fulfill({
      status: 503,
      headers: {
        "Retry-After": "2",
        "Access-Control-Allow-Origin": webUrl(),
        "Access-Control-Expose-Headers": "Retry-After",
      },
      json: { code: "database_unavailable" },
    });
  });
  await composer(page).fill("Patience");
  await composer(page).press("Enter");
  await expect(page.getByTestId("connection")).toContainText(/Trying again in [12] s/);
  await settled(page);
  expect((times[1] ?? 0) - (times[0] ?? 0)).toBeGreaterThanOrEqual(1900);
  expect(await storedTitles(page)).toContain("Patience");
  await expect(page).toHaveURL(`${webUrl()}/tasks`);
});

test("a new token that is refused all the same: says so in plain words, loses nothing, recovers by itself", async ({
  page,
}) => {
  await signUp(page);
  await add(page, "Safe");
  await composer(page).fill("half a thought");
  await page.route(API, (route) =>
    route.fulfill({
      status: 401,
      headers: { "WWW-Authenticate": 'Bearer error="invalid_token"' },
      json: { code: "invalid_token" },
    }),
  );
  // Not check(): it looks at the box again, and the page may have gone by then.
  await page.getByRole("checkbox", { name: "Safe" }).click();
  await expect(page.getByRole("heading", { name: "Almost there" })).toBeVisible();
  await expect(page.getByText("a clock or a setting on the server is wrong")).toBeVisible();
  await page.unroute(API);
  await expect(page).toHaveURL(`${webUrl()}/tasks`);
  await expect(composer(page)).toHaveValue("half a thought");
  await expect(page.getByRole("checkbox", { name: "Safe" })).toBeChecked();
});

for (const [what, answer, headline] of [
  ["does not answer", undefined, "Taskward can't be reached."],
  [
    "sends a page of HTML",
    { status: 502, contentType: "text/html", body: "<h1>Bad gateway</h1>" },
    "Taskward is busy",
  ],
] as const) {
  test(`the service ${what}: the rows of the page stay, the page says what is wrong and comes back by itself`, async ({
    page,
  }) => {
    await signUp(page);
    await add(page, "Still here");
    const either = /\/api\/[^/]+\/(tasks|events)/;
    await page.route(either, (route) => (answer ? route.fulfill(answer) : route.abort("connectionrefused")));
    await page.reload();
    await expect(page.getByTestId("connection")).toContainText(headline);
    await expect(row(page, "Still here")).toBeVisible();
    await expect(page.getByText("Bad gateway")).toHaveCount(0);
    await page.unroute(either);
    await settled(page);
    await expect(row(page, "Still here")).toBeVisible();
  });
}

test("the page may speak to itself and the service, and to nobody else", async ({ page }) => {
  const foreign: string[] = [];
  page.on("request", (request) => {
    if (![webUrl(), apiUrl()].some((origin) => request.url().startsWith(origin))) foreign.push(request.url());
  });
  const response = await page.goto(`${webUrl()}/sign-in`);
  const policy = response?.headers()["content-security-policy"] ?? "";
  expect(policy).toContain("default-src 'none'");
  expect(policy).toContain(`connect-src 'self' ${apiUrl()}`);
  expect(policy).not.toContain("unsafe");
  await signUp(page);
  await add(page, "Quiet");
  expect(foreign).toEqual([]);
});
