/** Effects in the consumer's own database: each change once, whatever is killed, and however many consumers there are. */
import { connect, PlaceLostError, SqlitePlace } from "@gridgate/client";
import Database from "better-sqlite3";
import { join } from "node:path";
import { Program } from "./support/program.js";
import type { Rig } from "./support/rig.js";
import { expect, test } from "./support/test.js";
import { until } from "./support/until.js";

/** `examples/exactly-once.ts`, in a process of its own. */
function consumer(rig: Rig): Program {
  return new Program(process.execPath, ["compiled/examples/exactly-once.js", file(rig)], { GRIDGATE_CLIENT_URL: rig.url });
}

const file = (rig: Rig) => join(rig.folder, "effects.db");

function effects(rig: Rig): string[] {
  const db = new Database(file(rig), { readonly: true });
  try {
    return db.prepare("SELECT event_id FROM effects ORDER BY rowid").pluck().all() as string[];
  } finally {
    db.close();
  }
}

test("server and consumer are killed three times each: every change has its effect exactly once", async ({ rig }) => {
  const customers = await rig.customers(30);
  let program = consumer(rig);
  for (let round = 0; round < 3; round++) {
    const some = customers.slice(10 * round, 10 * (round + 1));
    // It is in the middle of its work when it dies.
    await program.line();
    await Promise.all(some.slice(0, 5).map((id) => rig.decide(id, "APPROVED")));
    await program.end("SIGKILL");
    program = consumer(rig);
    await program.line();
    await rig.endServer("SIGKILL");
    await Promise.all(some.slice(5).map((id) => rig.decide(id, "REJECTED")));
    await rig.startServer();
  }
  const changes = await rig.changes(60);
  await until("all effects", () => effects(rig).length >= changes.length);
  await program.end();
  expect(effects(rig)).toEqual(changes);
});

test("with a place in a file, a consumer that is killed three times misses nothing", async ({ rig }) => {
  const customers = await rig.customers(12);
  const place = join(rig.folder, "watch.place");
  const start = () => new Program(process.execPath, ["compiled/examples/watch.js", place], { GRIDGATE_CLIENT_URL: rig.url });
  const handled = new Set<string>();
  for (let round = 0; round < 4; round++) {
    const some = customers.slice(3 * round, 3 * (round + 1));
    const program = start();
    await Promise.all(some.map((id) => rig.decide(id, "APPROVED")));
    // The next one has at least what this one did not finish.
    while (!some.slice(0, round < 3 ? 1 : 3).every((id) => handled.has(`${id} APPROVED decided`))) handled.add(await program.line());
    await program.end("SIGKILL");
    for (const line of await program.rest()) handled.add(line);
  }
  expect(customers.filter((id) => !handled.has(`${id} APPROVED decided`))).toEqual([]);
});

test("of two consumers with one place, the older one is fenced off, and no effect comes twice", async ({ rig }) => {
  const customers = await rig.customers(20);
  const [older, newer] = [consumer(rig), consumer(rig)];
  await Promise.any([older.line(), newer.line()]);
  await Promise.all(customers.map((id) => rig.decide(id, "APPROVED")));
  const changes = await rig.changes(40);
  await until("all effects", () => effects(rig).length >= changes.length);
  // One of the two claimed the place later, and the other one ended with the reason.
  const fenced = await until("the fence", () => [older, newer].find((program) => program.errors.includes("PlaceLostError")));
  await (fenced === older ? newer : older).end();
  await fenced.end();
  expect(effects(rig)).toEqual(changes);
});

test("an effect that fails takes the place back with it", async ({ rig }) => {
  await rig.customers(2);
  const [first] = await rig.changes(2);
  const db = new Database(file(rig));
  db.exec("CREATE TABLE effects (event_id TEXT)");
  const effect = db.prepare("INSERT INTO effects VALUES (?)");
  const place = new SqlitePlace(db, "effects");
  const gridgate = connect({ url: rig.url });
  const handle = async (fails: boolean) => {
    for await (const change of gridgate.decisions({ place, start: "earliest" })) {
      db.transaction(() => {
        effect.run(change.eventId);
        change.ack();
        if (fails) throw new Error("the effect fails");
      })();
      return change.eventId;
    }
    return undefined;
  };
  await expect(handle(true)).rejects.toThrow("the effect fails");
  expect(effects(rig)).toEqual([]);
  expect(await handle(false)).toBe(first);
  expect(effects(rig)).toEqual([first]);
  gridgate.close();
  db.close();
});

test("a rolled back acknowledgement is noticed, even if the loop goes on", async ({ rig }) => {
  await rig.customers(2);
  const db = new Database(file(rig));
  const seen: string[] = [];
  const loop = async () => {
    for await (const change of rig.gridgate.decisions({ place: new SqlitePlace(db, "effects"), start: "earliest" })) {
      seen.push(change.eventId);
      db.exec("BEGIN");
      change.ack();
      db.exec("ROLLBACK");
    }
  };
  await expect(loop()).rejects.toThrow(PlaceLostError);
  expect(seen.length).toBe(2);
  db.close();
});
