/** Makes retention delete what a stopped server's event log holds. */
import Database from "better-sqlite3";
import { join } from "node:path";
import type { Rig } from "./rig.js";
import { until } from "./until.js";

/** Restarts the server when all events but the last are a hundred days old, and waits until it has deleted them. */
export async function ageLog(rig: Rig): Promise<void> {
  await rig.endServer("SIGTERM");
  const db = new Database(join(rig.folder, "events.db"));
  const { unit } = db.prepare("SELECT max(recorded_at) / unixepoch() AS unit FROM events").get() as { unit: number };
  const age = 100 * 86_400 * unit;
  db.prepare("UPDATE events SET recorded_at = recorded_at - ? WHERE position < (SELECT max(position) FROM events)").run(age);
  db.close();
  await rig.startServer({ GRIDGATE_EVENT_MAX_AGE: "8d" });
  await until("retention", async () => (await rig.gridgate.listKycEvents().all()).length <= 1);
}
