/** vitest's `test` with a rig. */
import { test as base } from "vitest";
import { Rig } from "./rig.js";

export { expect, describe } from "vitest";

/** A test whose rig has the usual settings. */
export const test = base.extend<{ rig: Rig }>({
  rig: async ({}, use) => {
    const rig = await Rig.start();
    await use(rig);
    await rig.stop();
  },
});
