/** gridgate's API: every call as it is, and what takes more than one call. */
import type { MessageInitShape } from "@bufbuild/protobuf";
import { durationFromMs } from "@bufbuild/protobuf/wkt";
import { createClient, type CallOptions, type Client } from "@connectrpc/connect";
import { GridgateError } from "./error.js";
import { chunks, type FileReader, type FileSource } from "./file.js";
import type { BeneficialOwner } from "./gen/gridgate/v1/beneficial_owner_pb.js";
import {
  BeneficialOwnerService,
  type ListBeneficialOwnersRequestSchema,
  type ListBeneficialOwnersResponse,
} from "./gen/gridgate/v1/beneficial_owner_service_pb.js";
import type { Customer } from "./gen/gridgate/v1/customer_pb.js";
import {
  CustomerService,
  type CreateCustomerRequestSchema,
  type ImportCustomersResponse,
  type ListCustomersRequestSchema,
  type ListCustomersResponse,
} from "./gen/gridgate/v1/customer_service_pb.js";
import type { Document } from "./gen/gridgate/v1/document_pb.js";
import {
  DocumentService,
  type ListDocumentsRequestSchema,
  type ListDocumentsResponse,
  type ReplaceDocumentMetadataSchema,
  type UploadDocumentMetadataSchema,
} from "./gen/gridgate/v1/document_service_pb.js";
import type { KycEvent } from "./gen/gridgate/v1/kyc_event_pb.js";
import { KycEventService, type ListKycEventsRequestSchema, type ListKycEventsResponse } from "./gen/gridgate/v1/kyc_event_service_pb.js";
import { KycStatus } from "./gen/gridgate/v1/kyc_status_pb.js";
import { PlatformService } from "./gen/gridgate/v1/platform_service_pb.js";
import type { Verification } from "./gen/gridgate/v1/verification_pb.js";
import {
  VerificationService,
  type ListVerificationsRequestSchema,
  type ListVerificationsResponse,
} from "./gen/gridgate/v1/verification_service_pb.js";
import { Listing } from "./listing.js";
import { backoff, pause, retrying } from "./retry.js";
import { guarded, type Connection, type TokenSource } from "./transport.js";
import { watch, type StatusEvent, type WatchOptions } from "./watch.js";

/** How to reach gridgate. */
export interface GridgateOptions {
  /** Makes a connection. Calls share one, and each stream of a watch has its own, which can be hung up. */
  readonly connect: () => Connection;
  /** The bearer token of each call. */
  readonly token?: TokenSource;
  /** Reads files for uploads by their paths. */
  readonly readFile?: FileReader;
}

const CREATING = 30_000;
const UPLOADING = 120_000;

/**
 * A client of gridgate. The services have every call; they fail with GridgateErrors, and are repeated while that is safe.
 * `connect()` makes one.
 */
export class Gridgate {
  /** Customers, KYC links, contact verification, imports, agreements. */
  readonly customers: Client<typeof CustomerService>;
  /** Beneficial owners of businesses. */
  readonly beneficialOwners: Client<typeof BeneficialOwnerService>;
  /** Documents. */
  readonly documents: Client<typeof DocumentService>;
  /** Verifications. */
  readonly verifications: Client<typeof VerificationService>;
  /** Statuses and their changes. */
  readonly events: Client<typeof KycEventService>;
  /** The platform's configuration. */
  readonly platform: Client<typeof PlatformService>;

  readonly #connect: () => Connection;
  readonly #connection: Connection;
  readonly #readFile: FileReader | undefined;

  constructor({ connect, token = async () => undefined, readFile }: GridgateOptions) {
    this.#connect = () => {
      const { transport, close } = connect();
      return { transport: guarded(transport, token), close };
    };
    this.#connection = this.#connect();
    this.#readFile = readFile;
    const { transport } = this.#connection;
    this.customers = createClient(CustomerService, transport);
    this.beneficialOwners = createClient(BeneficialOwnerService, transport);
    this.documents = createClient(DocumentService, transport);
    this.verifications = createClient(VerificationService, transport);
    this.events = createClient(KycEventService, transport);
    this.platform = createClient(PlatformService, transport);
  }

  /** Closes the connection of the calls. A watch ends with its loop or its signal. */
  close(): void {
    this.#connection.close();
  }

  /**
   * Watches statuses of customers and verifications: each change once, in order, whatever becomes of connections and servers.
   * `for await` acknowledges a change by going on to the next; leaving the loop does not acknowledge the last one, `ack()` does.
   */
  decisions<Tx = unknown, Saved extends void | Promise<void> = void | Promise<void>>(
    options: WatchOptions<Tx, Saved> = {},
  ): AsyncGenerator<StatusEvent<Tx, Saved>, void, undefined> {
    return watch(this.#connect, options);
  }

  /**
   * Whether a customer may transact now: approved, and not deleted. `atLeast` is the `resumeToken` of a change that the answer
   * has to include; with `maxStalenessMs` gridgate asks Grid if it has not for so long. An unknown customer may not.
   */
  async mayTransact(
    customerId: string,
    { atLeast = "", maxStalenessMs, ...options }: { atLeast?: string; maxStalenessMs?: number } & CallOptions = {},
  ): Promise<boolean> {
    const maxStaleness = maxStalenessMs === undefined ? {} : { maxStaleness: durationFromMs(maxStalenessMs) };
    try {
      const { customer } = await this.events.getKycStatus({ customerId, atLeast, ...maxStaleness }, options);
      return customer?.status === KycStatus.APPROVED && !customer.isDeleted;
    } catch (error) {
      if (error instanceof GridgateError && error.code === "NOT_FOUND") return false;
      throw error;
    }
  }

  /**
   * Creates a customer, or finds the one that an earlier call created: there is one active customer for a
   * `platformCustomerId` (and for a `requestId`, if there is none), so this may be repeated after anything. If `created` is
   * false, the customer was found by its `platformCustomerId`, and may have other data than the request.
   */
  async createCustomer(
    request: MessageInitShape<typeof CreateCustomerRequestSchema>,
    options: CallOptions = {},
  ): Promise<{ customer: Customer; created: boolean }> {
    const { timeoutMs = CREATING, signal } = options;
    // Without any id, one for the repetitions of this call.
    const { platformCustomerId, requestId = platformCustomerId ? undefined : crypto.randomUUID() } = request;
    const customer = requestId === undefined ? request : { ...request, requestId };
    const deadline = Date.now() + timeoutMs;
    for (let failures = 0; ; failures++) {
      const left = { ...options, timeoutMs: deadline - Date.now() };
      try {
        return { customer: present((await this.customers.createCustomer(customer, left)).customer), created: true };
      } catch (thrown) {
        const error = GridgateError.from(thrown);
        const existing = error.code === "ALREADY_EXISTS" && error.reason === "CONFLICT" ? error.resource?.id : undefined;
        if (existing) return { customer: await this.#customer(existing, left), created: false };
        const wait = backoff(failures);
        if (!error.outcomeUnknown || signal?.aborted || Date.now() + wait >= deadline) throw error;
        await pause(wait, signal);
      }
    }
  }

  async #customer(customerId: string, options: CallOptions): Promise<Customer> {
    return present((await this.customers.getCustomer({ customerId }, options)).customer);
  }

  /** Uploads a document: a file by its path (in Node), its bytes, or a `Blob`. */
  async uploadDocument(
    metadata: MessageInitShape<typeof UploadDocumentMetadataSchema>,
    file: FileSource,
    options: CallOptions = {},
  ): Promise<Document> {
    const response = await this.#upload(DocumentService.method.uploadDocument, options, (left) =>
      this.documents.uploadDocument(this.#messages({ metadata }, file), left),
    );
    return present(response.document);
  }

  /** Replaces the file and the metadata of a document. */
  async replaceDocument(
    metadata: MessageInitShape<typeof ReplaceDocumentMetadataSchema>,
    file: FileSource,
    options: CallOptions = {},
  ): Promise<Document> {
    const response = await this.#upload(DocumentService.method.replaceDocument, options, (left) =>
      this.documents.replaceDocument(this.#messages({ metadata }, file), left),
    );
    return present(response.document);
  }

  /** Imports customers from a CSV file; the response names the job to ask about. */
  importCustomers(file: FileSource, options: CallOptions = {}): Promise<ImportCustomersResponse> {
    return this.#upload(CustomerService.method.importCustomers, options, (left) =>
      this.customers.importCustomers(this.#messages({}, file), left),
    );
  }

  #upload<T>(
    method: (typeof DocumentService.method)["uploadDocument" | "replaceDocument"] | (typeof CustomerService.method)["importCustomers"],
    options: CallOptions,
    upload: (options: CallOptions) => Promise<T>,
  ): Promise<T> {
    const { timeoutMs = UPLOADING, signal } = options;
    return retrying(method, timeoutMs, signal, (left) => upload({ ...options, timeoutMs: left }));
  }

  /** The messages of an upload: the first has the metadata, and the others the file. */
  async *#messages<First extends object>(first: First, file: FileSource): AsyncGenerator<Partial<First> & { chunk: Uint8Array }> {
    // gridgate says what is wrong with an empty file.
    yield { ...first, chunk: new Uint8Array() };
    for await (const chunk of chunks(file, this.#readFile)) yield { chunk } as Partial<First> & { chunk: Uint8Array };
  }

  /** Customers that match. */
  listCustomers(request: MessageInitShape<typeof ListCustomersRequestSchema> = {}, options?: CallOptions): Listing<Customer, ListCustomersResponse> {
    return new Listing(
      (pageToken) => this.customers.listCustomers({ ...request, pageToken }, options),
      (page) => page.customers,
    );
  }

  /** Beneficial owners of a business. */
  listBeneficialOwners(
    request: MessageInitShape<typeof ListBeneficialOwnersRequestSchema>,
    options?: CallOptions,
  ): Listing<BeneficialOwner, ListBeneficialOwnersResponse> {
    return new Listing(
      (pageToken) => this.beneficialOwners.listBeneficialOwners({ ...request, pageToken }, options),
      (page) => page.beneficialOwners,
    );
  }

  /** Documents that match. */
  listDocuments(request: MessageInitShape<typeof ListDocumentsRequestSchema> = {}, options?: CallOptions): Listing<Document, ListDocumentsResponse> {
    return new Listing(
      (pageToken) => this.documents.listDocuments({ ...request, pageToken }, options),
      (page) => page.documents,
    );
  }

  /** Verifications that match. */
  listVerifications(
    request: MessageInitShape<typeof ListVerificationsRequestSchema> = {},
    options?: CallOptions,
  ): Listing<Verification, ListVerificationsResponse> {
    return new Listing(
      (pageToken) => this.verifications.listVerifications({ ...request, pageToken }, options),
      (page) => page.verifications,
    );
  }

  /** The log: every observation that matches, oldest first. */
  listKycEvents(request: MessageInitShape<typeof ListKycEventsRequestSchema> = {}, options?: CallOptions): Listing<KycEvent, ListKycEventsResponse> {
    return new Listing(
      (pageToken) => this.events.listKycEvents({ ...request, pageToken }, options),
      (page) => page.events,
    );
  }
}

/** A field that every response has. */
function present<T>(value: T | undefined): T {
  if (value === undefined) throw new Error("gridgate's response is incomplete");
  return value;
}
