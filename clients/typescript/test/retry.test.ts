/** Which calls are repeated, and when: a scripted gridgate in this process. */
import { CustomerService, Gridgate, GridgateError, ListTruncatedError, PlatformService } from "@gridgate/client";
import { BadRequestSchema, ErrorInfoSchema, RetryInfoSchema } from "@gridgate/client/testing";
import { Code, ConnectError, createRouterTransport, type ConnectRouter } from "@connectrpc/connect";
import { expect, test } from "vitest";

/** An error as gridgate sends it. */
function answer(code: Code, reason: string, retryMs?: number, metadata: Record<string, string> = {}, headers = {}): ConnectError {
  const info = { desc: ErrorInfoSchema, value: { domain: "gridgate", reason, metadata } };
  const seconds = { seconds: 0n, nanos: (retryMs ?? 0) * 1e6 };
  const retry = retryMs === undefined ? [] : [{ desc: RetryInfoSchema, value: { retryDelay: seconds } }];
  return new ConnectError(reason, code, headers, [info, ...retry]);
}

/** A client whose calls fail with these errors, one after the other, and then succeed. */
function failing(...errors: ConnectError[]) {
  const attempts: number[] = [];
  const next = () => {
    const error = errors[attempts.push(Date.now()) - 1];
    if (error) throw error;
    return {};
  };
  const routes = ({ service }: ConnectRouter) => {
    service(PlatformService, { getPlatformConfig: next });
    service(CustomerService, { createCustomer: next, deleteCustomer: next });
  };
  const gridgate = new Gridgate({ connect: () => ({ transport: createRouterTransport(routes), close: () => undefined }) });
  return {
    attempts,
    read: (timeoutMs?: number) => gridgate.platform.getPlatformConfig({}, timeoutMs === undefined ? {} : { timeoutMs }),
    change: () => gridgate.customers.deleteCustomer({ customerId: "Customer:a" }),
  };
}

test("a read is repeated when gridgate is not available", async () => {
  const { read, attempts } = failing(answer(Code.Unavailable, "GRID_NO_ANSWER"), answer(Code.Unavailable, "STARTING"));
  await read();
  expect(attempts.length).toBe(3);
});

test("a read is repeated when its connection breaks", async () => {
  const { read, attempts } = failing(new ConnectError("reset", Code.Aborted));
  await read();
  expect(attempts.length).toBe(2);
});

test("a change is repeated only if it certainly was not made", async () => {
  for (const safe of [answer(Code.Unavailable, "GRID_UNREACHABLE"), answer(Code.ResourceExhausted, "OVERLOADED", 1)]) {
    const { change, attempts } = failing(safe);
    await change();
    expect(attempts.length).toBe(2);
  }
  const lost = answer(Code.Unknown, "OUTCOME_UNKNOWN");
  const late = answer(Code.DeadlineExceeded, "DEADLINE_EXCEEDED", undefined, { may_have_acted: "true" });
  const broken = new ConnectError("reset", Code.Aborted);
  const proxy = new ConnectError("upstream reset", Code.Unavailable);
  for (const unsafe of [lost, late, broken, proxy]) {
    const { change, attempts } = failing(unsafe);
    await expect(change()).rejects.toMatchObject({ outcomeUnknown: true, safeToRepeat: false });
    expect(attempts.length).toBe(1);
  }
});

test("what a retry cannot mend is not repeated", async () => {
  const codes = [Code.InvalidArgument, Code.NotFound, Code.PermissionDenied, Code.Unauthenticated, Code.Internal, Code.DataLoss];
  for (const code of codes) {
    const { read, attempts } = failing(answer(code, "SOME_REASON"));
    await expect(read()).rejects.toMatchObject({ reason: "SOME_REASON", safeToRepeat: false, outcomeUnknown: false });
    expect(attempts.length).toBe(1);
  }
});

test("a retry waits as long as RetryInfo or the pushback says", async () => {
  const info = failing(answer(Code.ResourceExhausted, "RATE_LIMITED", 300));
  await info.read();
  expect(info.attempts[1]! - info.attempts[0]!).toBeGreaterThanOrEqual(295);
  const pushback = failing(answer(Code.Unavailable, "X", undefined, {}, { "grpc-retry-pushback-ms": "300" }));
  await pushback.read();
  expect(pushback.attempts[1]! - pushback.attempts[0]!).toBeGreaterThanOrEqual(295);
});

test("a negative pushback forbids a retry", async () => {
  const { read, attempts } = failing(answer(Code.Unavailable, "X", undefined, {}, { "grpc-retry-pushback-ms": "-1" }));
  await expect(read()).rejects.toThrow(GridgateError);
  expect(attempts.length).toBe(1);
});

test("no retry begins after the deadline", async () => {
  const { read, attempts } = failing(answer(Code.ResourceExhausted, "RATE_LIMITED", 900));
  await expect(read(500)).rejects.toMatchObject({ reason: "RATE_LIMITED", retryAfter: 900 });
  expect(attempts.length).toBe(1);
});

test("retries end after five attempts", async () => {
  const { read, attempts } = failing(...Array.from({ length: 9 }, () => answer(Code.Unavailable, "STARTING", 1)));
  await expect(read()).rejects.toMatchObject({ reason: "STARTING" });
  expect(attempts.length).toBe(5);
});

test("several violations of a field are one text", async () => {
  const violation = (description: string) => ({ field: "chunk", description, reason: "" });
  const value = { fieldViolations: [violation("screenshot"), violation("grayscale")] };
  const error = GridgateError.from(new ConnectError("no", Code.InvalidArgument, {}, [{ desc: BadRequestSchema, value }]));
  expect(error.violations).toEqual({ chunk: "screenshot; grayscale" });
});

test("a list that cannot be read to its end says so", async () => {
  const page = { customers: [{ id: "Customer:a" }], unreadableRows: [{ index: 1, field: "id" }], truncated: true };
  const routes = ({ service }: ConnectRouter) => void service(CustomerService, { listCustomers: () => page });
  const gridgate = new Gridgate({ connect: () => ({ transport: createRouterTransport(routes), close: () => undefined }) });
  const listing = gridgate.listCustomers();
  const seen: string[] = [];
  const read = async () => {
    for await (const { id } of listing) seen.push(id);
  };
  await expect(read()).rejects.toThrow(ListTruncatedError);
  expect(seen).toEqual(["Customer:a"]);
  expect(listing.unreadableRows).toMatchObject([{ index: 1 }]);
});
