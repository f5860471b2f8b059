/**
 * Better Auth as the web client runs it, with its triggers and its feed, and without its pages.
 *
 * Bundled by rolldown and given to Node on standard input with `web/` as working directory. Listens on PORT.
 */
import { createServer } from "node:http";
import { toNodeHandler } from "better-auth/node";
import { getAuth } from "../../../web/lib/server/auth";
import { migrate } from "../../../web/lib/server/migrate";
import { PEER_HEADER } from "../../../web/lib/server/peer";

await migrate();
const handle = toNodeHandler(await getAuth());
let peer = 0;
createServer((request, response) => {
  // Every request is somebody else's, so that no limit of an address is met.
  peer = (peer + 1) % 0xffffff;
  request.headers[PEER_HEADER] = `10.${peer >> 16}.${(peer >> 8) & 255}.${peer & 255}`;
  handle(request, response);
}).listen(Number(process.env.PORT), "127.0.0.1", () => console.log("ready"));
