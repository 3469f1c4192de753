/** A rolling restart of two replicas behind Envoy, over mutual TLS. */
import { KycEventOutcome } from "@gridgate/client";
import { expect, test } from "vitest";
import { Mesh } from "./support/mesh.js";
import { Watcher } from "./support/watcher.js";

const ada = { case: "individual", value: { fullName: "Ada Invented" } } as const;

test("a rolling restart fails no call, and every change comes once", async () => {
  const mesh = await Mesh.start();
  const { gridgate } = mesh;
  const watchers = Array.from({ length: 8 }, () => new Watcher(gridgate, { start: "earliest" }));
  const ids: string[] = [];
  const working = new AbortController();
  const calls = (async () => {
    while (!working.signal.aborted) {
      const { customer } = await gridgate.createCustomer({ details: ada });
      ids.push(customer.id);
      await mesh.decide(customer.id, "APPROVED");
    }
  })();
  for (const number of [0, 1, 0, 1]) await mesh.restart(number);
  working.abort();
  await calls;
  for (const watcher of watchers) for (const id of ids) await watcher.sees(id, "APPROVED");

  const outcomes = [KycEventOutcome.CHANGE];
  const events = await gridgate.listKycEvents({ outcomes, pageSize: 100 }).all();
  const changes = events.map(({ event }) => event.value?.record?.eventId);
  expect(ids.length).toBeGreaterThan(4);
  for (const watcher of watchers) {
    await watcher.stop();
    expect(watcher.ids()).toEqual(changes);
    // Every stream said goodbye: a replica that stops breaks none.
    expect(watcher.notices.filter((notice) => notice.type !== "reconnecting" || notice.error)).toEqual([]);
  }
  expect(watchers.flatMap(({ notices }) => notices).length).toBeGreaterThanOrEqual(watchers.length);
  await mesh.stop();
});
