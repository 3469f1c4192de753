//! The settings of commands that call a running gridgate.

use super::super::setting::{Kind, Setting};

/// Whom to call.
pub const CLIENT_URL: Setting = Setting {
    key: "client.url",
    env: "GRIDGATE_CLIENT_URL",
    flag: Some("client-url"),
    default: None,
    kind: Kind::Url,
    doc: "The gridgate to call, such as `https://gridgate.internal:50051`. Without it, the one on this machine at \
          `grpc.addr`: with TLS where `grpc.tls_certificate` or `client.tls_ca` is set.",
};

/// Who is calling.
pub const CLIENT_TOKEN_FILE: Setting = Setting {
    key: "client.token_file",
    env: "GRIDGATE_CLIENT_TOKEN_FILE",
    flag: Some("client-token-file"),
    default: None,
    kind: Kind::File,
    doc: "A file with the bearer token to call with. White space around it is dropped.",
};

/// Who vouches for the other end.
pub const CLIENT_TLS_CA: Setting = Setting {
    key: "client.tls_ca",
    env: "GRIDGATE_CLIENT_TLS_CA",
    flag: Some("client-tls-ca"),
    default: None,
    kind: Kind::File,
    doc: "A file with the certificates of CAs, in PEM, that the other end's certificate is verified against, the \
          admin port's too. Without it, those of the system.",
};

/// Who is calling.
pub const CLIENT_TLS_CERTIFICATE: Setting = Setting {
    key: "client.tls_certificate",
    env: "GRIDGATE_CLIENT_TLS_CERTIFICATE",
    flag: Some("client-tls-certificate"),
    default: None,
    kind: Kind::File,
    doc: "A file with the client certificate to call with, in PEM, and those between it and its CA.",
};

/// Its key.
pub const CLIENT_TLS_KEY: Setting = Setting {
    key: "client.tls_key",
    env: "GRIDGATE_CLIENT_TLS_KEY",
    flag: Some("client-tls-key"),
    default: None,
    kind: Kind::File,
    doc: "A file with the private key of `client.tls_certificate`, in PEM, not encrypted.",
};

/// Whom the other end has to be.
pub const CLIENT_TLS_SERVER_NAME: Setting = Setting {
    key: "client.tls_server_name",
    env: "GRIDGATE_CLIENT_TLS_SERVER_NAME",
    flag: Some("client-tls-server-name"),
    default: None,
    kind: Kind::Text,
    doc: "The name that the other end's certificate has to have, where it is not the host of `client.url`; `localhost` for \
          the one on this machine.",
};
