/** Calls to a sandbox: errors, customers, documents, lists. */
import { GridgateError } from "@gridgate/client";
import { test } from "@gridgate/client/vitest";
import { mkdtemp, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "vitest";

const jane = { case: "individual", value: { fullName: "Jane Doe", birthDate: "1990-01-15", nationality: "US" } } as const;

/** The error of a call. */
async function errorOf(call: Promise<unknown>): Promise<GridgateError> {
  const error: unknown = await call.then(() => undefined, (error: unknown) => error);
  expect(error).toBeInstanceOf(GridgateError);
  return error as GridgateError;
}

test("an error names every wrong field, with Grid's constraints", async ({ sandbox: { gridgate } }) => {
  const details = { case: "individual", value: { fullName: "Jane Doe", birthDate: "no date" } } as const;
  const error = await errorOf(gridgate.customers.createCustomer({ email: "no address", details }));
  expect(error).toMatchObject({ code: "INVALID_ARGUMENT", reason: "INVALID_INPUT", domain: "grid.lightspark.com", outcomeUnknown: false });
  expect(Object.keys(error.violations).sort()).toEqual(["email", "individual.birth_date"]);
  expect(error.fieldErrors.find(({ field }) => field === "email")).toMatchObject({ format: "email" });
});

test("an error names the resource", async ({ sandbox: { gridgate } }) => {
  const missing = await errorOf(gridgate.customers.getCustomer({ customerId: "Customer:nobody" }));
  expect(missing).toMatchObject({ code: "NOT_FOUND", resource: { type: "gridgate.v1.Customer", id: "Customer:nobody" } });
  const { customer } = await gridgate.createCustomer({ platformCustomerId: "jane", details: jane });
  const taken = await errorOf(gridgate.customers.createCustomer({ platformCustomerId: "jane", details: jane }));
  expect(taken).toMatchObject({ code: "ALREADY_EXISTS", reason: "CONFLICT", resource: { id: customer.id } });
});

test("creating a customer again finds it", async ({ sandbox: { gridgate } }) => {
  const first = await gridgate.createCustomer({ platformCustomerId: "jane", details: jane });
  const again = await gridgate.createCustomer({ platformCustomerId: "jane", details: jane });
  expect([first.created, again.created]).toEqual([true, false]);
  expect(again.customer.id).toBe(first.customer.id);
});

test("a customer whose creation was lost on the way is created once", async ({ sandbox }) => {
  const { gridgate } = sandbox;
  // Grid acts and hangs up, and does not answer when gridgate looks the customer up.
  const lost = { method: "POST", path: "/customers", hangUp: "after", times: 1 };
  const silent = { method: "GET", path: "/customers", status: 503, times: 1000 };
  await sandbox.control("faults", { faults: [lost, silent] });
  const error = await errorOf(gridgate.customers.createCustomer({ platformCustomerId: "jane", details: jane }));
  expect(error).toMatchObject({ code: "UNKNOWN", reason: "OUTCOME_UNKNOWN", outcomeUnknown: true, safeToRepeat: false });

  await sandbox.control("faults", { faults: [lost] });
  const { customer } = await gridgate.createCustomer({ platformCustomerId: "joan", details: jane });
  await sandbox.control("faults", { faults: [] });
  expect((await gridgate.listCustomers().all()).map(({ platformCustomerId }) => platformCustomerId).sort()).toEqual(["jane", "joan"]);
  expect(customer.platformCustomerId).toBe("joan");
});

test("a customer may transact when it is approved, and not before or when it is gone", async ({ sandbox }) => {
  const { gridgate } = sandbox;
  const { customer } = await gridgate.createCustomer({ details: jane });
  expect(await gridgate.mayTransact(customer.id)).toBe(false);
  await sandbox.decide(customer.id, "APPROVED");
  expect(await gridgate.mayTransact(customer.id, { maxStalenessMs: 0 })).toBe(true);
  await gridgate.customers.deleteCustomer({ customerId: customer.id });
  expect(await gridgate.mayTransact(customer.id, { maxStalenessMs: 0 })).toBe(false);
  expect(await gridgate.mayTransact("Customer:nobody")).toBe(false);
});

test("a document is uploaded from a path, from bytes and from a Blob, and arrives whole", async ({ sandbox }) => {
  const { gridgate } = sandbox;
  const { customer } = await gridgate.createCustomer({ details: jane });
  const bytes = new Uint8Array(300_000).map((_, at) => at % 251);
  bytes.set(new TextEncoder().encode("%PDF-1.7\n"));
  const path = join(await mkdtemp(join(tmpdir(), "gridgate-upload-")), "passport.pdf");
  await writeFile(path, bytes);
  const metadata = { documentHolder: customer.id, documentType: "PASSPORT", country: "US", documentNumber: "1", issuingAuthority: "US" };
  for (const file of [path, bytes, new Blob([bytes])]) {
    const document = await gridgate.uploadDocument({ ...metadata, fileName: "passport.pdf" }, file);
    const stored = await fetch(`${sandbox.controlUrl}/documents/${document.id}/file`);
    expect(Buffer.compare(Buffer.from(await stored.arrayBuffer()), Buffer.from(bytes))).toBe(0);
  }
  const [first, ...others] = await gridgate.listDocuments({ documentHolder: customer.id, pageSize: 1 }).all();
  expect(others.length).toBe(2);
  const replaced = await gridgate.replaceDocument({ documentId: first!.id, ...metadata, documentNumber: "2" }, path);
  expect(replaced.documentNumber).toBe("2");
  const empty = await errorOf(gridgate.uploadDocument(metadata, new Uint8Array()));
  expect(empty).toMatchObject({ code: "INVALID_ARGUMENT", reason: "INVALID_REQUEST" });
  expect(empty.violations).toHaveProperty("chunk");
  await expect(gridgate.uploadDocument(metadata, `${path}.missing`)).rejects.toThrow(/ENOENT/);
});

test("a list is read page by page", async ({ sandbox: { gridgate } }) => {
  const ids: string[] = [];
  for (let number = 0; number < 5; number++) ids.push((await gridgate.createCustomer({ details: jane })).customer.id);
  const sizes: number[] = [];
  for await (const page of gridgate.listCustomers({ pageSize: 2 }).pages()) sizes.push(page.customers.length);
  expect(sizes).toEqual([2, 2, 1]);
  const listed: string[] = [];
  for await (const customer of gridgate.listCustomers({ pageSize: 2 })) listed.push(customer.id);
  expect(listed.sort()).toEqual(ids.sort());
  expect(await gridgate.listBeneficialOwners({ customerId: ids[0]! }).all().catch((error: unknown) => error)).toBeDefined();
  expect(await gridgate.listVerifications({ pageSize: 1 }).all()).toEqual([]);
  expect((await gridgate.listKycEvents({ pageSize: 2 }).all()).length).toBeGreaterThanOrEqual(0);
});

test("an import is uploaded like a document", async ({ sandbox: { gridgate } }) => {
  const csv = "umaAddress,platformCustomerId,customerType,fullName,birthDate,addressLine1,city,state,postalCode,country\n" +
    "$ada@example.com,ada,INDIVIDUAL,Ada Invented,1990-01-15,1 Street,Town,CA,94105,US\n";
  const { jobId } = await gridgate.importCustomers(new TextEncoder().encode(csv));
  expect((await gridgate.customers.getImportJob({ jobId })).importJob?.id).toBe(jobId);
});

test("a deadline ends a call, and says whether something may have been changed", async ({ sandbox }) => {
  const { gridgate } = sandbox;
  await sandbox.control("faults", { faults: [{ path: "/customers", delayMillis: 60_000, times: 1000 }] });
  const read = await errorOf(gridgate.customers.listCustomers({}, { timeoutMs: 300 }));
  expect(read).toMatchObject({ code: "DEADLINE_EXCEEDED", outcomeUnknown: false });
  const change = await errorOf(gridgate.customers.createCustomer({ details: jane }, { timeoutMs: 300 }));
  expect(change).toMatchObject({ code: "DEADLINE_EXCEEDED", outcomeUnknown: true });
});

test("nobody is there: the call fails when its time is over, and nothing was changed", async ({ sandbox }) => {
  await sandbox.stop();
  const change = await errorOf(sandbox.gridgate.customers.createCustomer({ details: jane }, { timeoutMs: 500 }));
  expect(change).toMatchObject({ code: "UNAVAILABLE", outcomeUnknown: false, safeToRepeat: true });
});
