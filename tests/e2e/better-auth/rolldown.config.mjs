/** Bundles whole.ts with the web client's own files; packages stay outside, and are found in `web/node_modules`. */
export default {
  input: new URL("whole.ts", import.meta.url).pathname,
  external: (id) => !id.startsWith(".") && !id.startsWith("/"),
  platform: "node",
  output: { format: "esm" },
};
