//! Every setting there is. The one place where their names, defaults and meanings are written down.

mod client;
mod connections;
mod events;
mod identity;
mod nats;
mod ready;
mod sandbox;
mod tls;
mod traces;

pub use client::{
    CLIENT_TLS_CA, CLIENT_TLS_CERTIFICATE, CLIENT_TLS_KEY, CLIENT_TLS_SERVER_NAME, CLIENT_TOKEN_FILE, CLIENT_URL,
};
pub use connections::{
    GRPC_MAX_CALL_WAIT, GRPC_MAX_CALLS, GRPC_MAX_CONNECTION_AGE, GRPC_MAX_CONNECTION_AGE_GRACE, GRPC_MAX_HEADER_SIZE,
    GRPC_MAX_STREAMS,
};
pub use events::{
    EVENT_LOG, EVENT_MAX_AGE, EVENT_MAX_SIZE, RECONCILE_INTERVAL, WATCH_MAX_AGE, WEBHOOK_ADDR, WEBHOOK_PATH,
    WEBHOOK_PUBLIC_KEYS, WEBHOOK_RELAY_URL,
};
pub use identity::{IDENTITY_POLICY_FILE, IDENTITY_RELOAD_INTERVAL};
pub use ready::READY_NEEDS_GRID;
pub use sandbox::{
    SANDBOX_ADDR, SANDBOX_ANSWER_429_PERCENT, SANDBOX_ANSWER_503_PERCENT, SANDBOX_ANSWER_DELAY, SANDBOX_REGULATED,
    SANDBOX_WEBHOOK_DELAY, SANDBOX_WEBHOOK_DROP_PERCENT, SANDBOX_WEBHOOK_DUPLICATES, SANDBOX_WEBHOOK_ENDPOINT,
    SANDBOX_WEBHOOK_REORDER,
};
pub use tls::{
    ADMIN_TLS_CERTIFICATE, ADMIN_TLS_CLIENT_CA, ADMIN_TLS_CLIENT_CERTIFICATES, ADMIN_TLS_KEY, GRPC_TLS_CERTIFICATE,
    GRPC_TLS_CLIENT_CA, GRPC_TLS_CLIENT_CERTIFICATES, GRPC_TLS_KEY, TLS_HANDSHAKE_TIMEOUT, TLS_RELOAD_INTERVAL,
    WEBHOOK_TLS_CERTIFICATE, WEBHOOK_TLS_KEY,
};

pub use traces::{OTLP_ENDPOINT, OTLP_PROTOCOL};

use super::setting::{Kind, Setting};
pub use nats::{
    NATS_CA_FILE, NATS_CERTIFICATE_FILE, NATS_CREDENTIALS_FILE, NATS_KEY_FILE, NATS_PASSWORD, NATS_PREFIX,
    NATS_REPLICAS, NATS_TOKEN, NATS_USER,
};

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

/// Where the admin port listens.
pub const ADMIN_ADDR: Setting = Setting {
    key: "admin.addr",
    env: "GRIDGATE_ADMIN_ADDR",
    flag: Some("admin-addr"),
    default: Some("127.0.0.1:9090"),
    kind: Kind::Address,
    doc: "Where `/livez`, `/readyz` and `/metrics` are answered, over HTTP/1.1, to whoever can connect; and, to this machine \
          only, `/log-level` and what `gridgate quarantine` and `gridgate doctor` ask.",
};

/// Grid's API.
pub const GRID_BASE_URL: Setting = Setting {
    key: "grid.base_url",
    env: "LIGHTSPARK_GRID_BASE_URL",
    flag: Some("grid-base-url"),
    default: Some("https://api.lightspark.com/grid/2025-10-13"),
    kind: Kind::Url,
    doc: "Grid's API, version included. Plain `http` is refused except to loopback, unless `grid.insecure_allow_http`.",
};

/// Permission to send the credentials unencrypted.
pub const GRID_INSECURE_ALLOW_HTTP: Setting = Setting {
    key: "grid.insecure_allow_http",
    env: "GRIDGATE_GRID_INSECURE_ALLOW_HTTP",
    flag: Some("grid-insecure-allow-http"),
    default: Some("false"),
    kind: Kind::Switch,
    doc: "Lets `grid.base_url` be plain `http` to another machine. Credentials and personal data cross the network \
          readable: for a sandbox in a neighbouring container.",
};

/// The client id of Grid's credentials.
pub const GRID_CLIENT_ID: Setting = Setting {
    key: "grid.client_id",
    env: "GRID_CLIENT_ID",
    flag: Some("grid-client-id"),
    default: None,
    kind: Kind::Text,
    doc: "The client id of your Grid API token. Required, except with `--sandbox`.",
};

/// The secret of Grid's credentials.
pub const GRID_CLIENT_SECRET: Setting = Setting {
    key: "grid.client_secret",
    env: "GRID_CLIENT_SECRET",
    flag: None,
    default: None,
    kind: Kind::Secret,
    doc: "The client secret of your Grid API token. Required (here or in a file), except with `--sandbox`. It has no \
          flag, because command lines can be read by others.",
};

/// The file that holds the secret of Grid's credentials.
pub const GRID_CLIENT_SECRET_FILE: Setting = Setting {
    key: "grid.client_secret_file",
    env: "GRID_CLIENT_SECRET_FILE",
    flag: Some("grid-client-secret-file"),
    default: None,
    kind: Kind::File,
    doc: "A file that holds the client secret, instead of the secret itself. White space around it is dropped.",
};

/// How many calls to Grid run at once.
pub const GRID_MAX_CONCURRENT_CALLS: Setting = Setting {
    key: "grid.max_concurrent_calls",
    env: "GRIDGATE_GRID_MAX_CONCURRENT_CALLS",
    flag: Some("grid-max-concurrent-calls"),
    default: Some("256"),
    kind: Kind::Count,
    doc: "How many calls to Grid run at once. Further ones wait, within their deadline.",
};

/// How long connecting to Grid may take.
pub const GRID_CONNECT_TIMEOUT: Setting = Setting {
    key: "grid.connect_timeout",
    env: "GRIDGATE_GRID_CONNECT_TIMEOUT",
    flag: Some("grid-connect-timeout"),
    default: Some("5s"),
    kind: Kind::Duration,
    doc: "How long one attempt to connect to Grid may take, TLS included.",
};

/// How much memory uploads may hold together.
pub const UPLOADS_MAX_MEMORY: Setting = Setting {
    key: "uploads.max_memory",
    env: "GRIDGATE_UPLOADS_MAX_MEMORY",
    flag: Some("uploads-max-memory"),
    default: Some("256MiB"),
    kind: Kind::Size,
    doc: "How much memory the documents being uploaded may take together; at least one document, 10 MiB. What \
          would be more is refused (RESOURCE_EXHAUSTED).",
};

/// The form of log lines.
pub const LOG_FORMAT: Setting = Setting {
    key: "log.format",
    env: "GRIDGATE_LOG_FORMAT",
    flag: Some("log-format"),
    default: Some("human"),
    kind: Kind::Word(&["human", "json"]),
    doc: "The form of log lines on standard error: `human` or `json`, one object per line.",
};

/// What is logged.
pub const LOG_LEVEL: Setting = Setting {
    key: "log.level",
    env: "GRIDGATE_LOG_LEVEL",
    flag: Some("log-level"),
    default: Some("info"),
    kind: Kind::Filter,
    doc: "What is logged: `error`, `warn`, `info`, `debug`, `trace` or `off`; or by module, `info,gridgate::grid=debug`.",
};

/// How long shutting down may take.
pub const SHUTDOWN_GRACE_PERIOD: Setting = Setting {
    key: "shutdown.grace_period",
    env: "GRIDGATE_SHUTDOWN_GRACE_PERIOD",
    flag: Some("shutdown-grace-period"),
    default: Some("25s"),
    kind: Kind::Duration,
    doc: "How long calls may take to finish after SIGTERM, `shutdown.drain_delay` included. What is left then is cut. \
          Keep it below the time your platform waits before it kills (Kubernetes: 30 s).",
};

/// How long to go on accepting calls after the signal to stop.
pub const SHUTDOWN_DRAIN_DELAY: Setting = Setting {
    key: "shutdown.drain_delay",
    env: "GRIDGATE_SHUTDOWN_DRAIN_DELAY",
    flag: Some("shutdown-drain-delay"),
    default: Some("0s"),
    kind: Kind::Duration,
    doc: "How long to go on accepting calls after SIGTERM, already reported as not ready, so that a mesh or load \
          balancer can notice. In Kubernetes 5s is usual.",
};

/// Every setting, in the order in which they are documented.
pub const ALL: &[&Setting] = &[
    &GRPC_ADDR,
    &GRPC_INSECURE_ALLOW_REMOTE,
    &GRPC_TLS_CERTIFICATE,
    &GRPC_TLS_KEY,
    &GRPC_TLS_CLIENT_CA,
    &GRPC_TLS_CLIENT_CERTIFICATES,
    &GRPC_MAX_CONNECTIONS,
    &GRPC_MAX_CONCURRENT_STREAMS,
    &GRPC_MAX_CONNECTION_AGE,
    &GRPC_MAX_CONNECTION_AGE_GRACE,
    &GRPC_MAX_CALLS,
    &GRPC_MAX_CALL_WAIT,
    &GRPC_MAX_STREAMS,
    &GRPC_MAX_HEADER_SIZE,
    &GRPC_MAX_REQUEST_SIZE,
    &GRPC_MAX_RESPONSE_SIZE,
    &GRPC_KEEPALIVE_INTERVAL,
    &GRPC_KEEPALIVE_TIMEOUT,
    &GRPC_DEFAULT_DEADLINE,
    &GRPC_UPLOAD_DEADLINE,
    &GRPC_MAX_DEADLINE,
    &IDENTITY_POLICY_FILE,
    &IDENTITY_RELOAD_INTERVAL,
    &ADMIN_ADDR,
    &ADMIN_TLS_CERTIFICATE,
    &ADMIN_TLS_KEY,
    &ADMIN_TLS_CLIENT_CA,
    &ADMIN_TLS_CLIENT_CERTIFICATES,
    &TLS_RELOAD_INTERVAL,
    &TLS_HANDSHAKE_TIMEOUT,
    &GRID_BASE_URL,
    &GRID_INSECURE_ALLOW_HTTP,
    &GRID_CLIENT_ID,
    &GRID_CLIENT_SECRET,
    &GRID_CLIENT_SECRET_FILE,
    &GRID_MAX_CONCURRENT_CALLS,
    &GRID_CONNECT_TIMEOUT,
    &UPLOADS_MAX_MEMORY,
    &WEBHOOK_ADDR,
    &WEBHOOK_PATH,
    &WEBHOOK_PUBLIC_KEYS,
    &WEBHOOK_RELAY_URL,
    &WEBHOOK_TLS_CERTIFICATE,
    &WEBHOOK_TLS_KEY,
    &EVENT_LOG,
    &EVENT_MAX_AGE,
    &EVENT_MAX_SIZE,
    &NATS_PREFIX,
    &NATS_REPLICAS,
    &NATS_CREDENTIALS_FILE,
    &NATS_USER,
    &NATS_PASSWORD,
    &NATS_TOKEN,
    &NATS_CA_FILE,
    &NATS_CERTIFICATE_FILE,
    &NATS_KEY_FILE,
    &WATCH_MAX_AGE,
    &RECONCILE_INTERVAL,
    &SANDBOX_ADDR,
    &SANDBOX_REGULATED,
    &SANDBOX_WEBHOOK_ENDPOINT,
    &SANDBOX_WEBHOOK_DUPLICATES,
    &SANDBOX_WEBHOOK_REORDER,
    &SANDBOX_WEBHOOK_DELAY,
    &SANDBOX_WEBHOOK_DROP_PERCENT,
    &SANDBOX_ANSWER_DELAY,
    &SANDBOX_ANSWER_429_PERCENT,
    &SANDBOX_ANSWER_503_PERCENT,
    &LOG_FORMAT,
    &LOG_LEVEL,
    &OTLP_ENDPOINT,
    &OTLP_PROTOCOL,
    &READY_NEEDS_GRID,
    &SHUTDOWN_GRACE_PERIOD,
    &SHUTDOWN_DRAIN_DELAY,
    &CLIENT_URL,
    &CLIENT_TOKEN_FILE,
    &CLIENT_TLS_CA,
    &CLIENT_TLS_CERTIFICATE,
    &CLIENT_TLS_KEY,
    &CLIENT_TLS_SERVER_NAME,
];

/// Those in [`ALL`] that only commands read that call: the last ones.
const CLIENT: usize = 6;

/// What `gridgate serve` reads of them.
pub const OF_SERVE: &[&Setting] = ALL.split_at(ALL.len() - CLIENT).0;

/// What `gridgate sandbox` reads of them.
pub const OF_SANDBOX: &[&Setting] = &[
    &SANDBOX_ADDR,
    &SANDBOX_REGULATED,
    &SANDBOX_WEBHOOK_ENDPOINT,
    &SANDBOX_WEBHOOK_DUPLICATES,
    &SANDBOX_WEBHOOK_REORDER,
    &SANDBOX_WEBHOOK_DELAY,
    &SANDBOX_WEBHOOK_DROP_PERCENT,
    &SANDBOX_ANSWER_DELAY,
    &SANDBOX_ANSWER_429_PERCENT,
    &SANDBOX_ANSWER_503_PERCENT,
    &GRID_CLIENT_ID,
    &GRID_CLIENT_SECRET,
    &GRID_CLIENT_SECRET_FILE,
    &LOG_FORMAT,
    &LOG_LEVEL,
];

/// What `gridgate healthcheck` and `gridgate watch` read of them.
pub const OF_CALLERS: &[&Setting] = &[
    &GRPC_ADDR,
    &GRPC_TLS_CERTIFICATE,
    &CLIENT_URL,
    &CLIENT_TOKEN_FILE,
    &CLIENT_TLS_CA,
    &CLIENT_TLS_CERTIFICATE,
    &CLIENT_TLS_KEY,
    &CLIENT_TLS_SERVER_NAME,
];

/// What `gridgate quarantine` reads of them.
pub const OF_ADMIN_CALLERS: &[&Setting] = &[
    &ADMIN_ADDR,
    &ADMIN_TLS_CERTIFICATE,
    &CLIENT_TLS_CA,
    &CLIENT_TLS_CERTIFICATE,
    &CLIENT_TLS_KEY,
    &CLIENT_TLS_SERVER_NAME,
];

/// What `gridgate log` reads of them.
pub const OF_LOGS: &[&Setting] = &[
    &EVENT_MAX_SIZE,
    &NATS_PREFIX,
    &NATS_REPLICAS,
    &NATS_CREDENTIALS_FILE,
    &NATS_USER,
    &NATS_PASSWORD,
    &NATS_TOKEN,
    &NATS_CA_FILE,
    &NATS_CERTIFICATE_FILE,
    &NATS_KEY_FILE,
];

/// What `gridgate doctor` has flags for. It reads all that `gridgate serve` reads.
pub const OF_DOCTOR: &[&Setting] = &[
    &GRPC_ADDR,
    &CLIENT_URL,
    &CLIENT_TLS_CA,
    &CLIENT_TLS_CERTIFICATE,
    &CLIENT_TLS_KEY,
    &CLIENT_TLS_SERVER_NAME,
    &ADMIN_ADDR,
    &ADMIN_TLS_CERTIFICATE,
    &GRID_BASE_URL,
    &GRID_INSECURE_ALLOW_HTTP,
    &GRID_CLIENT_ID,
    &GRID_CLIENT_SECRET_FILE,
    &GRID_CONNECT_TIMEOUT,
    &WEBHOOK_ADDR,
    &WEBHOOK_PATH,
];

/// The environment variable that names the TOML file, where `--config` does not.
pub const CONFIG_FILE_ENV: &str = "GRIDGATE_CONFIG";
