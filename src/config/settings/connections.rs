//! How long gRPC connections live, and how much is served at once.

use super::super::setting::{Kind, Setting};

/// The largest headers of a call.
pub const GRPC_MAX_HEADER_SIZE: Setting = Setting {
    key: "grpc.max_header_size",
    env: "GRIDGATE_GRPC_MAX_HEADER_SIZE",
    flag: Some("grpc-max-header-size"),
    default: Some("16KiB"),
    kind: Kind::Size,
    doc: "The largest headers of a call, in bytes as HTTP/2 counts them (32 for each field beside its text).",
};

/// How old a gRPC connection becomes.
pub const GRPC_MAX_CONNECTION_AGE: Setting = Setting {
    key: "grpc.max_connection_age",
    env: "GRIDGATE_GRPC_MAX_CONNECTION_AGE",
    flag: Some("grpc-max-connection-age"),
    default: Some("60m"),
    kind: Kind::Duration,
    doc: "How old a gRPC connection becomes, more or less, before its client is told to make another (GOAWAY), so \
          that connections spread over replicas and no client certificate outlives this by much. Up to a tenth \
          less, by chance. Open calls go on; open streams of WatchKycStatus are told to go on elsewhere. `0s`: no \
          limit.",
};

/// How long an old gRPC connection may take to end.
pub const GRPC_MAX_CONNECTION_AGE_GRACE: Setting = Setting {
    key: "grpc.max_connection_age_grace",
    env: "GRIDGATE_GRPC_MAX_CONNECTION_AGE_GRACE",
    flag: Some("grpc-max-connection-age-grace"),
    default: Some("11m"),
    kind: Kind::Duration,
    doc: "How long the calls of a connection that is past its age may take. Then it is cut. Keep it above \
          `grpc.max_deadline`, and no call is.",
};

/// How many calls are served at once.
pub const GRPC_MAX_CALLS: Setting = Setting {
    key: "grpc.max_calls",
    env: "GRIDGATE_GRPC_MAX_CALLS",
    flag: Some("grpc-max-calls"),
    default: Some("256"),
    kind: Kind::Count,
    doc: "How many calls that need Grid are served at once; as many as `grid.max_concurrent_calls` is right, since \
          more would only wait there. Uploads have as many places of their own, and so have calls that are \
          answered from the event log. What would be more is refused at once, with RESOURCE_EXHAUSTED and when to \
          come back.",
};

/// How long a call waits for its turn.
pub const GRPC_MAX_CALL_WAIT: Setting = Setting {
    key: "grpc.max_call_wait",
    env: "GRIDGATE_GRPC_MAX_CALL_WAIT",
    flag: Some("grpc-max-call-wait"),
    default: Some("100ms"),
    kind: Kind::Duration,
    doc: "How long a call waits for its turn when as many as may be are served. When calls have been waiting for \
          longer than this without a break, further ones do not wait at all. `0s`: none waits.",
};

/// How many streams are open at once.
pub const GRPC_MAX_STREAMS: Setting = Setting {
    key: "grpc.max_streams",
    env: "GRIDGATE_GRPC_MAX_STREAMS",
    flag: Some("grpc-max-streams"),
    default: Some("20000"),
    kind: Kind::Count,
    doc: "How many streams (WatchKycStatus, reflection) are open at once, on all connections together. What would \
          be more is refused with RESOURCE_EXHAUSTED. Health checks are not counted.",
};
