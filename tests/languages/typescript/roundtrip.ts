// Creates a full customer, reads it back, and reads the violations of a bad one. Prints each message as JSON on a line.

import { create, toJsonString, type DescMessage, type MessageInitShape, type MessageShape } from "@bufbuild/protobuf";
import { Code, ConnectError, createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { BadRequestSchema } from "./google/rpc/error_details_pb.js";
import { CustomerSchema } from "./gridgate/v1/customer_pb.js";
import { CreateCustomerRequestSchema, CustomerService } from "./gridgate/v1/customer_service_pb.js";
import { CustomerType } from "./gridgate/v1/customer_type_pb.js";
import { FieldErrorsSchema } from "./gridgate/v1/error_pb.js";

const [address, name = ""] = process.argv.slice(2);

function fullCustomer(name: string): MessageInitShape<typeof CreateCustomerRequestSchema> {
  return {
    platformCustomerId: name,
    customerType: CustomerType.INDIVIDUAL,
    region: "US",
    currencies: ["USD"],
    email: "jane@example.com",
    phoneNumber: "+14155551234",
    umaAddress: `$${name}@uma.example.com`,
    address: { line1: "123 Main Street", line2: "Apt 4B", city: "San Francisco", state: "CA", postalCode: "94105", country: "US" },
    details: {
      case: "individual",
      value: {
        fullName: "Jane Döe",
        birthDate: "1992-03-25",
        nationality: "US",
        idType: "SSN",
        identifier: "123-45-6789",
        countryOfIssuance: "US",
        edd: { sourceOfFundsCategories: ["SALARY", "OTHER"], sourceOfFundsOtherDescription: "lottery", pepStatus: "NONE" },
      },
    },
    agreementConsents: [
      {
        type: "LIGHTSPARK_END_USER_TERMS",
        acceptedAt: { seconds: 1768487400n, nanos: 500000000 },
        ipAddress: "203.0.113.7",
        termsVersion: "2025-10-13",
        acceptanceMethod: "CHECKBOX",
      },
    ],
  };
}

function show<Desc extends DescMessage>(schema: Desc, message: MessageShape<Desc> | undefined): void {
  if (message === undefined) throw new Error(`there is no ${schema.typeName}`);
  console.log(toJsonString(schema, message));
}

const customers = createClient(CustomerService, createGrpcTransport({ baseUrl: `http://${address}`, defaultTimeoutMs: 10_000 }));
const { customer: created } = await customers.createCustomer(create(CreateCustomerRequestSchema, fullCustomer(name)));
const { customer } = await customers.getCustomer({ customerId: created?.id ?? "" });
show(CustomerSchema, customer);
try {
  await customers.createCustomer({ email: "x", details: { case: "individual", value: { birthDate: "nonsense" } } });
} catch (error) {
  const refused = ConnectError.from(error);
  if (refused.code !== Code.InvalidArgument) throw error;
  for (const badRequest of refused.findDetails(BadRequestSchema)) show(BadRequestSchema, badRequest);
  for (const fieldErrors of refused.findDetails(FieldErrorsSchema)) show(FieldErrorsSchema, fieldErrors);
}
