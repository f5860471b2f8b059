/** `npm run shots`: every state worth looking at, into docs/screenshots. */
import { defineConfig } from "@playwright/test";
import tests from "../playwright.config";

export default defineConfig({
  ...tests,
  testDir: ".",
  testMatch: "**/screenshots.ts",
  globalSetup: "./global-setup.ts",
  outputDir: "../test-results",
  projects: undefined,
  workers: 1,
  fullyParallel: false,
  timeout: 120_000,
});
