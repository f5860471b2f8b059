/** Completes Next's standalone folder with what it leaves out: static files, public files and our own server. */
import { cpSync, existsSync, rmSync } from "node:fs";
import { join } from "node:path";

const standalone = join(".next", "standalone");
for (const from of [join(".next", "static"), "public", "server"]) {
  const to = join(standalone, from);
  rmSync(to, { recursive: true, force: true });
  if (existsSync(from)) cpSync(from, to, { recursive: true });
}
