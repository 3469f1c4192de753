//! The settings of the gRPC port: where it listens, how much it takes, and how long it waits. Others are in
//! [`super::connections`].

use super::super::setting::{Kind, Setting};

/// Where the gRPC API listens.
pub const GRPC_ADDR: Setting = Setting {
    key: "grpc.addr",
    env: "GRIDGATE_GRPC_ADDR",
    flag: Some("grpc-addr"),
    default: Some("127.0.0.1:50051"),
    kind: Kind::Address,
    doc: "Where the gRPC API listens. Other than loopback addresses need a policy (`identity.policy_file`), or \
          `grpc.insecure_allow_remote`.",
};

/// Permission to listen for gRPC where others can connect.
pub const GRPC_INSECURE_ALLOW_REMOTE: Setting = Setting {
    key: "grpc.insecure_allow_remote",
    env: "GRIDGATE_GRPC_INSECURE_ALLOW_REMOTE",
    flag: Some("grpc-insecure-allow-remote"),
    default: Some("false"),
    kind: Kind::Switch,
    doc: "Lets `grpc.addr` be reachable from other machines although there is no policy: whoever can connect acts with \
          your Grid account. For a sandbox in a container, or a network that lets only your own services in. Does \
          nothing where a policy says who may call.",
};

/// How many gRPC connections are served at once.
pub const GRPC_MAX_CONNECTIONS: Setting = Setting {
    key: "grpc.max_connections",
    env: "GRIDGATE_GRPC_MAX_CONNECTIONS",
    flag: Some("grpc-max-connections"),
    default: Some("1024"),
    kind: Kind::Count,
    doc: "How many gRPC connections are served at once. Further ones are told to go, with nothing done for them, so that \
          their clients can try another replica.",
};

/// How many calls one gRPC connection may have open.
pub const GRPC_MAX_CONCURRENT_STREAMS: Setting = Setting {
    key: "grpc.max_concurrent_streams",
    env: "GRIDGATE_GRPC_MAX_CONCURRENT_STREAMS",
    flag: Some("grpc-max-concurrent-streams"),
    default: Some("1024"),
    kind: Kind::Count,
    doc: "How many calls one gRPC connection may have open at once (HTTP/2's `SETTINGS_MAX_CONCURRENT_STREAMS`).",
};

/// The largest message a caller may send.
pub const GRPC_MAX_REQUEST_SIZE: Setting = Setting {
    key: "grpc.max_request_size",
    env: "GRIDGATE_GRPC_MAX_REQUEST_SIZE",
    flag: Some("grpc-max-request-size"),
    default: Some("4MiB"),
    kind: Kind::Size,
    doc: "The largest single message accepted from a caller, after decompression. Uploads are many messages, and not \
          bounded by it.",
};

/// The largest message sent to a caller.
pub const GRPC_MAX_RESPONSE_SIZE: Setting = Setting {
    key: "grpc.max_response_size",
    env: "GRIDGATE_GRPC_MAX_RESPONSE_SIZE",
    flag: Some("grpc-max-response-size"),
    default: Some("4MiB"),
    kind: Kind::Size,
    doc: "The largest single message sent to a caller. Most gRPC clients refuse more than 4 MiB.",
};

/// How often an HTTP/2 ping checks that a caller is still there.
pub const GRPC_KEEPALIVE_INTERVAL: Setting = Setting {
    key: "grpc.keepalive_interval",
    env: "GRIDGATE_GRPC_KEEPALIVE_INTERVAL",
    flag: Some("grpc-keepalive-interval"),
    default: Some("60s"),
    kind: Kind::Duration,
    doc: "How often an HTTP/2 ping checks that the other end of a gRPC connection is still there. `0s`: never.",
};

/// How long the answer to such a ping may take.
pub const GRPC_KEEPALIVE_TIMEOUT: Setting = Setting {
    key: "grpc.keepalive_timeout",
    env: "GRIDGATE_GRPC_KEEPALIVE_TIMEOUT",
    flag: Some("grpc-keepalive-timeout"),
    default: Some("20s"),
    kind: Kind::Duration,
    doc: "How long the answer to a keepalive ping may take before the connection counts as dead.",
};

/// The deadline of a call that brings none.
pub const GRPC_DEFAULT_DEADLINE: Setting = Setting {
    key: "grpc.default_deadline",
    env: "GRIDGATE_GRPC_DEFAULT_DEADLINE",
    flag: Some("grpc-default-deadline"),
    default: Some("30s"),
    kind: Kind::Duration,
    doc: "The deadline of a call that brings none (no `grpc-timeout`). It bounds the whole call, retries to Grid \
          included.",
};

/// The deadline of an upload that brings none.
pub const GRPC_UPLOAD_DEADLINE: Setting = Setting {
    key: "grpc.upload_deadline",
    env: "GRIDGATE_GRPC_UPLOAD_DEADLINE",
    flag: Some("grpc-upload-deadline"),
    default: Some("120s"),
    kind: Kind::Duration,
    doc: "The same for uploads (calls whose request is a stream).",
};

/// The longest deadline that is honoured.
pub const GRPC_MAX_DEADLINE: Setting = Setting {
    key: "grpc.max_deadline",
    env: "GRIDGATE_GRPC_MAX_DEADLINE",
    flag: Some("grpc-max-deadline"),
    default: Some("10m"),
    kind: Kind::Duration,
    doc: "The longest deadline a call can have. A longer `grpc-timeout` is cut to this, so that no call waits for ever.",
};
