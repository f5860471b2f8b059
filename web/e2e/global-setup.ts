/**
 * Starts the stack and a small server through which the tests can disturb it. With WEB_URL and API_URL set, uses the
 * stack that runs there; tests that must disturb it are then skipped.
 */
import { createServer } from "node:http";
import { text } from "node:stream/consumers";
import { DPOP } from "../lib/api/dpop";
import { Stack } from "./stack";

export default async function setUp(): Promise<() => Promise<void>> {
  if (process.env.WEB_URL && process.env.API_URL) return async () => {};
  // For the service, and for what tests start besides it: a client that was built to bind its tokens has them bound.
  process.env.DPOP ??= DPOP ? "require" : "off";
  const began = Date.now();
  const stack = await Stack.start();
  const control = createServer(async (request, response) => {
    const act = stack.controls[request.url?.slice(1) ?? ""];
    try {
      const result = act ? await act(await text(request)) : undefined;
      response.writeHead(act ? 200 : 404).end(JSON.stringify(result ?? null));
    } catch (error) {
      response.writeHead(500).end(String(error));
    }
  });
  await new Promise<void>((resolve) => control.listen(0, "127.0.0.1", resolve));
  const { port } = control.address() as { port: number };
  Object.assign(process.env, {
    WEB_URL: stack.webUrl,
    API_URL: stack.apiUrl,
    DATABASE_URL: stack.databaseUrl(),
    CONTROL_URL: `http://127.0.0.1:${port}`,
  });
  console.warn(`The stack is up after ${((Date.now() - began) / 1000).toFixed(1)} s.`);
  return async () => {
    control.close();
    await stack.stop();
  };
}
