//! The settings of calls to Grid, and of the documents on their way there.

use super::super::setting::{Kind, Setting};

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
