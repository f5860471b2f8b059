import {
  add,
  composer,
  control,
  expect,
  refuseUntilRetry,
  row,
  settled,
  signUp,
  storedTitles,
  test,
  webUrl,
} from "./support";

const QUARTER_HOUR = "16:00";

test("the signing key is rotated while the page is open, and nobody notices", async ({ page }) => {
  await page.clock.install();
  await signUp(page);
  await add(page, "Old key");
  const before = await control<{ id: string }[]>("keys/list");
  await control("keys/rotate");
  await page.clock.fastForward(QUARTER_HOUR);
  await add(page, "New key");
  const after = await control<{ id: string }[]>("keys/list");
  expect(after.length).toBe(before.length + 1);
  expect(await storedTitles(page)).toEqual(["New key", "Old key"]);
  await expect(page).toHaveURL(`${webUrl()}/tasks`);
});

test("Better Auth is away when a token is due: nobody is signed out, and the change is sent afterwards", async ({
  page,
}) => {
  await page.clock.install();
  await signUp(page);
  await add(page, "With a token");
  await refuseUntilRetry(page, /\/api\/auth\/token/, (route) => route.abort("connectionrefused"));
  await page.clock.fastForward(QUARTER_HOUR);
  await composer(page).fill("Without one");
  await composer(page).press("Enter");
  await expect(page.getByTestId("connection")).toContainText("Taskward can't be reached.");
  await row(page, "Without one").getByRole("button", { name: "Retry" }).click();
  await settled(page);
  expect(await storedTitles(page)).toEqual(["Without one", "With a token"]);
});
