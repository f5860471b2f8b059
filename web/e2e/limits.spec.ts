import { expect, signIn, signOut, signUp, test, webUrl } from "./support";

// The last file of the last project: afterwards this address has to wait.
test("five wrong passwords: the sixth waits, is told how long, and no forged header helps", async ({
  page,
}) => {
  await page.clock.install();
  const person = await signUp(page);
  await signOut(page);
  const attempt = (password: string, headers: Record<string, string> = {}) =>
    page.request.post(`${webUrl()}/api/auth/sign-in/email`, {
      headers: { Origin: webUrl(), ...headers },
      data: { email: person.email, password },
    });
  // A password that was right does not count.
  expect((await attempt(person.password)).status()).toBe(200);
  await page.context().clearCookies();
  const wrong = () => page.getByRole("main").getByText("don't match an account");
  let failures = 0;
  for (let tries = 0; tries < 5; tries += 1) {
    const response = await attempt(`wrong ${tries}`, { "X-Forwarded-For": `203.0.113.${tries}` });
    if (response.status() === 401) failures += 1;
  }
  expect(failures).toBeGreaterThanOrEqual(3);
  await signIn(page, { ...person, password: "wrong again" });
  await expect(page.getByRole("main").getByText(/Too many attempts\. Try again in \d+ s\./)).toBeVisible();
  await expect(wrong()).toHaveCount(0);
  await expect(page.getByRole("button", { name: "Sign in", exact: true })).toHaveAttribute(
    "aria-disabled",
    "true",
  );
  for (const header of ["X-Forwarded-For", "X-Real-IP", "Forwarded", "X-Taskward-Peer", "CF-Connecting-IP"]) {
    const response = await attempt(person.password, { [header]: "198.51.100.7" });
    expect(response.status(), header).toBe(429);
    expect(Number(response.headers()["retry-after"])).toBeGreaterThan(0);
  }
  await page.clock.fastForward("01:01");
  await expect(page.getByRole("button", { name: "Sign in", exact: true })).toHaveAttribute(
    "aria-disabled",
    "false",
  );
});
