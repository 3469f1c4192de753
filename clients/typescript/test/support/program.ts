/** The real program, as a process that can be signalled, killed and started again. */
import { spawn, type ChildProcessByStdio } from "node:child_process";
import { once } from "node:events";
import { createInterface, type Interface } from "node:readline";
import type { Readable } from "node:stream";

/** The gridgate to test. */
export function binary(): string {
  const path = process.env["GRIDGATE_BINARY"];
  if (!path) throw new Error("GRIDGATE_BINARY names the gridgate to test");
  return path;
}

/** A process that runs. */
export class Program {
  readonly #child: ChildProcessByStdio<null, Readable, Readable>;
  readonly #lines: AsyncIterator<string>;
  readonly #ended: Promise<unknown>;
  #errors = "";

  /** Starts it, with these variables as its whole environment besides the path. */
  constructor(command: string, args: readonly string[], env: Record<string, string> = {}, cwd?: string) {
    this.#child = spawn(command, args, {
      env: { PATH: process.env["PATH"] ?? "", ...env },
      stdio: ["ignore", "pipe", "pipe"],
      ...(cwd && { cwd }),
    });
    this.#child.stderr.on("data", (text) => (this.#errors += String(text)));
    const lines: Interface = createInterface(this.#child.stdout);
    this.#lines = lines[Symbol.asyncIterator]();
    this.#ended = once(this.#child, "exit");
  }

  /** What it wrote to standard error. */
  get errors(): string {
    return this.#errors;
  }

  /** The next line on standard output. */
  async line(): Promise<string> {
    const { value, done } = await this.#lines.next();
    if (done) throw new Error(`it ended instead: ${this.#errors}`);
    return value;
  }

  /** The lines that are left, once it has ended. */
  async rest(): Promise<string[]> {
    const lines: string[] = [];
    for (let next = await this.#lines.next(); !next.done; next = await this.#lines.next()) lines.push(next.value);
    return lines;
  }

  signal(name: NodeJS.Signals): void {
    this.#child.kill(name);
  }

  /** Sends a signal, and waits until it has ended. */
  async end(name: NodeJS.Signals = "SIGKILL"): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    this.signal(name);
    await this.#ended;
  }
}
