/** A watch that survives: docs/WATCH.md from the client's side. */
import { create } from "@bufbuild/protobuf";
import { durationFromMs, timestampFromDate } from "@bufbuild/protobuf/wkt";
import { createClient } from "@connectrpc/connect";
import { GridgateError, systemError } from "./error.js";
import type { CustomerKycStatus, KycStatusChange, VerificationState, VerificationUpdate } from "./gen/gridgate/v1/kyc_event_pb.js";
import {
  GoingAwayReason,
  KycEventService,
  WatchKycStatusRequestSchema,
  WatchStart,
  type WatchKycStatusRequest,
  type WatchKycStatusResponse,
} from "./gen/gridgate/v1/kyc_event_service_pb.js";
import { MemoryPlace, type HeldPlace, type Place } from "./place/place.js";
import { backoff, pause } from "./retry.js";
import type { Connection } from "./transport.js";

/** Without so many heartbeats the server is gone, whatever the connection says. */
const SILENT_HEARTBEATS = 3;
const HEARTBEAT = 15_000;
/** A stream that lived so long broke for another reason than the one before. */
const LIVED = 30_000;

type Filters = Pick<
  WatchKycStatusRequest,
  "customerIds" | "platformCustomerIds" | "kinds" | "statuses" | "verificationStatuses" | "untilDecided" | "includeAll"
>;

/** What to watch, and how. The filters are those of `WatchKycStatusRequest`; without any, everything. */
export interface WatchOptions<Tx = unknown, Saved extends void | Promise<void> = void | Promise<void>> extends Partial<Filters> {
  /** Where the watch keeps its place. In memory by default. */
  readonly place?: Place<Tx, Saved>;
  /**
   * Where to begin if the place has no token yet: with the current statuses (`snapshot`, the default), with the next change
   * (`now`), with the oldest one in the log (`earliest`), or at a time.
   */
  readonly start?: "snapshot" | "now" | "earliest" | Date;
  /** Whether going on to the next change acknowledges the one before (`next`, the default), or only `ack()` does (`manual`). */
  readonly acknowledge?: "next" | "manual";
  /** Milliseconds between heartbeats, from 1,000 to 300,000. After three without one the watch calls again. */
  readonly heartbeatMs?: number;
  /** Ends the watch: the loop ends as if there were no more changes. */
  readonly signal?: AbortSignal;
  /** What becomes of the watch. By default a line on the console when it breaks or restarts. */
  readonly onNotice?: (notice: Notice) => void;
}

/** What becomes of a watch. */
export type Notice =
  /** The stream ended, and the watch calls again after so many milliseconds. Without an error the server asked for it. */
  | { readonly type: "reconnecting"; readonly error: Error | undefined; readonly inMs: number }
  /** Changes have certainly (`EXPIRED`) or possibly (`FOREIGN`) been missed; the current statuses follow. */
  | { readonly type: "restarting"; readonly reason: "RESUME_TOKEN_EXPIRED" | "RESUME_TOKEN_FOREIGN"; readonly error: GridgateError };

/** The status of a customer or of a verification: one that changed, or, in a snapshot, the current one. */
export interface StatusEvent<Tx = unknown, Saved = void | Promise<void>> {
  /** Whose status it is. */
  readonly kind: "customer" | "verification";
  /** Whether it changed now, or is a row of a snapshot. */
  readonly origin: "change" | "snapshot";
  /** Unique in the log, and the same whenever the event comes again: a key for its effects. */
  readonly eventId: string;
  /** Grid's id of the customer. */
  readonly customerId: string;
  /** The platform's own id of the customer; empty while unknown. */
  readonly platformCustomerId: string;
  /** The status in Grid's own word, such as `APPROVED`. */
  readonly status: string;
  /** Whether the status is a decision: `APPROVED` or `REJECTED`. */
  readonly isDecision: boolean;
  /** Whether the customer has been deleted. */
  readonly isDeleted: boolean;
  /** All that gridgate sent. */
  readonly message: KycStatusChange | VerificationUpdate | CustomerKycStatus | VerificationState;
  /** The place after this event. Also `atLeast` of `mayTransact`. */
  readonly resumeToken: string;
  /**
   * Moves the place behind this event: it, and those before it, will not come again. Inside a transaction of the place's
   * database (`tx`), effect and place commit together. Only the first call does anything.
   */
  ack(tx?: Tx): Saved;
}

/** The stream ended without a word, or sent nothing for three heartbeats. */
export class StreamBrokenError extends Error {
  override readonly name = "StreamBrokenError";
}

/**
 * Watches statuses, from the place on, until every customer is decided (`untilDecided`), the signal aborts or the loop is left.
 * Fails with the GridgateError that calling again cannot mend, or with the place's own error.
 */
export async function* watch<Tx, Saved extends void | Promise<void>>(
  connect: () => Connection,
  options: WatchOptions<Tx, Saved>,
): AsyncGenerator<StatusEvent<Tx, Saved>, void, undefined> {
  const { signal, onNotice = warn } = options;
  const place = (options.place ?? new MemoryPlace()) as Place<Tx, Saved>;
  const stream = new Stream<Tx, Saved>(connect, options, await place.claim());
  for (let failures = 0; !signal?.aborted; ) {
    const began = Date.now();
    let error: Error | undefined;
    try {
      if ((yield* stream.once()) === GoingAwayReason.DECIDED) return;
    } catch (thrown) {
      if (signal?.aborted && stream.isOf(thrown)) return;
      const reason = stream.restarts(thrown);
      if (reason) onNotice({ type: "restarting", reason, error: thrown as GridgateError });
      else if (!stream.passes(thrown)) throw thrown;
      else error = thrown;
    }
    failures = error && Date.now() - began < LIVED ? failures + 1 : 0;
    const inMs = backoff(failures, error instanceof GridgateError ? error.retryAfter : 0);
    onNotice({ type: "reconnecting", error, inMs });
    await pause(inMs, signal);
  }
}

function warn(notice: Notice): void {
  if (notice.type === "restarting") {
    console.warn(`gridgate: ${notice.reason}: changes may have been missed; the current statuses follow`);
  } else if (notice.error) {
    console.warn(`gridgate: the watch broke (${notice.error.message}); calling again`);
  }
}

/** The one stream of a watch, call after call. */
class Stream<Tx, Saved extends void | Promise<void>> {
  /** The token of the last response: where the next call begins. */
  #cursor: string | undefined;
  /** Whether the next call begins with a snapshot whatever `start` says. */
  #restart = false;
  #heard = false;
  /** Numbers of the last event that was delivered and of the last one that was acknowledged. */
  #delivered = 0;
  #acknowledged = 0;
  #saved: Saved | undefined;

  constructor(
    private readonly connect: () => Connection,
    private readonly options: WatchOptions<Tx, Saved>,
    private readonly held: HeldPlace<Tx, Saved>,
  ) {
    this.#cursor = held.token;
  }

  /** One call, to its end: why the server ended it. */
  async *once(): AsyncGenerator<StatusEvent<Tx, Saved>, GoingAwayReason, undefined> {
    const { heartbeatMs = HEARTBEAT, signal, acknowledge } = this.options;
    const connection = this.connect();
    const hangUp = new AbortController();
    const onAbort = () => hangUp.abort();
    signal?.addEventListener("abort", onAbort);
    try {
      const client = createClient(KycEventService, connection.transport);
      const responses = client.watchKycStatus(this.request(heartbeatMs), { signal: hangUp.signal })[Symbol.asyncIterator]();
      for (;;) {
        const { value: response, done } = await unlessSilent(SILENT_HEARTBEATS * heartbeatMs, hangUp, responses.next());
        if (done) throw new StreamBrokenError("the stream ended without a word");
        this.#heard = true;
        this.#cursor = response.resumeToken;
        const event = this.event(response);
        if (event) yield event;
        if (acknowledge !== "manual") await event?.ack();
        // Heartbeats move the place too, once nothing before them is open.
        if (!event && this.#acknowledged === this.#delivered) await this.save(response.resumeToken);
        if (response.event.case === "goingAway") return response.event.value.reason;
      }
    } finally {
      signal?.removeEventListener("abort", onAbort);
      hangUp.abort();
      connection.close();
    }
  }

  /** Why the next call begins with a snapshot, if this error demands one. */
  restarts(error: unknown): "RESUME_TOKEN_EXPIRED" | "RESUME_TOKEN_FOREIGN" | undefined {
    if (!(error instanceof GridgateError) || this.#cursor === undefined) return undefined;
    if (error.reason !== "RESUME_TOKEN_EXPIRED" && error.reason !== "RESUME_TOKEN_FOREIGN") return undefined;
    this.#cursor = undefined;
    this.#restart = true;
    return error.reason;
  }

  /** Whether an error is the stream's, and not the place's. */
  isOf(error: unknown): error is GridgateError | StreamBrokenError {
    return error instanceof GridgateError || error instanceof StreamBrokenError;
  }

  /** Whether a later call may go on after this error. */
  passes(error: unknown): error is GridgateError | StreamBrokenError {
    if (!(error instanceof GridgateError)) return this.isOf(error);
    // A server whose certificate cannot be verified is not the one that was meant, unless it was before.
    if (!this.#heard && /CERT|SIGNATURE|^ERR_(TLS|SSL|OSSL)/.test(systemError(error))) return false;
    return PASSING.has(error.code) || (!error.answered && BREAKING.has(error.code));
  }

  private request(heartbeatMs: number): WatchKycStatusRequest {
    const { customerIds, platformCustomerIds, kinds, statuses, verificationStatuses, untilDecided, includeAll } = this.options;
    const filters = { customerIds, platformCustomerIds, kinds, statuses, verificationStatuses, untilDecided, includeAll };
    const given = Object.fromEntries(Object.entries(filters).filter(([, value]) => value !== undefined)) as Partial<Filters>;
    return create(WatchKycStatusRequestSchema, {
      ...given,
      ...this.start(),
      heartbeatInterval: durationFromMs(heartbeatMs),
    });
  }

  private start(): Partial<Pick<WatchKycStatusRequest, "start" | "withSnapshot">> {
    const { start = "snapshot" } = this.options;
    // The server knows from the token whether the snapshot was complete.
    if (this.#cursor !== undefined) return { start: { case: "resumeToken", value: this.#cursor }, withSnapshot: true };
    if (this.#restart || start === "snapshot") return { withSnapshot: true };
    if (start instanceof Date) return { start: { case: "startTime", value: timestampFromDate(start) } };
    return { start: { case: "startPosition", value: start === "now" ? WatchStart.NOW : WatchStart.EARLIEST } };
  }

  private event({ resumeToken, event }: WatchKycStatusResponse): StatusEvent<Tx, Saved> | undefined {
    const status = event.case === "snapshotEntry" ? event.value.entry : event;
    switch (status.case) {
      case "statusChange":
      case "verificationUpdate":
      case "customer":
      case "verification":
        break;
      default:
        return undefined;
    }
    const { value: message } = status;
    const number = ++this.#delivered;
    return {
      kind: "verificationId" in message ? "verification" : "customer",
      origin: event.case === "snapshotEntry" ? "snapshot" : "change",
      eventId: message.record?.eventId ?? "",
      customerId: message.customerId,
      platformCustomerId: message.platformCustomerId,
      status: message.statusRaw,
      isDecision: message.isDecision,
      isDeleted: "isDeleted" in message && message.isDeleted,
      message,
      resumeToken,
      ack: (tx) => {
        if (number <= this.#acknowledged) return this.#saved as Saved;
        const saved = this.save(resumeToken, tx);
        this.#acknowledged = number;
        return saved;
      },
    };
  }

  private save(token: string, tx?: Tx): Saved {
    this.#saved = this.held.save(token, tx);
    return this.#saved;
  }
}

const PASSING = new Set(["UNAVAILABLE", "RESOURCE_EXHAUSTED", "ABORTED", "CANCELLED", "DEADLINE_EXCEEDED", "INTERNAL", "UNKNOWN"]);
/** Codes that the transport gives to a connection that broke in the middle of a message. */
const BREAKING = new Set(["INVALID_ARGUMENT", "DATA_LOSS"]);

/** What comes within so many milliseconds; after that, hangs up. */
async function unlessSilent<T>(ms: number, hangUp: AbortController, coming: Promise<T>): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const silence = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      reject(new StreamBrokenError(`no sign of life for ${ms / 1000} seconds`));
      hangUp.abort();
    }, ms);
  });
  try {
    return await Promise.race([coming, silence]);
  } finally {
    clearTimeout(timer);
    // Nobody waits for it after a silence.
    coming.catch(() => undefined);
  }
}
