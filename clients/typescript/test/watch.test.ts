/** The promises of docs/WATCH.md, from the client's side, against the real server. */
import { FilePlace, GridgateError, KycEventKind, MemoryPlace, StreamBrokenError, connect } from "@gridgate/client";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { ageLog } from "./support/log.js";
import { Policy } from "./support/policy.js";
import { Rig } from "./support/rig.js";
import { describe, expect, test } from "./support/test.js";
import { until } from "./support/until.js";
import { broke, Watcher } from "./support/watcher.js";

test("begins with the current statuses, then has each change", async ({ rig }) => {
  const [a, b] = await rig.customers(2);
  const watcher = new Watcher(rig.gridgate);
  await watcher.sees(a!, "UNVERIFIED", "snapshot");
  await watcher.sees(b!, "UNVERIFIED", "snapshot");
  await rig.decide(a!, "APPROVED");
  const approved = await watcher.sees(a!, "APPROVED", "change");
  expect(approved).toMatchObject({ kind: "customer", isDecision: true, isDeleted: false });
  expect(await rig.gridgate.mayTransact(a!, { atLeast: approved.resumeToken })).toBe(true);
  expect(await rig.gridgate.mayTransact(b!)).toBe(false);
  await watcher.stop();
});

test("survives a server that is killed three times, and has everything once", async ({ rig }) => {
  const customers = await rig.customers(9);
  const place = new MemoryPlace();
  const watcher = new Watcher(rig.gridgate, { place, start: "earliest" });
  for (let round = 0; round < 3; round++) {
    const [before, during, after] = customers.slice(3 * round);
    await rig.decide(before!, "APPROVED");
    await rig.endServer("SIGKILL");
    await rig.decide(during!, "REJECTED");
    await rig.startServer();
    await rig.decide(after!, "APPROVED");
    await watcher.sees(before!, "APPROVED");
    await watcher.sees(during!, "REJECTED");
    await watcher.sees(after!, "APPROVED");
  }
  await watcher.stop();
  expect(watcher.ids()).toEqual(await rig.changes(18));
  expect(watcher.notices.filter(broke).length).toBeGreaterThanOrEqual(3);
});

test("hangs up on a frozen server after three heartbeats, and goes on when there is one again", async ({ rig }) => {
  const [customer] = await rig.customers(1);
  const watcher = new Watcher(rig.gridgate);
  await watcher.sees(customer!, "UNVERIFIED");
  const frozenAt = Date.now();
  rig.server.signal("SIGSTOP");
  try {
    await watcher.told("of the silence", (notice) => notice.type === "reconnecting" && notice.error instanceof StreamBrokenError);
    expect(Date.now() - frozenAt).toBeGreaterThan(1900);
  } finally {
    rig.server.signal("SIGCONT");
  }
  await rig.decide(customer!, "APPROVED");
  await watcher.sees(customer!, "APPROVED");
  await watcher.stop();
});

test("leaves a frozen server for another one", async ({ rig }) => {
  const other = await Rig.start();
  try {
    const [here] = await rig.customers(1);
    const [there] = await other.customers(1);
    const watcher = new Watcher(rig.gridgate);
    await watcher.sees(here!, "UNVERIFIED");
    rig.server.signal("SIGSTOP");
    rig.proxy.target = other.proxy.target;
    // The new connection reaches the other one, although the old one is still open.
    await watcher.sees(there!, "UNVERIFIED", "snapshot");
    await watcher.stop();
  } finally {
    await other.stop();
  }
});

test("goes on at the place in a file when the consumer begins again", async ({ rig }) => {
  const place = new FilePlace(join(rig.folder, "place"));
  const [a, b] = await rig.customers(2);
  const first = new Watcher(rig.gridgate, { place });
  await first.sees(b!, "UNVERIFIED");
  await rig.decide(a!, "APPROVED");
  await first.sees(a!, "APPROVED", "change");
  await first.stop();
  await rig.decide(b!, "REJECTED");
  const second = new Watcher(rig.gridgate, { place });
  await second.sees(b!, "REJECTED", "change");
  await second.stop();
  expect(second.ids().filter((id) => first.ids().includes(id))).toEqual([]);
});

describe("a place that is no good any more", () => {
  test("a foreign token: says so, and begins with a snapshot", async ({ rig }) => {
    const elsewhere = await Rig.start();
    const place = new FilePlace(join(rig.folder, "place"));
    const other = new Watcher(elsewhere.gridgate, { place });
    const [there] = await elsewhere.customers(1);
    await other.sees(there!, "UNVERIFIED");
    await other.stop();
    await elsewhere.stop();

    const [here] = await rig.customers(1);
    const watcher = new Watcher(rig.gridgate, { place });
    await watcher.told("of the restart", (notice) => notice.type === "restarting" && notice.reason === "RESUME_TOKEN_FOREIGN");
    await watcher.sees(here!, "UNVERIFIED", "snapshot");
    await watcher.stop();
  });

  test("an expired token: says so, and begins with a snapshot", async ({ rig }) => {
    const place = new FilePlace(join(rig.folder, "place"));
    const [a] = await rig.customers(1);
    const first = new Watcher(rig.gridgate, { place });
    await first.sees(a!, "UNVERIFIED");
    await first.stop();
    await rig.decide(a!, "APPROVED");
    await rig.customers(1);
    await rig.changes(3);
    await ageLog(rig);

    const second = new Watcher(rig.gridgate, { place });
    const notice = await second.told("of the restart", ({ type }) => type === "restarting");
    expect(notice).toMatchObject({ reason: "RESUME_TOKEN_EXPIRED", error: { code: "OUT_OF_RANGE" } });
    await second.sees(a!, "APPROVED", "snapshot");
    await second.stop();
  });

  test("retention overtakes a consumer while it handles a change", async ({ rig }) => {
    const [a] = await rig.customers(1);
    const handled: (() => void)[] = [];
    const watcher = new Watcher(rig.gridgate, {}, () => new Promise<void>((resolve) => void handled.push(resolve)));
    await watcher.sees(a!, "UNVERIFIED");
    // Nothing is read while the first one is handled, and this server sends nothing any more.
    await rig.endServer("SIGKILL");
    await rig.startServer();
    await rig.decide(a!, "REJECTED");
    await rig.customers(1);
    await rig.changes(3);
    await ageLog(rig);
    const going = setInterval(() => handled.splice(0).forEach((resolve) => resolve()), 10);
    await watcher.told("of the restart", (notice) => notice.type === "restarting" && notice.reason === "RESUME_TOKEN_EXPIRED");
    await watcher.sees(a!, "REJECTED", "snapshot");
    await watcher.stop();
    clearInterval(going);
  });
});

describe("a policy", () => {
  test("goes on when its rights change, and fails when they are gone", async () => {
    const policy = await Policy.start();
    const { rig } = policy;
    const kinds = [KycEventKind.CUSTOMER_STATUS];
    const [customer] = await rig.customers(1);
    const watcher = new Watcher(rig.gridgate, { kinds });
    await watcher.sees(customer!, "UNVERIFIED");

    await policy.allow('watch = { kinds = ["customer_status"] }');
    await watcher.told(
      "of the policy",
      (notice) => notice.type === "reconnecting" && notice.error instanceof GridgateError && notice.error.reason === "POLICY_CHANGED",
    );
    await rig.decide(customer!, "APPROVED");
    await watcher.sees(customer!, "APPROVED", "change");

    await policy.write('methods = ["gridgate.v1.CustomerService/*"]');
    await expect(watcher.done).rejects.toMatchObject({ code: "PERMISSION_DENIED", reason: "METHOD_NOT_ALLOWED" });
    await rig.stop();
  });

  test("fails at once if it may not see what it asks for, or is not known", async () => {
    const policy = await Policy.start('watch = { kinds = ["customer_status"] }');
    const { rig } = policy;
    await expect(new Watcher(rig.gridgate).done).rejects.toMatchObject({
      code: "PERMISSION_DENIED",
      reason: "WATCH_NOT_ALLOWED",
      metadata: { filter: "kinds" },
    });
    const stranger = connect({ url: rig.url, token: "gridgate_unknown" });
    await expect(new Watcher(stranger).done).rejects.toMatchObject({ code: "UNAUTHENTICATED", reason: "CREDENTIALS_INVALID" });
    stranger.close();
    await rig.stop();
  });
});

describe("the end", () => {
  test("of a stream at its maximum age is followed by the next one, without a complaint", async () => {
    const rig = await Rig.start({ GRIDGATE_WATCH_MAX_AGE: "1s" });
    const [customer] = await rig.customers(1);
    const watcher = new Watcher(rig.gridgate);
    await until("three streams", () => watcher.notices.length >= 2);
    await rig.decide(customer!, "APPROVED");
    await watcher.sees(customer!, "APPROVED", "change");
    await watcher.stop();
    expect(watcher.notices.every((notice) => notice.type === "reconnecting" && notice.error === undefined)).toBe(true);
    expect(new Set(watcher.ids()).size).toBe(watcher.seen.length);
    await rig.stop();
  });

  test("comes by itself when everybody is decided", async ({ rig }) => {
    const [a, b] = await rig.customers(2);
    const watcher = new Watcher(rig.gridgate, { customerIds: [a!, b!], untilDecided: true });
    await rig.decide(a!, "APPROVED");
    await rig.decide(b!, "REJECTED");
    await watcher.done;
    await watcher.sees(a!, "APPROVED");
    await watcher.sees(b!, "REJECTED");
  });

  test("is clean when the loop is left or the signal aborts", async ({ rig }) => {
    const [a] = await rig.customers(1);
    const place = new MemoryPlace();
    for await (const change of rig.gridgate.decisions({ place })) {
      expect(change.customerId).toBe(a);
      break;
    }
    // It was not acknowledged, so it comes again.
    for await (const change of rig.gridgate.decisions({ place })) {
      expect(change.customerId).toBe(a);
      await change.ack();
      expect(place.token).toBe(change.resumeToken);
      break;
    }
    const aborted = new AbortController();
    aborted.abort();
    for await (const change of rig.gridgate.decisions({ place, signal: aborted.signal })) expect.unreachable(change.status);
    // While it waits for a server, too.
    await rig.endServer();
    const watcher = new Watcher(rig.gridgate, { place });
    await watcher.told("that nobody is there", broke);
    await watcher.stop();
  });

  test("leaves no watch behind on the server", async ({ rig }) => {
    await rig.customers(1);
    for await (const _ of rig.gridgate.decisions()) break;
    const metrics = async () => (await fetch(`http://${rig.admin}/metrics`)).text();
    await until("no stream", async () => /^gridgate_watch_streams 0(\.0)?$/m.test(await metrics()));
  });
});

test("by hand, only what was acknowledged does not come again", async ({ rig }) => {
  await rig.customers(3);
  const [first, second, third] = await rig.changes(3);
  const place = new MemoryPlace();
  const options = { place, start: "earliest", acknowledge: "manual" } as const;
  const before = new Watcher(rig.gridgate, options, (event) => (event.eventId === second ? event.ack() : undefined));
  await until("three", () => before.seen.length === 3);
  await before.stop();
  expect(before.ids()).toEqual([first, second, third]);
  const after = new Watcher(rig.gridgate, options);
  await until("one", () => after.seen.length === 1);
  expect(after.ids()).toEqual([third]);
  await after.stop();
});

test("a file that is no place is not taken for one", async ({ rig }) => {
  await writeFile(join(rig.folder, "place"), "half a pla");
  await expect(new Watcher(rig.gridgate, { place: new FilePlace(join(rig.folder, "place")) }).done).rejects.toThrow("holds no place");
});
