// Checks that gridgate and its sandbox follow Grid's OpenAPI document: the demo plays every flow with Prism between
// gridgate and the sandbox, and every violation that Prism reports fails the check, at any severity. (The demo skips the
// steps that violate the document on purpose, to show how Grid rejects them.)
//
//   contract.mjs GRIDGATE OPENAPI     GRIDGATE: the built program
//   contract.mjs --self-test          proves, on a small API with planted violations, that it finds each kind

import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { closeObjects, operations, readOpenApi } from "./openapi.mjs";
import { startPrism } from "./prism.mjs";
import { selfTest } from "./self-test.mjs";

// The switches that make the sandbox the Grid of a document's month.
const SANDBOX_FLAGS = {
  "2026-08": ["--sandbox-approve-at-creation", "--sandbox-old-error-bodies"],
  "2026-09": [],
};
const SANDBOX_LIMIT_MS = 30_000;
const DEMO_LIMIT_MS = 300_000;

// Plays `drive(url)` against `upstream` through Prism, and returns the findings of Prism and the relay.
export async function observe(openApi, upstream, drive) {
  const folder = mkdtempSync(join(tmpdir(), "gridgate-contract-"));
  try {
    const strict = join(folder, "openapi.json");
    writeFileSync(strict, JSON.stringify(closeObjects(openApi)));
    const known = operations(openApi);
    const prism = await startPrism({ openApiPath: strict, operations: known, upstream });
    try {
      const driven = await drive(prism.url);
      return { driven, known, ...(await prism.findings()) };
    } finally {
      await prism.stop();
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function check(gridgate, openApiPath) {
  const { document, month } = readOpenApi(openApiPath);
  // The sandbox and the demo's gridgate share credentials. The caller's environment must not point them at a real Grid.
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^(GRID|GRIDGATE|LIGHTSPARK)_/.test(name)));
  Object.assign(env, { GRID_CLIENT_ID: "contract", GRID_CLIENT_SECRET: "contract-secret", GRIDGATE_SANDBOX_ADDR: "127.0.0.1:0" });
  env.GRIDGATE_LOG_LEVEL = "warn";

  const sandbox = await startSandbox(gridgate, SANDBOX_FLAGS[month], env);
  try {
    const { driven: demo, known, exchanges, logged } = await observe(
      document,
      sandbox.baseUrl,
      (url) => runDemo(gridgate, ["--verbose", "--grid", month, "--sandbox-url", sandbox.url, "--grid-base-url", url, "--valid-only"], env),
    );
    const violating = exchanges.filter(({ violations }) => violations.length > 0);
    // Log lines about anything but violations, which the exchanges report better: an upstream's 501, errors inside Prism.
    const other = logged.filter((line) => violating.length === 0 || !/: (Violation:|Request terminated with error)/.test(line));
    if (demo.code !== 0) process.stdout.write(`${demo.output}\n`);
    report(known, exchanges, violating, other);
    for (const [, about] of demo.output.matchAll(/^– +(.*)$/gm)) console.log(`contract: left out of the demo: ${about}`);

    const failures = [
      ...(demo.code === 0 ? [] : [`the demo failed (${demo.code}); what it printed is above`]),
      ...(exchanges.length > 0 ? [] : ["the demo sent nothing through Prism"]),
      ...(violating.length === 0 ? [] : [`${violating.length} of ${exchanges.length} exchanges break the contract`]),
      ...(other.length === 0 ? [] : [`Prism's log has ${other.length} more warnings or errors`]),
    ];
    failures.forEach((failure) => console.log(`contract: FAILED: ${failure}`));
    if (failures.length === 0) console.log(`contract: ${exchanges.length} exchanges with the Grid of ${month}, no violation`);
    return failures.length === 0;
  } finally {
    await sandbox.stop();
  }
}

function report(known, exchanges, violating, other) {
  for (const { name, status, violations } of violating) {
    console.log(`${name} -> ${status ?? "no answer"}`);
    for (const violation of new Set(violations)) console.log(`    ${violation}`);
  }
  for (const line of other) console.log(`Prism's log: ${line}`);
  const seen = new Set(exchanges.map(({ operation }) => operation));
  const unseen = known.filter(({ name }) => !seen.has(name)).map(({ name }) => name);
  console.log(`contract: ${known.length - unseen.length} of ${known.length} operations were used`);
  if (unseen.length > 0) console.log(`contract: not used by the demo: ${unseen.join(", ")}`);
}

async function startSandbox(gridgate, flags, env) {
  const child = spawn(gridgate, ["sandbox", ...flags], { env, stdio: ["ignore", "pipe", "inherit"] });
  const stop = async () => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, "exit");
    child.kill("SIGTERM");
    await ended;
  };
  try {
    const line = await within(SANDBOX_LIMIT_MS, "the sandbox to be ready", firstLine(child));
    const { sandbox, base_url: baseUrl } = JSON.parse(line);
    return { url: `http://${sandbox}`, baseUrl, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function firstLine(child) {
  const failed = once(child, "error").then(([error]) => Promise.reject(error));
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const { value, done } = await Promise.race([lines.next(), failed]);
  if (done) throw new Error("the sandbox ended before it was ready");
  return value;
}

async function runDemo(gridgate, flags, env) {
  const child = spawn(gridgate, ["demo", ...flags], { env, stdio: ["ignore", "pipe", "pipe"] });
  let output = "";
  child.stdout.on("data", (data) => (output += data));
  child.stderr.on("data", (data) => (output += data));
  try {
    const [code, signal] = await within(DEMO_LIMIT_MS, "the demo to end", once(child, "close"));
    return { code: code ?? signal, output };
  } finally {
    child.kill("SIGKILL");
  }
}

async function within(limitMs, what, promise) {
  let late;
  const limit = new Promise((_, fail) => {
    late = setTimeout(() => fail(new Error(`waited ${limitMs / 1000} s for ${what}`)), limitMs);
  });
  try {
    return await Promise.race([promise, limit]);
  } finally {
    clearTimeout(late);
  }
}

try {
  const [first, second] = process.argv.slice(2);
  const passed = first === "--self-test" ? await selfTest(observe) : await check(first, second);
  process.exitCode = passed ? 0 : 1;
} catch (error) {
  console.error(`contract: ${error.message}`);
  process.exitCode = 2;
}
