/** Errors of calls: gridgate's own words, decoded. docs/ERRORS.md lists every code and reason. */
import type { DescMethod } from "@bufbuild/protobuf";
import { MethodOptions_IdempotencyLevel, durationMs } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError } from "@connectrpc/connect";
import { BadRequestSchema, ErrorInfoSchema, ResourceInfoSchema, RetryInfoSchema } from "./gen/google/rpc/error_details_pb.js";
import { FieldErrorsSchema, type FieldError } from "./gen/gridgate/v1/error_pb.js";

const CODES = {
  [Code.Canceled]: "CANCELLED",
  [Code.Unknown]: "UNKNOWN",
  [Code.InvalidArgument]: "INVALID_ARGUMENT",
  [Code.DeadlineExceeded]: "DEADLINE_EXCEEDED",
  [Code.NotFound]: "NOT_FOUND",
  [Code.AlreadyExists]: "ALREADY_EXISTS",
  [Code.PermissionDenied]: "PERMISSION_DENIED",
  [Code.ResourceExhausted]: "RESOURCE_EXHAUSTED",
  [Code.FailedPrecondition]: "FAILED_PRECONDITION",
  [Code.Aborted]: "ABORTED",
  [Code.OutOfRange]: "OUT_OF_RANGE",
  [Code.Unimplemented]: "UNIMPLEMENTED",
  [Code.Internal]: "INTERNAL",
  [Code.Unavailable]: "UNAVAILABLE",
  [Code.DataLoss]: "DATA_LOSS",
  [Code.Unauthenticated]: "UNAUTHENTICATED",
} as const satisfies Record<Code, string>;

/** A gRPC code. */
export type ErrorCode = (typeof CODES)[Code];

/** The resource that an error is about. */
export interface Resource {
  /** Its type, such as `gridgate.v1.Customer`. */
  readonly type: string;
  /** Its id; empty if gridgate does not know it. */
  readonly id: string;
  /** Its owner. */
  readonly owner: string;
  /** More about it. */
  readonly description: string;
}

/** No connection was made, so the call did not start. */
const NEVER_SENT = /^(ECONNREFUSED|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH|ENETUNREACH)$/;

/** A call that failed. */
export class GridgateError extends Error {
  override readonly name = "GridgateError";
  /** The gRPC code. */
  readonly code: ErrorCode;
  /** Why, for programs: gridgate's reason or Grid's own code. Empty if gridgate did not answer. */
  readonly reason: string;
  /** Who gives the reason: `gridgate` or `grid.lightspark.com`. */
  readonly domain: string;
  /** More about the reason, such as `oldest_resume_token`. */
  readonly metadata: Readonly<Record<string, string>>;
  /** Each wrong field's path in the request, and what is wrong. */
  readonly violations: Readonly<Record<string, string>>;
  /** Grid's constraints on the wrong fields: format, pattern, allowed values, lengths. */
  readonly fieldErrors: readonly FieldError[];
  /** Milliseconds to wait before a retry, if gridgate knows. */
  readonly retryAfter: number | undefined;
  /** The resource that the error is about. */
  readonly resource: Resource | undefined;
  /** Whether a change may have been made although the call failed: check before you repeat it. */
  readonly outcomeUnknown: boolean;
  /** Whether nothing was changed, so that the call may be repeated. */
  readonly safeToRepeat: boolean;

  private constructor(error: ConnectError, method: DescMethod | undefined) {
    super(error.rawMessage, { cause: error.cause ?? error });
    const info = error.findDetails(ErrorInfoSchema)[0];
    const delay = error.findDetails(RetryInfoSchema)[0]?.retryDelay;
    const pushback = error.metadata.get("grpc-retry-pushback-ms");
    const resource = error.findDetails(ResourceInfoSchema)[0];
    this.code = CODES[error.code];
    this.reason = info?.reason ?? "";
    this.domain = info?.domain ?? "";
    this.metadata = info?.metadata ?? {};
    this.violations = violationsOf(error);
    this.fieldErrors = error.findDetails(FieldErrorsSchema)[0]?.errors ?? [];
    this.retryAfter = delay ? durationMs(delay) : pushbackMs(pushback);
    this.resource = resource && {
      type: resource.resourceType,
      id: resource.resourceName,
      owner: resource.owner,
      description: resource.description,
    };
    const changes = method !== undefined && method.idempotency !== MethodOptions_IdempotencyLevel.NO_SIDE_EFFECTS;
    this.outcomeUnknown = changes && this.mayHaveActed();
    this.safeToRepeat = !forbidsRetry(pushback) && (changes ? this.certainlyDidNotAct() : this.passes());
  }

  /** Any error of a call as a GridgateError. `method` says whether the call changes anything. */
  static from(error: unknown, method?: DescMethod): GridgateError {
    return error instanceof GridgateError ? error : new GridgateError(ConnectError.from(error), method);
  }

  /** Whether gridgate itself sent this error, and not the way there. */
  get answered(): boolean {
    return this.reason !== "";
  }

  /** Whether a later call may succeed with the same request. */
  private passes(): boolean {
    return this.code === "UNAVAILABLE" || this.code === "RESOURCE_EXHAUSTED" || (!this.answered && BROKEN.has(this.code));
  }

  private certainlyDidNotAct(): boolean {
    const refused = this.code === "UNAVAILABLE" || (this.code === "RESOURCE_EXHAUSTED" && this.retryAfter !== undefined);
    return this.answered ? refused : NEVER_SENT.test(systemError(this));
  }

  private mayHaveActed(): boolean {
    if (this.answered) return this.reason === "OUTCOME_UNKNOWN" || this.metadata["may_have_acted"] === "true";
    return !NEVER_SENT.test(systemError(this)) && (this.code === "UNAVAILABLE" || BROKEN.has(this.code));
  }
}

/** Codes with which a connection breaks, or a proxy that lost one answers. */
const BROKEN = new Set<ErrorCode>(["CANCELLED", "UNKNOWN", "ABORTED", "INTERNAL", "DATA_LOSS", "DEADLINE_EXCEEDED", "INVALID_ARGUMENT"]);

/** The code of the operating system's or Node's error behind this one, such as `ECONNREFUSED`; empty if there is none. */
export function systemError(error: unknown): string {
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    if (!(cause instanceof GridgateError) && "code" in cause && typeof cause.code === "string") return cause.code;
  }
  return "";
}

function violationsOf(error: ConnectError): Record<string, string> {
  const violations: Record<string, string> = {};
  for (const { field, description } of error.findDetails(BadRequestSchema).flatMap((bad) => bad.fieldViolations)) {
    violations[field] = field in violations ? `${violations[field]}; ${description}` : description;
  }
  return violations;
}

function pushbackMs(pushback: string | null): number | undefined {
  return pushback !== null && /^\d+$/.test(pushback) ? Number(pushback) : undefined;
}

/** A pushback that is no number of milliseconds forbids a retry, as gRPC's retry design says. */
function forbidsRetry(pushback: string | null): boolean {
  return pushback !== null && pushbackMs(pushback) === undefined;
}
