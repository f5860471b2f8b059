import { PEER_HEADER } from "./peer";
import { expect, postAuth, signIn, signOut, signUp, test } from "./support";

test("five wrong passwords: the sixth waits, is told how long, and no forged header helps", async ({
  page,
  peer,
}) => {
  await page.clock.install();
  const person = await signUp(page);
  await signOut(page);
  const attempt = (password: string, headers: Record<string, string> = {}) =>
    postAuth(page.request, "/sign-in/email", { email: person.email, password }, headers);
  // A password that was right does not count.
  expect((await attempt(person.password)).status()).toBe(200);
  await page.context().clearCookies();
  const wrong = () => page.getByRole("main").getByText("don't match an account");
  for (let tries = 0; tries < 5; tries += 1) {
    // What a client sends under this name, the proxy keeps, and adds whom it sees.
    const response = await attempt(`wrong ${tries}`, { [PEER_HEADER]: `203.0.113.${tries}, ${peer}` });
    expect(response.status()).toBe(401);
  }
  await signIn(page, { ...person, password: "wrong again" });
  await expect(page.getByRole("main").getByText(/Too many attempts\. Try again in \d+ s\./)).toBeVisible();
  await expect(wrong()).toHaveCount(0);
  await expect(page.getByRole("button", { name: "Sign in", exact: true })).toHaveAttribute(
    "aria-disabled",
    "true",
  );
  for (const header of ["X-Real-IP", "Forwarded", "X-Taskward-Peer", "CF-Connecting-IP"]) {
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
