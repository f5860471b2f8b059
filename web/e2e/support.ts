/** What the tests share: people, their pages, and control over the stack. */
import { randomBytes } from "node:crypto";
import {
  type APIRequestContext,
  type APIResponse,
  test as base,
  expect,
  type Locator,
  type Page,
  type Route,
} from "@playwright/test";
import { authorize, DPOP, proofFor } from "../lib/api/dpop";
import { PEER_HEADER } from "./peer";

export const webUrl = () => process.env.WEB_URL ?? "";
export const apiUrl = () => process.env.API_URL ?? "";

export interface Person {
  name: string;
  email: string;
  password: string;
}

export function somebody(name = "Ada Lovelace"): Person {
  return { name, email: `${randomBytes(6).toString("hex")}@example.org`, password: "correct horse battery" };
}

/** Does something to the stack; skips the test where the stack is not ours to disturb. */
export async function control<T>(what: string, body = ""): Promise<T> {
  const url = process.env.CONTROL_URL;
  if (!url) base.skip(true, "this stack is not ours to disturb");
  const response = await fetch(`${url}/${what}`, { method: "POST", body });
  if (!response.ok) throw new Error(`${what}: ${await response.text()}`);
  return (await response.json()) as T;
}

/** Fills in the form to sign up and sends it. */
export async function fillSignUp(page: Page, person: Person): Promise<void> {
  await page.goto(`${webUrl()}/sign-up`);
  await page.getByLabel("Name").fill(person.name);
  await page.getByLabel("E-mail").fill(person.email);
  await page.getByLabel("Password", { exact: true }).fill(person.password);
  await page.getByRole("button", { name: "Create account" }).click();
}

/** A new person on the page of their tasks. The form that leads there is tried by tests of its own. */
export async function signUp(page: Page, person = somebody()): Promise<Person> {
  const answer = await postAuth(page.request, "/sign-up/email", person);
  expect(answer.status()).toBe(200);
  await page.goto(`${webUrl()}/tasks`);
  await expect(page.getByRole("heading", { name: "Tasks", exact: true })).toBeVisible();
  return person;
}

export async function signIn(page: Page, { email, password }: Person): Promise<void> {
  await page.getByLabel("E-mail").fill(email);
  await page.getByLabel("Password", { exact: true }).fill(password);
  await page.getByRole("button", { name: "Sign in", exact: true }).click();
}

export async function openMenu(page: Page): Promise<void> {
  await page.getByRole("button", { name: /^Menu of/ }).click();
}

export async function signOut(page: Page): Promise<void> {
  await openMenu(page);
  await page.getByRole("menuitem", { name: "Sign out" }).click();
  await expect(page).toHaveURL(/\/sign-in/);
}

/** On the account page: asks for the account's deletion, with this password. */
export async function deleteAccount(page: Page, password: string): Promise<void> {
  const field = page.getByLabel("Your password");
  if (!(await field.isVisible())) await page.getByRole("button", { name: "Delete account…" }).click();
  await field.fill(password);
  await page.getByRole("button", { name: "Delete for good" }).click();
}

/** A request to Better Auth from the page's origin. */
export const postAuth = (
  request: APIRequestContext,
  path: string,
  data: unknown,
  headers: Record<string, string> = {},
): Promise<APIResponse> =>
  request.post(`${webUrl()}/api/auth${path}`, { headers: { Origin: webUrl(), ...headers }, data });

/** Holds the page's scripts back, as a slow network does, until what it returns is called. */
export async function holdScripts(page: Page): Promise<() => void> {
  let release = () => {};
  const held = new Promise<void>((resolve) => {
    release = resolve;
  });
  await page.route(/_next\/static\/.*\.js/, async (route) => {
    await held;
    await route.continue();
  });
  return release;
}

export const composer = (page: Page): Locator => page.getByRole("textbox", { name: "New task" });

export const row = (page: Page, title: string): Locator =>
  page.getByTestId("task").filter({ hasText: title });

/** Everything shown has been confirmed by the service. */
export async function settled(page: Page): Promise<void> {
  await expect(page.locator("[data-saving]")).toHaveCount(0);
  await expect(page.getByTestId("connection")).toHaveCount(0);
}

export async function add(page: Page, ...titles: string[]): Promise<void> {
  // On a phone a button brings up the form.
  if (!(await composer(page).isVisible()))
    await page.getByRole("button", { name: "New task", exact: true }).click();
  for (const title of titles) {
    await composer(page).fill(title);
    await composer(page).press("Enter");
    await expect(row(page, title)).toBeVisible();
  }
  await settled(page);
}

/**
 * Requests for `url` go to `refuse` until the person has pressed Retry. The page also tries again by itself, after a second
 * for the first time: however slow the machine is, that must not be what ends the refusals.
 */
export async function refuseUntilRetry(
  page: Page,
  url: RegExp,
  refuse: (route: Route) => Promise<void>,
): Promise<void> {
  await page.evaluate(() => {
    const notice = ({ target }: Event) => {
      if ((target as Element).closest("button")?.textContent === "Retry")
        document.documentElement.dataset.retried = "";
    };
    addEventListener("click", notice, { capture: true });
  });
  await page.route(url, async (route) => {
    const retried = await page.evaluate(() => "retried" in document.documentElement.dataset);
    await (retried ? route.continue() : refuse(route));
  });
}

/** The service fails every edit of a task from here on. */
export async function failEdits(page: Page): Promise<void> {
  await page.route(/\/tasks\/[^/]+$/, (route) =>
    route.request().method() === "PATCH" ? route.fulfill({ status: 500, body: "" }) : route.continue(),
  );
}

/** Titles in the order they are shown. */
export async function titles(page: Page): Promise<string[]> {
  return page.locator("[data-row] [id^=title-]").allInnerTexts();
}

/** The person's own token, as the page would get it; bound to a key of this test where the client was built so. */
export async function tokenOf(page: Page): Promise<string> {
  const url = `${webUrl()}/api/auth/token`;
  const headers: Record<string, string> = DPOP ? { DPoP: await proofFor("GET", url) } : {};
  const response = await page.request.get(url, { headers });
  const { token } = (await response.json()) as { token: string };
  return token;
}

/** The header fields of one request to the service, with a proof where tokens are bound; `token` is one of `tokenOf`. */
export async function authorization(
  page: Page,
  method: string,
  url: string,
  token?: string,
): Promise<Record<string, string>> {
  const headers = new Headers();
  await authorize(headers, token ?? (await tokenOf(page)), method, url);
  return Object.fromEntries(headers);
}

export interface Stored {
  id: string;
  title: string;
  description: string | null;
  completed: boolean;
}

/** What the service really has. */
export async function stored(page: Page): Promise<Stored[]> {
  const url = `${apiUrl()}/api/me/tasks?limit=200`;
  const response = await page.request.get(url, { headers: await authorization(page, "GET", url) });
  expect(response.ok()).toBe(true);
  const { items } = (await response.json()) as { items: Stored[] };
  return items;
}

export const storedTitles = async (page: Page): Promise<string[]> =>
  (await stored(page)).map(({ title }) => title);

/** Changes a task behind the page's back, as another device would. */
export async function change(page: Page, title: string, patch: Partial<Stored>): Promise<void> {
  const task = (await stored(page)).find((candidate) => candidate.title === title);
  const url = `${apiUrl()}/api/me/tasks/${task?.id}`;
  const response = await page.request.patch(url, {
    headers: await authorization(page, "PATCH", url),
    data: patch,
  });
  expect(response.ok()).toBe(true);
}

interface Fixtures {
  /** The IP address this test's requests come from, so that no test uses up another's attempts. */
  peer: string;
  /** Errors the page's script threw or the browser's policy blocked. */
  complaints: string[];
}

/**
 * A test whose page must not throw and must not trip over its own Content-Security-Policy. When it fails, it prints where
 * the page was and what it showed.
 */
export const test = base.extend<Fixtures>({
  // biome-ignore lint/correctness/noEmptyPattern: Playwright reads from it which fixtures this one needs
  peer: async ({}, use) => use(`10.${[...randomBytes(3)].join(".")}`),
  extraHTTPHeaders: async ({ peer }, use) => use(process.env.CONTROL_URL ? { [PEER_HEADER]: peer } : {}),
  complaints: [
    async ({ page }, use, info) => {
      const complaints: string[] = [];
      page.on("pageerror", (error) => complaints.push(error.message));
      page.on("console", (message) => {
        if (/Content Security Policy|Hydration|hydrat/i.test(message.text())) complaints.push(message.text());
      });
      await use(complaints);
      if (info.status !== info.expectedStatus) {
        const shown = await page.locator("body").ariaSnapshot({ timeout: 5_000 }).catch(String);
        console.error(`${info.title}\nat ${page.url()}\n${shown}`);
      }
      expect(complaints).toEqual([]);
    },
    { auto: true },
  ],
});

export { expect };
