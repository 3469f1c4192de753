//! What is configured of certificates.

use super::read::Reader;
use super::setting::Setting;
use super::settings;
use std::path::PathBuf;
use std::time::Duration;

/// What a port is secured with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsConfig {
    /// The file of its certificates.
    pub certificate: PathBuf,
    /// The file of its private key.
    pub key: PathBuf,
    /// Who clients have to be vouched for by, where they are asked.
    pub clients: Option<ClientTlsConfig>,
}

/// What is asked of clients.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientTlsConfig {
    /// The file of their CAs.
    pub ca: PathBuf,
    /// Whether those are let in that show no certificate.
    pub optional: bool,
}

/// What all ports with TLS have in common.
#[derive(Debug, Clone, Copy)]
pub struct TlsTimes {
    /// How often files are looked at.
    pub reload_interval: Duration,
    /// How long a handshake may take.
    pub handshake_timeout: Duration,
}

/// The settings of one port's TLS.
pub(super) struct TlsSettings {
    certificate: &'static Setting,
    key: &'static Setting,
    /// The CA of clients, and whether they need a certificate.
    clients: Option<(&'static Setting, &'static Setting)>,
}

pub(super) const GRPC: TlsSettings = TlsSettings {
    certificate: &settings::GRPC_TLS_CERTIFICATE,
    key: &settings::GRPC_TLS_KEY,
    clients: Some((&settings::GRPC_TLS_CLIENT_CA, &settings::GRPC_TLS_CLIENT_CERTIFICATES)),
};

pub(super) const ADMIN: TlsSettings = TlsSettings {
    certificate: &settings::ADMIN_TLS_CERTIFICATE,
    key: &settings::ADMIN_TLS_KEY,
    clients: Some((&settings::ADMIN_TLS_CLIENT_CA, &settings::ADMIN_TLS_CLIENT_CERTIFICATES)),
};

pub(super) const WEBHOOK: TlsSettings =
    TlsSettings { certificate: &settings::WEBHOOK_TLS_CERTIFICATE, key: &settings::WEBHOOK_TLS_KEY, clients: None };

/// Reads what a port is secured with; `Some(None)` where it is not.
pub(super) fn port(reader: &mut Reader, of: &TlsSettings) -> Option<Option<TlsConfig>> {
    let TlsSettings { certificate, key, clients } = *of;
    let optional = clients.map(|(_, needed)| reader.word(needed, |word| Some(word == "optional")));
    let ca = clients.map(|(ca, _)| ca).filter(|ca| reader.is_set(ca));
    if let (Some((of_ca, needed)), None) = (clients, ca)
        && reader.is_set(needed)
    {
        reader.mistake(needed, format!("has no effect without {}: nobody is asked for a certificate", of_ca.key));
    }
    match (reader.is_set(certificate), reader.is_set(key)) {
        (true, true) => {
            let files = (reader.file(certificate), reader.file(key));
            let ca = ca.map(|ca| reader.file(ca));
            let clients = match (ca, optional) {
                (Some(ca), Some(optional)) => Some(ClientTlsConfig { ca: ca?, optional: optional? }),
                (None, _) | (_, None) => None,
            };
            Some(Some(TlsConfig { certificate: files.0?, key: files.1?, clients }))
        }
        (false, false) => {
            if let Some(ca) = ca {
                reader.mistake(ca, format!("has no effect without {}", certificate.key));
                return None;
            }
            Some(None)
        }
        (true, false) => {
            reader.missing(key, &format!("the private key of {}", certificate.key));
            None
        }
        (false, true) => {
            reader.missing(certificate, &format!("the certificate of {}", key.key));
            None
        }
    }
}

pub(super) fn times(reader: &mut Reader) -> Option<TlsTimes> {
    let reload_interval = reader.duration(&settings::TLS_RELOAD_INTERVAL);
    let handshake_timeout = reader.duration(&settings::TLS_HANDSHAKE_TIMEOUT);
    Some(TlsTimes { reload_interval: reload_interval?, handshake_timeout: handshake_timeout? })
}
