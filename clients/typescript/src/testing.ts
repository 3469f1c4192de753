/**
 * A sandbox for tests: a real gridgate in front of its own Grid, on free ports, with decisions by hand.
 *
 * @packageDocumentation
 */
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { connect, type Gridgate } from "./node.js";

/** The details of errors, for transports that stand in for gridgate. */
export * from "./gen/google/rpc/error_details_pb.js";

/** How to start a sandbox. */
export interface SandboxOptions {
  /** The program: `GRIDGATE_BINARY`, or `gridgate` on the path. */
  readonly binary?: string;
  /** More arguments of `gridgate serve --sandbox`, such as `--sandbox-regulated`. */
  readonly args?: readonly string[];
}

/** What the program may need of the environment. gridgate's own variables are not for the sandbox. */
const INHERITED = ["PATH", "HOME", "TMPDIR", "SYSTEMROOT"];

/** A sandbox that runs. */
export class Sandbox {
  /** A client of its gridgate. */
  readonly gridgate: Gridgate;
  /** The URL of its gRPC API. */
  readonly url: string;
  /** The URL of the sandbox's control API (docs/SANDBOX.md). */
  readonly controlUrl: string;
  readonly #process: ChildProcess;

  private constructor(child: ChildProcess, addresses: { grpc: string; sandbox: string }) {
    this.#process = child;
    this.url = `http://${addresses.grpc}`;
    this.controlUrl = `http://${addresses.sandbox}/control`;
    this.gridgate = connect({ url: this.url, tls: {}, token: async () => undefined });
  }

  /** Starts one, and waits until it is ready. */
  static async start({ binary = process.env["GRIDGATE_BINARY"] || "gridgate", args = [] }: SandboxOptions = {}): Promise<Sandbox> {
    const ports = ["grpc", "webhook", "admin", "sandbox"].map((port) => `--${port}-addr=127.0.0.1:0`);
    const env = Object.fromEntries(INHERITED.flatMap((name) => (process.env[name] ? [[name, process.env[name]]] : [])));
    const child = spawn(binary, ["serve", "--sandbox", ...ports, ...args], { env, stdio: ["ignore", "pipe", "pipe"] });
    const errors: string[] = [];
    child.stderr.on("data", (text) => errors.push(String(text)));
    const failed = once(child, "exit").then(() => Promise.reject(new Error(`${binary} ended: ${errors.join("")}`)));
    const [line] = (await Promise.race([once(createInterface(child.stdout), "line"), failed])) as [string];
    failed.catch(() => undefined);
    return new Sandbox(child, JSON.parse(line) as { grpc: string; sandbox: string });
  }

  /**
   * Decides about a customer, a beneficial owner or a verification, with any status of Grid's, such as `APPROVED`. gridgate
   * learns of it by a webhook, a moment later.
   */
  async decide(id: string, status: string, errors?: readonly object[]): Promise<void> {
    await this.control("decisions", { id, status, ...(errors && { errors }) });
  }

  /** Any other `POST` to the control API: `control("faults", { faults: […] })`. */
  async control(path: string, body: object): Promise<unknown> {
    const headers = { "content-type": "application/json" };
    const response = await fetch(`${this.controlUrl}/${path}`, { method: "POST", headers, body: JSON.stringify(body) });
    const text = await response.text();
    if (!response.ok) throw new Error(`the sandbox refused ${path}: ${response.status} ${text}`);
    return text === "" ? undefined : JSON.parse(text);
  }

  /** Stops it. */
  async stop(): Promise<void> {
    this.gridgate.close();
    if (this.#process.exitCode !== null || this.#process.signalCode !== null) return;
    const ended = once(this.#process, "exit");
    this.#process.kill("SIGKILL");
    await ended;
  }
}
