//! How the commands that call a running gridgate do so where it speaks TLS.

use super::super::setting::{Kind, Setting};

/// Whom such a command trusts.
pub const CLIENT_TLS_CA: Setting = Setting {
    key: "client.tls_ca",
    env: "GRIDGATE_CLIENT_TLS_CA",
    flag: Some("client-tls-ca"),
    default: None,
    kind: Kind::File,
    doc: "For `healthcheck` and `watch`: a file with the certificates of CAs, in PEM, that gridgate's certificate is \
          verified against. With it they speak TLS.",
};

/// What name they expect.
pub const CLIENT_TLS_SERVER_NAME: Setting = Setting {
    key: "client.tls_server_name",
    env: "GRIDGATE_CLIENT_TLS_SERVER_NAME",
    flag: Some("client-tls-server-name"),
    default: Some("localhost"),
    kind: Kind::Text,
    doc: "For the same: the name that gridgate's certificate has to have.",
};

/// The certificate they show.
pub const CLIENT_TLS_CERTIFICATE: Setting = Setting {
    key: "client.tls_certificate",
    env: "GRIDGATE_CLIENT_TLS_CERTIFICATE",
    flag: Some("client-tls-certificate"),
    default: None,
    kind: Kind::File,
    doc: "For the same: a file with the certificate that they show, in PEM, where gridgate asks for one.",
};

/// Its key.
pub const CLIENT_TLS_KEY: Setting = Setting {
    key: "client.tls_key",
    env: "GRIDGATE_CLIENT_TLS_KEY",
    flag: Some("client-tls-key"),
    default: None,
    kind: Kind::File,
    doc: "For the same: a file with the private key of `client.tls_certificate`, in PEM.",
};
