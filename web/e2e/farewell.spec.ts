import { connected } from "./database";
import { apiUrl, authorization, expect, signUp, stored, test, webUrl } from "./support";

test("while an account is being deleted nobody gets a token for it; an interrupted deletion lapses", async ({
  page,
}) => {
  const { email } = await signUp(page);
  const status = async () => (await page.request.get(`${webUrl()}/api/auth/token`)).status();
  await connected(async (client) => {
    const leave = (ago: string) =>
      client.query(
        `insert into auth.farewells (user_id, said_at)
         select id, now() - $2::interval from auth."user" where email = $1
         on conflict (user_id) do update set said_at = excluded.said_at`,
        [email, ago],
      );
    await leave("0 seconds");
    expect(await status()).toBe(503);
    await leave("2 minutes");
    expect(await status()).toBe(200);
    const rows = async () =>
      (
        await client.query(
          `select 1 from auth.farewells where user_id = (select id from auth."user" where email = $1)`,
          [email],
        )
      ).rowCount;
    await expect.poll(rows, { timeout: 60_000 }).toBe(0);
  });
  expect(await stored(page)).toEqual([]);
});

test("what a token still writes after its person was deleted by hand is swept away", async ({ page }) => {
  const { email } = await signUp(page);
  const tasks = `${apiUrl()}/api/me/tasks`;
  const headers = await authorization(page, "POST", tasks);
  const { id } = await connected(async (client) => {
    await page.request.post(tasks, { headers, data: { title: "Orphan" } });
    const { rows } = await client.query(`delete from auth."user" where email = $1 returning id`, [email]);
    return rows[0] as { id: string };
  });
  await connected(async (client) => {
    const left = async () => (await client.query("select 1 from tasks where user_id = $1", [id])).rowCount;
    expect(await left()).toBe(1);
    await expect.poll(left, { timeout: 60_000 }).toBe(0);
    // It is looked at again until no token of this person can be believed.
    const { rows } = await client.query(
      "select sweep_at > now() + interval '4 minutes' as later from auth.farewells where user_id = $1",
      [id],
    );
    expect(rows).toEqual([{ later: true }]);
  });
});
