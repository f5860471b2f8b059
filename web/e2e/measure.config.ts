/** `npm run measure`: the figures, not the tests. */
import { defineConfig } from "@playwright/test";
import pictures from "./screenshots.config";

export default defineConfig({
  ...pictures,
  testMatch: ["**/measure.ts", "**/cold.ts", "**/devices.ts"],
  timeout: 240_000,
});
