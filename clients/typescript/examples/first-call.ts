// Creates a customer, and a link to the hosted verification. Run it again: it finds the same customer.
import { connect, GridgateError } from "@gridgate/client";

const gridgate = connect();
try {
  const { customer, created } = await gridgate.createCustomer({
    platformCustomerId: "user-1",
    details: { case: "individual", value: { fullName: "Jane Doe", birthDate: "1990-01-15", nationality: "US" } },
  });
  console.log(created ? "created" : "found", customer.id, customer.kycStatusRaw);
  const { kycLink } = await gridgate.customers.createKycLink({ customerId: customer.id });
  console.log("verify at", kycLink?.kycUrl);
} catch (error) {
  if (!(error instanceof GridgateError)) throw error;
  console.error(error.code, error.reason, error.message);
  for (const [field, what] of Object.entries(error.violations)) console.error(`  ${field}: ${what}`);
  process.exitCode = 1;
} finally {
  gridgate.close();
}
