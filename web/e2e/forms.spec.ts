import {
  composer,
  expect,
  fillSignUp,
  holdScripts,
  postAuth,
  signIn,
  somebody,
  test,
  webUrl,
} from "./support";

const FORMS = ["/sign-in", "/sign-up", "/forgot-password", "/reset-password?token=x"];

test("as served, no form can put a password into an address, and each says that it needs JavaScript", async ({
  page,
}) => {
  for (const path of FORMS) {
    const html = await (await page.request.get(webUrl() + path)).text();
    const forms = html.match(/<form\b[\s\S]*?<\/form>/g) ?? [];
    expect(forms, path).toHaveLength(1);
    for (const form of forms) {
      expect(form, path).toMatch(/^<form[^>]* method="post"/);
      expect(form, path).toMatch(/<button type="submit"[^>]* disabled=""/);
      expect(form, path).toContain("<noscript>");
    }
    // No password field outside a form, and none that cuts what is pasted.
    const outside = html.replace(/<form\b[\s\S]*?<\/form>/g, "");
    expect(outside, path).not.toMatch(/type="password"/);
    for (const field of html.match(/<input[^>]*type="password"[^>]*>/g) ?? [])
      expect(field, path).not.toMatch(/maxlength/i);
  }
});

for (const path of ["/sign-in", "/sign-up"]) {
  test(`${path} without JavaScript sends nothing and keeps what was typed`, async ({ browser }) => {
    const context = await browser.newContext({ javaScriptEnabled: false });
    const page = await context.newPage();
    await page.goto(webUrl() + path);
    const requests: string[] = [];
    page.on("request", (request) => {
      // The browser asks for the icon when it likes.
      if (!request.url().includes("/icon.svg")) requests.push(request.url());
    });
    await page.locator("input[type=email]").fill("ada@example.org");
    await page.locator("input[type=password]").fill("correct horse battery");
    await page.locator("input[type=password]").press("Enter");
    await page.waitForTimeout(300);
    expect(page.url()).toBe(webUrl() + path);
    expect(requests).toEqual([]);
    await expect(page.locator("noscript p")).toBeVisible();
    await context.close();
  });
}

test("Enter before the script runs sends nothing; when it runs, what was typed is still there", async ({
  page,
}) => {
  const release = await holdScripts(page);
  const person = somebody();
  await page.goto(`${webUrl()}/sign-up`, { waitUntil: "commit" });
  await page.locator("input[name=name]").fill(person.name);
  await page.locator("input[type=email]").fill(person.email);
  await page.locator("input[type=password]").fill(person.password);
  await page.locator("input[type=password]").press("Enter");
  expect(page.url()).toBe(`${webUrl()}/sign-up`);
  release();
  await page.getByRole("button", { name: "Create account" }).click();
  await expect(composer(page)).toBeVisible();
});

test("a password that is too long is refused in words, and not cut", async ({ page }) => {
  const password = "p".repeat(160);
  await fillSignUp(page, { ...somebody(), password });
  await expect(page.getByText("too long: 128 characters at most")).toBeVisible();
  await expect(page.getByLabel("Password", { exact: true })).toHaveValue(password);
});

for (const [what, name] of [
  ["zero-width space", "\u200b"],
  ["soft hyphen", "\u00ad\u00ad"],
  ["Hangul filler", "\u3164"],
  ["Braille blank", "\u2800"],
  ["word joiner and variation selector", "\u2060\ufe0f"],
  ["nothing but spaces", "\u2003 \u00a0"],
] as const) {
  test(`a name of ${what} is refused by the page and by the server`, async ({ page }) => {
    await fillSignUp(page, { ...somebody(), name });
    // A field of spaces is not even sent by some browsers' own check.
    await expect(page).toHaveURL(/\/sign-up/);
    const response = await postAuth(page.request, "/sign-up/email", { ...somebody(), name });
    expect(response.status()).toBe(400);
    expect(await response.json()).toMatchObject({ code: "INVALID_NAME" });
  });
}

test("with cookies blocked, signing in says so", async ({ page }) => {
  // What a browser does that blocks them: it throws every Set-Cookie away.
  await page.route(/\/api\/auth\//, async (route) => {
    const response = await route.fetch();
    const { "set-cookie": _, ...headers } = response.headers();
    await page.context().clearCookies();
    await route.fulfill({ response, headers });
  });
  const person = somebody();
  await fillSignUp(page, person);
  await expect(page.getByRole("main").getByText("your browser blocks cookies")).toBeVisible();
  await page.goto(`${webUrl()}/sign-in`);
  await signIn(page, person);
  await expect(page.getByRole("main").getByText("Your browser blocks cookies")).toBeVisible();
  await expect(page.getByLabel("E-mail")).toHaveValue(person.email);
});

test("an e-mail that is taken leads to signing in with it", async ({ page }) => {
  const person = somebody();
  await postAuth(page.request, "/sign-up/email", person);
  await page.context().clearCookies();
  await fillSignUp(page, person);
  await page.getByRole("link", { name: "Sign in instead?" }).click();
  await expect(page.getByLabel("E-mail")).toHaveValue(person.email);
});
