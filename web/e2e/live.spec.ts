/** Two devices are one list. */
import { add, change, composer, expect, row, signIn, signUp, test, webUrl } from "./support";

test("what one device does is on the other within a second or so, words half-typed or not", async ({
  page,
  browser,
}) => {
  const person = await signUp(page);
  await add(page, "Shared");
  const phone = await (await browser.newContext()).newPage();
  await phone.goto(`${webUrl()}/sign-in`);
  await signIn(phone, person);
  await expect(row(phone, "Shared")).toBeVisible();
  await phone.waitForTimeout(1_500);
  await composer(phone).fill("half a thought");
  await add(page, "From the desk");
  await expect(row(phone, "From the desk")).toBeVisible({ timeout: 3_000 });
  await expect(phone.getByRole("link", { name: "All 2" })).toBeVisible();
  await row(phone, "Shared").getByRole("checkbox").click();
  await expect(page.getByRole("checkbox", { name: "Shared" })).toBeChecked({ timeout: 3_000 });
  await expect(composer(phone)).toHaveValue("half a thought");
  await phone.context().close();
});

test("one tab of a browser holds the stream, and its own changes are not told to it", async ({
  page,
  context,
}) => {
  const streams: string[] = [];
  context.on("request", (request) => request.url().includes("/events?") && streams.push(request.url()));
  await signUp(page);
  await expect.poll(() => streams.length).toBe(1);
  const other = await context.newPage();
  await other.goto(`${webUrl()}/tasks`);
  await add(page, "Told by the first tab");
  await expect(row(other, "Told by the first tab")).toBeVisible();
  await change(page, "Told by the first tab", { title: "Changed by a script" });
  await expect(row(other, "Changed by a script")).toBeVisible({ timeout: 3_000 });
  await expect(row(page, "Changed by a script")).toBeVisible({ timeout: 3_000 });
  expect(streams).toHaveLength(1);
});
