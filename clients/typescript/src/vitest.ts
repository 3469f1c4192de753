/**
 * vitest's `test`, with a sandbox for each test that asks for one: `test("…", async ({ sandbox }) => …)`.
 *
 * @packageDocumentation
 */
import { test as base } from "vitest";
import { Sandbox } from "./testing.js";

export { Sandbox } from "./testing.js";

/** A test with a sandbox. */
export const test = base.extend<{ sandbox: Sandbox }>({
  sandbox: async ({}, use) => {
    const sandbox = await Sandbox.start();
    await use(sandbox);
    await sandbox.stop();
  },
});
