/** Every kind of place: it keeps the token, and fences off. */
import { FilePlace, MemoryPlace, PgPlace, PlaceLostError, RedisPlace, SqlitePlace, type Place } from "@gridgate/client";
import { PGlite } from "@electric-sql/pglite";
import Database from "better-sqlite3";
import RedisMock from "ioredis-mock";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";

const folder = await mkdtemp(join(tmpdir(), "gridgate-places-"));
afterAll(() => rm(folder, { recursive: true }));
const postgres = await PGlite.create();
let names = 0;
const name = () => `place-${++names}`;

// Two objects with one place each time, as two processes would have them.
const kinds: Record<string, () => Promise<[Place, Place]>> = {
  memory: async () => {
    const place = new MemoryPlace();
    return [place, place];
  },
  file: async () => {
    const path = join(await mkdtemp(join(folder, "file-")), "place");
    return [new FilePlace(path), new FilePlace(path)];
  },
  redis: async () => {
    // It runs the scripts in a Lua of its own. One place calls it as ioredis is called, the other as node-redis is.
    const redis = new RedisMock();
    const run = (script: string, keys: string, args: string[]): Promise<unknown> => redis.eval(script, Number(keys), ...args);
    const ioredis = { call: (_: string, script: string, keys: string, ...args: string[]) => run(script, keys, args) };
    const nodeRedis = { sendCommand: ([_, script, keys, ...args]: string[]) => run(script!, keys!, args) };
    const key = name();
    return [new RedisPlace(ioredis, key), new RedisPlace(nodeRedis, key)];
  },
  sqlite: async () => {
    const db = new Database(":memory:");
    return [new SqlitePlace(db, "one"), new SqlitePlace(db, "one")];
  },
  postgres: async () => {
    const one = name();
    return [new PgPlace(postgres, one), new PgPlace(postgres, one)] as [Place, Place];
  },
};

/** What is thrown or rejected. */
async function errorOf(work: () => void | Promise<void>): Promise<unknown> {
  try {
    await work();
  } catch (error) {
    return error;
  }
  return undefined;
}

describe.each(Object.entries(kinds))("%s", (_, make) => {
  test("keeps the last token", async () => {
    const [place, again] = await make();
    const held = await place.claim();
    expect(held.token).toBeUndefined();
    await held.save("a");
    await Promise.all([held.save("b"), held.save("c")]);
    expect((await again.claim()).token).toBe("c");
  });

  test("fences off the consumer that held it before, for good", async () => {
    const [place, again] = await make();
    const older = await place.claim();
    await older.save("a");
    const newer = await again.claim();
    expect(newer.token).toBe("a");
    expect(await errorOf(() => older.save("b"))).toBeInstanceOf(PlaceLostError);
    await newer.save("c");
    await newer.save("d");
    expect(await errorOf(() => older.save("e"))).toBeInstanceOf(PlaceLostError);
    const newest = await place.claim();
    expect(newest.token).toBe("d");
    expect(await errorOf(() => newer.save("f"))).toBeInstanceOf(PlaceLostError);
  });
});

test("a file's place leaves no other file behind", async () => {
  const own = await mkdtemp(join(folder, "file-"));
  const held = await new FilePlace(join(own, "place")).claim();
  await held.save("a");
  expect(await readdir(own)).toEqual(["place"]);
});

test("postgres: effect and place commit together, or neither does", async () => {
  const db = postgres;
  await db.exec("CREATE TABLE effects (event_id TEXT)");
  const place = new PgPlace(db, name());
  const held = await place.claim();
  const rolledBack = db.transaction(async (tx) => {
    await tx.query("INSERT INTO effects VALUES ('a')");
    await held.save("a", tx);
    throw new Error("the effect fails");
  });
  await expect(rolledBack).rejects.toThrow("the effect fails");
  const again = await place.claim();
  expect(again.token).toBeUndefined();
  await db.transaction(async (tx) => {
    await tx.query("INSERT INTO effects VALUES ('b')");
    await again.save("b", tx);
  });
  // An older consumer's effect goes with its place.
  const older = db.transaction(async (tx) => {
    await tx.query("INSERT INTO effects VALUES ('c')");
    await held.save("c", tx);
  });
  await expect(older).rejects.toThrow(PlaceLostError);
  expect((await place.claim()).token).toBe("b");
  expect((await db.query("SELECT * FROM effects")).rows).toEqual([{ event_id: "b" }]);
});
