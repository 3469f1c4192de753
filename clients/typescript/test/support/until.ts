/** Waits for a thing, never for a time. */
import { setTimeout } from "node:timers/promises";

/** Looks until `look` finds something, and returns it. */
export async function until<T>(what: string, look: () => T | undefined | false | Promise<T | undefined | false>): Promise<T> {
  const patience = Date.now() + 30_000;
  for (;;) {
    const found = await look();
    if (found !== undefined && found !== false) return found;
    if (Date.now() > patience) throw new Error(`waited in vain for ${what}`);
    await setTimeout(10); // between two looks
  }
}
