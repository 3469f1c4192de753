//! Every setting there is. The one place where their names, defaults and meanings are written down.

mod client;
mod connections;
mod events;
mod grid;
mod grpc;
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
pub use grid::{
    GRID_BASE_URL, GRID_CLIENT_ID, GRID_CLIENT_SECRET, GRID_CLIENT_SECRET_FILE, GRID_CONNECT_TIMEOUT,
    GRID_INSECURE_ALLOW_HTTP, GRID_MAX_CONCURRENT_CALLS, UPLOADS_MAX_MEMORY,
};
pub use grpc::{
    GRPC_ADDR, GRPC_DEFAULT_DEADLINE, GRPC_INSECURE_ALLOW_REMOTE, GRPC_KEEPALIVE_INTERVAL, GRPC_KEEPALIVE_TIMEOUT,
    GRPC_MAX_CONCURRENT_STREAMS, GRPC_MAX_CONNECTIONS, GRPC_MAX_DEADLINE, GRPC_MAX_REQUEST_SIZE,
    GRPC_MAX_RESPONSE_SIZE, GRPC_UPLOAD_DEADLINE,
};
pub use identity::{IDENTITY_POLICY_FILE, IDENTITY_RELOAD_INTERVAL};
pub use ready::{READY_NEEDS_GRID, READY_NEEDS_RECORDING};
pub use sandbox::{
    SANDBOX_ADDR, SANDBOX_ANSWER_429_PERCENT, SANDBOX_ANSWER_503_PERCENT, SANDBOX_ANSWER_DELAY,
    SANDBOX_APPROVE_AT_CREATION, SANDBOX_OLD_ERROR_BODIES, SANDBOX_REGULATED, SANDBOX_WEBHOOK_DELAY,
    SANDBOX_WEBHOOK_DROP_PERCENT, SANDBOX_WEBHOOK_DUPLICATES, SANDBOX_WEBHOOK_ENDPOINT, SANDBOX_WEBHOOK_REORDER,
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
    &SANDBOX_OLD_ERROR_BODIES,
    &SANDBOX_APPROVE_AT_CREATION,
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
    &READY_NEEDS_RECORDING,
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
    &SANDBOX_OLD_ERROR_BODIES,
    &SANDBOX_APPROVE_AT_CREATION,
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
