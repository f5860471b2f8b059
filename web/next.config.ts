import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import type { NextConfig } from "next";

const here = dirname(fileURLToPath(import.meta.url));

const config: NextConfig = {
  output: "standalone",
  outputFileTracingRoot: here,
  turbopack: { root: here },
  // Half of the image otherwise: sharp and libvips resize images, and none is resized here.
  outputFileTracingExcludes: { "{next-server,/**}": ["node_modules/sharp/**/*", "node_modules/@img/**/*"] },
  // The server's own file sets the address header and serves the pages; it needs no name badge.
  poweredByHeader: false,
  reactStrictMode: true,
  // No image is optimised here, so the optimiser's endpoint is not offered.
  images: { unoptimized: true },
  // For pages, and for browsers without Brotli; scripts and styles are compressed when they are built (server/packed.mjs).
  compress: true,
  devIndicators: false,
  // `npm run typecheck` does it, in its own step: a person who runs `make run` should not wait for it.
  typescript: { ignoreBuildErrors: true },
  // Written for the next build, it makes the first one a third slower, and most machines build once.
  experimental: { turbopackFileSystemCacheForBuild: false },
  headers: async () => [
    {
      source: "/:path*",
      headers: [
        { key: "X-Content-Type-Options", value: "nosniff" },
        { key: "X-Frame-Options", value: "DENY" },
        { key: "Referrer-Policy", value: "same-origin" },
        { key: "Cross-Origin-Opener-Policy", value: "same-origin" },
        { key: "Permissions-Policy", value: "camera=(), microphone=(), geolocation=(), interest-cohort=()" },
      ],
    },
  ],
};

export default config;
