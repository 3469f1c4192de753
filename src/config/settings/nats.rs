//! The settings of NATS, where the event log is there.

use super::super::setting::{Kind, Setting};

/// What the names of the log's streams begin with.
pub const NATS_PREFIX: Setting = Setting {
    key: "nats.prefix",
    env: "GRIDGATE_NATS_PREFIX",
    flag: Some("nats-prefix"),
    default: Some("gridgate"),
    kind: Kind::Text,
    doc: "What the names of the event log's streams, buckets and subjects in NATS begin with: letters, digits, `-` and \
          `_`. Replicas with the same prefix share one log.",
};

/// On how many servers everything is kept.
pub const NATS_REPLICAS: Setting = Setting {
    key: "nats.replicas",
    env: "GRIDGATE_NATS_REPLICAS",
    flag: Some("nats-replicas"),
    default: Some("3"),
    kind: Kind::Count,
    doc: "On how many NATS servers the event log is kept: 1, 3 or 5. With 3, one server may be away; with 5, two.",
};

/// A file of credentials.
pub const NATS_CREDENTIALS_FILE: Setting = Setting {
    key: "nats.credentials_file",
    env: "GRIDGATE_NATS_CREDENTIALS_FILE",
    flag: Some("nats-credentials-file"),
    default: None,
    kind: Kind::File,
    doc: "A NATS credentials file (`.creds`); instead of a user or a token.",
};

/// A user's name.
pub const NATS_USER: Setting = Setting {
    key: "nats.user",
    env: "GRIDGATE_NATS_USER",
    flag: Some("nats-user"),
    default: None,
    kind: Kind::Text,
    doc: "The user to connect to NATS as, with `nats.password`; instead of a credentials file or a token.",
};

/// A user's password.
pub const NATS_PASSWORD: Setting = Setting {
    key: "nats.password",
    env: "GRIDGATE_NATS_PASSWORD",
    flag: None,
    default: None,
    kind: Kind::Secret,
    doc: "The password of `nats.user`.",
};

/// A token.
pub const NATS_TOKEN: Setting = Setting {
    key: "nats.token",
    env: "GRIDGATE_NATS_TOKEN",
    flag: None,
    default: None,
    kind: Kind::Secret,
    doc: "The token to connect to NATS with; instead of a credentials file or a user.",
};

/// Whom to trust.
pub const NATS_CA_FILE: Setting = Setting {
    key: "nats.ca_file",
    env: "GRIDGATE_NATS_CA_FILE",
    flag: Some("nats-ca-file"),
    default: None,
    kind: Kind::File,
    doc: "Certificates (PEM) that NATS servers are trusted by, instead of the system's. Where it is set, NATS is spoken to \
          over TLS only, even at `nats://`.",
};

/// The certificate to show.
pub const NATS_CERTIFICATE_FILE: Setting = Setting {
    key: "nats.certificate_file",
    env: "GRIDGATE_NATS_CERTIFICATE_FILE",
    flag: Some("nats-certificate-file"),
    default: None,
    kind: Kind::File,
    doc: "The certificate (PEM) to show to NATS servers that ask for one, with `nats.key_file`. Where it is set, NATS is \
          spoken to over TLS only, even at `nats://`.",
};

/// Its key.
pub const NATS_KEY_FILE: Setting = Setting {
    key: "nats.key_file",
    env: "GRIDGATE_NATS_KEY_FILE",
    flag: Some("nats-key-file"),
    default: None,
    kind: Kind::File,
    doc: "The private key (PEM) of `nats.certificate_file`.",
};
