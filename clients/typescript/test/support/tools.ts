/** What `scripts/tools` installs in the repository. */
import { existsSync } from "node:fs";
import { join } from "node:path";

/** A file of the repository. */
export function repository(...path: string[]): string {
  const root = process.env["GRIDGATE_ROOT"];
  if (!root) throw new Error("GRIDGATE_ROOT names the repository");
  const file = join(root, ...path);
  if (!existsSync(file)) throw new Error(`${file} is not there: run 'scripts/tools envoy nats'`);
  return file;
}
