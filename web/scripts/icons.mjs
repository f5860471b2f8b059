/** Draws app/icon.svg as the pictures a phone asks for. Run after the drawing has changed: node scripts/icons.mjs */
import { readFileSync } from "node:fs";
import { chromium } from "@playwright/test";

const svg = readFileSync("app/icon.svg", "utf8");
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-gpu"],
});

/** `part`: how much of it the drawing takes, in per cent; a phone may cut the rest off. */
async function draw(/** @type {string} */ path, size = 512, part = 100, background = "transparent") {
  const page = await browser.newPage({ viewport: { width: size, height: size } });
  await page.setContent(`<style>
    html, body { margin: 0; background: ${background} }
    svg { position: absolute; inset: 0; margin: auto; width: ${part}%; height: ${part}% }
  </style>${svg}`);
  await page.screenshot({ path, omitBackground: background === "transparent" });
}

const PAPER = "#f6f4ee";
await draw("public/icon-192.png", 192);
await draw("public/icon-512.png");
await draw("public/icon-maskable.png", 512, 62, PAPER);
await draw("app/apple-icon.png", 180, 72, PAPER);
await browser.close();
