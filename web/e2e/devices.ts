/** Not a test: how long until a second browser shows what was changed through another replica. Run: npm run measure */
import { mkdtempSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { Program } from "./process";
import { apiUrl, authorization, expect, signUp, test, tokenOf, webUrl } from "./support";

const CHANGES = 200;
const BIN =
  process.env.TASKWARD_BIN ?? join(dirname(fileURLToPath(import.meta.url)), "..", "..", ".venv", "bin");

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}

test("two devices are one list", async ({ page }) => {
  test.setTimeout(240_000);
  const port = await freePort();
  const replica = new Program({
    name: "the other replica",
    file: join(BIN, "taskward"),
    args: ["serve"],
    cwd: mkdtempSync(join(tmpdir(), "taskward-replica-")),
    env: {
      DATABASE_URL: process.env.DATABASE_URL ?? "",
      JWKS_URL: `${webUrl()}/api/auth/jwks`,
      JWT_ISSUER: webUrl(),
      JWT_AUDIENCE: webUrl(),
      REVOCATIONS: "database",
      PORT: String(port),
    },
  });
  replica.start();
  const url = `http://127.0.0.1:${port}`;
  try {
    await replica.answers(`${url}/readyz`);
    const stream = page.waitForResponse((response) => response.url().includes("/events?") && response.ok());
    await signUp(page);
    await stream;
    expect(new URL(apiUrl()).port).not.toBe(String(port));
    const token = await tokenOf(page);
    const delays: number[] = [];
    for (let change = 0; change < CHANGES; change += 1) {
      const title = `Change ${change}.`;
      const shown = page.evaluate(
        (text) =>
          new Promise<number>((resolve) => {
            const look = () => {
              if (!document.querySelector("[data-row] [id^=title-]")?.textContent?.includes(text)) return;
              observer.disconnect();
              resolve(Date.now());
            };
            const observer = new MutationObserver(look);
            observer.observe(document.body, { subtree: true, childList: true, characterData: true });
          }),
        title,
      );
      const headers = await authorization(page, "POST", `${url}/api/me/tasks`, token);
      const response = await page.request.post(`${url}/api/me/tasks`, { headers, data: { title } });
      const answered = Date.now();
      expect(response.status()).toBe(201);
      delays.push(Math.max(0, (await shown) - answered));
      await page.waitForTimeout(100 + 100 * Math.random());
    }
    delays.sort((a, b) => a - b);
    const at = (share: number) => delays[Math.ceil(share * CHANGES) - 1];
    console.warn(
      `${CHANGES} changes through another replica, shown in a browser: p50 ${at(0.5)} ms, p99 ${at(0.99)} ms, worst ${at(1)} ms`,
    );
  } finally {
    await replica.stop();
  }
});
