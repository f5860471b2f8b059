/** A program of the stack: started, waited for, stopped, and quoted when it fails. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";

export interface Command {
  name: string;
  file: string;
  args: string[];
  cwd: string;
  env: Record<string, string>;
}

const PATIENCE_MS = 60_000;
const TAIL = 30;

export class Program {
  private child: ChildProcess | undefined;
  private readonly said: string[] = [];

  constructor(private readonly command: Command) {}

  start(): void {
    const { file, args, cwd, env } = this.command;
    const child = spawn(file, args, {
      cwd,
      env: { ...process.env, ...env } as NodeJS.ProcessEnv,
      stdio: "pipe",
    });
    for (const stream of [child.stdout, child.stderr]) {
      stream?.setEncoding("utf8").on("data", (text: string) => {
        this.said.push(...text.split("\n").filter(Boolean));
        this.said.splice(0, Math.max(0, this.said.length - 400));
      });
    }
    this.child = child;
  }

  async stop(signal: NodeJS.Signals = "SIGTERM"): Promise<void> {
    const { child } = this;
    this.child = undefined;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const gone = once(child, "exit");
    child.stdin?.end();
    child.kill(signal);
    await gone;
  }

  /** Everything it printed, or its last lines. */
  output(): readonly string[] {
    return this.said;
  }

  private complaint(why: string): Error {
    return new Error(`${this.command.name} ${why}. It said last:\n${this.said.slice(-TAIL).join("\n")}`);
  }

  /** Resolves once `ready` does not throw and is truthy. */
  async until<T>(ready: () => Promise<T | undefined>): Promise<T> {
    const deadline = Date.now() + PATIENCE_MS;
    while (Date.now() < deadline) {
      if (this.child?.exitCode != null) throw this.complaint(`ended with ${this.child.exitCode}`);
      const result = await ready().catch(() => undefined);
      if (result) return result;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    throw this.complaint("did not get ready");
  }

  answers(url: string): Promise<boolean> {
    return this.until(async () => (await fetch(url)).ok);
  }
}
