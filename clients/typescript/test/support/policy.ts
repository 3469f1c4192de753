/** A server with a policy that can change. */
import { execFileSync } from "node:child_process";
import { rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { binary } from "./program.js";
import { Rig } from "./rig.js";
import { until } from "./until.js";

interface Token {
  readonly token: string;
  readonly hash: string;
}

/** A token and its hash, as an operator makes them. */
export function newToken(): Token {
  return JSON.parse(execFileSync(binary(), ["token"], { encoding: "utf8", stdio: "pipe" })) as Token;
}

/** Lets one caller in, with a token in a file. */
export class Policy {
  private constructor(
    readonly rig: Rig,
    readonly token: Token,
  ) {}

  /** A server whose caller may do everything, within these limits. */
  static async start(limits = ""): Promise<Policy> {
    const token = newToken();
    const folder = await Rig.folder();
    const file = join(folder, "policy.toml");
    await writeFile(file, text(token.hash, `methods = ["*/*"]\n${limits}`));
    const settings = { GRIDGATE_IDENTITY_POLICY_FILE: file, GRIDGATE_IDENTITY_RELOAD_INTERVAL: "100ms" };
    return new Policy(await Rig.start(settings, { token: token.token }, folder), token);
  }

  /** The caller may do everything within these limits. */
  async allow(limits: string): Promise<void> {
    await this.write(`methods = ["*/*"]\n${limits}`);
  }

  /** Replaces the caller's entry, and waits until the server has taken it. */
  async write(entry: string, hash = this.token.hash): Promise<void> {
    const loads = () => this.rig.server.errors.split("policy").length;
    const before = loads();
    const file = join(this.rig.folder, "policy.toml");
    await writeFile(`${file}.new`, text(hash, entry));
    await rename(`${file}.new`, file);
    await until("the new policy", () => loads() > before);
  }
}

const text = (hash: string, entry: string) => `[callers.test]\ntokens = ["${hash}"]\n${entry}\n`;
