import { defineConfig, devices } from "@playwright/test";

export const chromium = {
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
  ],
};

const ALONE = /(outage|rotation|revocations)\.spec\.ts/;

export default defineConfig({
  testDir: "e2e",
  globalSetup: "./e2e/global-setup.ts",
  outputDir: "test-results",
  fullyParallel: true,
  workers: 2,
  forbidOnly: Boolean(process.env.CI),
  // A test that passes the second time has found something.
  retries: 0,
  // Bounds for what hangs, not promises: a busy machine takes ten times as long, mostly for hashing passwords.
  timeout: 120_000,
  expect: { timeout: 30_000 },
  reporter: [["list"]],
  use: {
    ...devices["Desktop Chrome"],
    channel: undefined,
    launchOptions: chromium,
    // It takes a tenth of the whole time. TRACE=1 records every test.
    trace: process.env.TRACE ? "on" : "off",
    // A page's requests would pass through it, where no test can hold or change them; offline.spec.ts has it at work.
    serviceWorkers: "block",
  },
  projects: [
    { name: "together", testIgnore: ALONE },
    // They stop servers, end keys and lock whole tables: one after the other, when the rest is done.
    { name: "alone", testMatch: ALONE, workers: 1, fullyParallel: false, dependencies: ["together"] },
  ],
});
