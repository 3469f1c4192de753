//! Certificates: what the ports show, and what they ask of clients.

use super::super::setting::{Kind, Setting};

/// The certificate of a port.
pub const GRPC_TLS_CERTIFICATE: Setting = Setting {
    key: "grpc.tls_certificate",
    env: "GRIDGATE_GRPC_TLS_CERTIFICATE",
    flag: Some("grpc-tls-certificate"),
    default: None,
    kind: Kind::File,
    doc: "A file with the certificate that the gRPC port shows, in PEM, and those between it and its CA. With it \
          only TLS is spoken there. It is read again when it changes.",
};

/// The private key of a port.
pub const GRPC_TLS_KEY: Setting = Setting {
    key: "grpc.tls_key",
    env: "GRIDGATE_GRPC_TLS_KEY",
    flag: Some("grpc-tls-key"),
    default: None,
    kind: Kind::File,
    doc: "A file with the private key of `grpc.tls_certificate`, in PEM, not encrypted. It is read again when it \
          changes.",
};

/// The CAs of client certificates.
pub const GRPC_TLS_CLIENT_CA: Setting = Setting {
    key: "grpc.tls_client_ca",
    env: "GRIDGATE_GRPC_TLS_CLIENT_CA",
    flag: Some("grpc-tls-client-ca"),
    default: None,
    kind: Kind::File,
    doc: "A file with the certificates of CAs, in PEM. Clients of the gRPC port are then asked for a certificate, \
          and it is verified against them. Needs `grpc.tls_certificate`.",
};

/// Whether a client has to show a certificate.
pub const GRPC_TLS_CLIENT_CERTIFICATES: Setting = Setting {
    key: "grpc.tls_client_certificates",
    env: "GRIDGATE_GRPC_TLS_CLIENT_CERTIFICATES",
    flag: Some("grpc-tls-client-certificates"),
    default: Some("required"),
    kind: Kind::Word(&["optional", "required"]),
    doc: "Whether a client has to show a certificate, where `grpc.tls_client_ca` is set: `required`, or \
          `optional`. `optional` also admits clients without a certificate; one that is sent must be valid.",
};

/// The certificate of a port.
pub const WEBHOOK_TLS_CERTIFICATE: Setting = Setting {
    key: "webhook.tls_certificate",
    env: "GRIDGATE_WEBHOOK_TLS_CERTIFICATE",
    flag: Some("webhook-tls-certificate"),
    default: None,
    kind: Kind::File,
    doc: "A file with the certificate that the webhook port shows, in PEM, and those between it and its CA. With \
          it only TLS is spoken there, HTTP/1.1 or HTTP/2. It is read again when it changes.",
};

/// The private key of a port.
pub const WEBHOOK_TLS_KEY: Setting = Setting {
    key: "webhook.tls_key",
    env: "GRIDGATE_WEBHOOK_TLS_KEY",
    flag: Some("webhook-tls-key"),
    default: None,
    kind: Kind::File,
    doc: "A file with the private key of `webhook.tls_certificate`, in PEM, not encrypted. It is read again when \
          it changes.",
};

/// The certificate of a port.
pub const ADMIN_TLS_CERTIFICATE: Setting = Setting {
    key: "admin.tls_certificate",
    env: "GRIDGATE_ADMIN_TLS_CERTIFICATE",
    flag: Some("admin-tls-certificate"),
    default: None,
    kind: Kind::File,
    doc: "A file with the certificate that the admin port shows, in PEM, and those between it and its CA. With it \
          only TLS is spoken there, HTTP/1.1 or HTTP/2. It is read again when it changes.",
};

/// The private key of a port.
pub const ADMIN_TLS_KEY: Setting = Setting {
    key: "admin.tls_key",
    env: "GRIDGATE_ADMIN_TLS_KEY",
    flag: Some("admin-tls-key"),
    default: None,
    kind: Kind::File,
    doc: "A file with the private key of `admin.tls_certificate`, in PEM, not encrypted. It is read again when it \
          changes.",
};

/// The CAs of client certificates.
pub const ADMIN_TLS_CLIENT_CA: Setting = Setting {
    key: "admin.tls_client_ca",
    env: "GRIDGATE_ADMIN_TLS_CLIENT_CA",
    flag: Some("admin-tls-client-ca"),
    default: None,
    kind: Kind::File,
    doc: "A file with the certificates of CAs, in PEM. Clients of the admin port are then asked for a certificate, \
          and it is verified against them. Needs `admin.tls_certificate`.",
};

/// Whether a client has to show a certificate.
pub const ADMIN_TLS_CLIENT_CERTIFICATES: Setting = Setting {
    key: "admin.tls_client_certificates",
    env: "GRIDGATE_ADMIN_TLS_CLIENT_CERTIFICATES",
    flag: Some("admin-tls-client-certificates"),
    default: Some("optional"),
    kind: Kind::Word(&["optional", "required"]),
    doc: "Whether a client has to show a certificate, where `admin.tls_client_ca` is set: `required`, or \
          `optional`. `optional` also admits clients without a certificate; one that is sent must be valid.",
};

/// How often certificates are looked at.
pub const TLS_RELOAD_INTERVAL: Setting = Setting {
    key: "tls.reload_interval",
    env: "GRIDGATE_TLS_RELOAD_INTERVAL",
    flag: Some("tls-reload-interval"),
    default: Some("10s"),
    kind: Kind::Duration,
    doc: "How often the files of certificates, keys and CAs are looked at. What has changed holds for new \
          connections. What cannot be used is logged, and what was there before stays in use.",
};

/// How long a handshake may take.
pub const TLS_HANDSHAKE_TIMEOUT: Setting = Setting {
    key: "tls.handshake_timeout",
    env: "GRIDGATE_TLS_HANDSHAKE_TIMEOUT",
    flag: Some("tls-handshake-timeout"),
    default: Some("10s"),
    kind: Kind::Duration,
    doc: "How long a TLS handshake may take.",
};
