//! What commands need to know that call a running gridgate: where it listens and as whom to call, and nothing else, so
//! that a mistake in another setting is reported by the command that it concerns.

use super::read::Reader;
use super::setting::Setting;
use super::{ConfigError, Sources, settings, source, toml_file};
use crate::pem;
use reqwest::Url;
use secrecy::SecretString;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

/// What a command that calls the gRPC API needs to know: `healthcheck`, `watch`.
#[derive(Debug, Clone)]
pub struct CallerConfig {
    /// Whom to call.
    pub url: Url,
    /// The bearer token to call with.
    pub token: Option<SecretString>,
    /// How TLS is spoken, where `url` asks for it.
    pub tls: CallerTls,
}

/// How a command speaks TLS. What the files hold is PEM.
#[derive(Debug, Clone, Default)]
pub struct CallerTls {
    /// The CAs of the other end; none: the system's.
    pub ca: Option<String>,
    /// The certificate to call with, and its private key.
    pub identity: Option<(String, SecretString)>,
    /// Whom the other end has to be, where it is not the host of the URL.
    pub server_name: Option<String>,
}

impl CallerConfig {
    /// Reads whom to call, and as whom.
    ///
    /// # Errors
    /// A file cannot be read, a setting is a mistake, or the address has port 0: only the running process knows what
    /// that became.
    pub fn load(sources: Sources) -> Result<CallerConfig, ConfigError> {
        let mut reader = reader(sources);
        let is_elsewhere = reader.is_set(&settings::CLIENT_URL);
        let url = if is_elsewhere {
            reader.base_url(&settings::CLIENT_URL)
        } else {
            let of_tls = [&settings::GRPC_TLS_CERTIFICATE, &settings::CLIENT_TLS_CA];
            let scheme = if of_tls.into_iter().any(|setting| reader.is_set(setting)) { "https" } else { "http" };
            let addr = address(&mut reader, &settings::GRPC_ADDR);
            addr.and_then(|addr| Url::parse(&format!("{scheme}://{addr}")).ok())
        };
        let has_token = reader.is_set(&settings::CLIENT_TOKEN_FILE);
        let token = has_token.then(|| reader.secret_in_file(&settings::CLIENT_TOKEN_FILE));
        let mut tls = tls(&mut reader);
        if let Some(tls) = tls.as_mut().filter(|_| !is_elsewhere) {
            tls.server_name.get_or_insert_with(|| "localhost".to_owned());
        }
        let config = || {
            let token = match token {
                Some(token) => Some(token?),
                None => None,
            };
            Some(CallerConfig { url: url?, token, tls: tls? })
        };
        reader.finish(config())
    }
}

fn tls(reader: &mut Reader) -> Option<CallerTls> {
    let (certificate, key) = (&settings::CLIENT_TLS_CERTIFICATE, &settings::CLIENT_TLS_KEY);
    let ca = reader.is_set(&settings::CLIENT_TLS_CA).then(|| reader.pem(&settings::CLIENT_TLS_CA, pem::bundle));
    let named = reader.is_set(&settings::CLIENT_TLS_SERVER_NAME);
    let server_name = named.then(|| reader.text(&settings::CLIENT_TLS_SERVER_NAME));
    let identity = match (reader.is_set(certificate), reader.is_set(key)) {
        (true, true) => {
            let (certificate, key) = (reader.pem(certificate, pem::chain), reader.pem(key, pem::private_key));
            Some(
                certificate
                    .map(|certificates| pem::write_certificates(&certificates))
                    .zip(key.map(|key| pem::write_key(&key))),
            )
        }
        (false, false) => None,
        (true, false) => {
            reader.missing(key, &format!("the private key of {}", certificate.key));
            return None;
        }
        (false, true) => {
            reader.missing(certificate, &format!("the certificate of {}", key.key));
            return None;
        }
    };
    let ca = ca.map(|ca| ca.map(|certificates| pem::write_certificates(&certificates)));
    let given = |given: Option<Option<String>>| match given {
        Some(text) => text.map(Some),
        None => Some(None),
    };
    let identity = match identity {
        Some(identity) => Some(identity?),
        None => None,
    };
    Some(CallerTls { ca: given(ca)?, identity, server_name: given(server_name)? })
}

/// What a command that asks the admin port needs to know: `quarantine`, `doctor`.
#[derive(Debug, Clone)]
pub struct AdminCallerConfig {
    /// The admin port to ask: one that can be connected to.
    pub addr: SocketAddr,
    /// How TLS is spoken there. `None`: it is not.
    pub tls: Option<CallerTls>,
}

impl AdminCallerConfig {
    /// Reads the admin address, and how TLS is spoken where that port has a certificate.
    ///
    /// # Errors
    /// As for [`CallerConfig::load`].
    pub fn load(sources: Sources) -> Result<AdminCallerConfig, ConfigError> {
        let mut reader = reader(sources);
        let addr = address(&mut reader, &settings::ADMIN_ADDR);
        let is_secured = reader.is_set(&settings::ADMIN_TLS_CERTIFICATE);
        let tls = if is_secured { tls(&mut reader).map(Some) } else { Some(None) };
        reader.finish(addr.zip(tls).map(|(addr, tls)| AdminCallerConfig { addr, tls }))
    }
}

/// Of the mistakes in the sources only those of the file: others are reported by the command that they concern.
fn reader(sources: Sources) -> Reader {
    let (values, mut mistakes) = source::resolve(sources);
    mistakes.retain(|mistake| mistake.setting == toml_file::THE_FILE);
    Reader::new(values, mistakes)
}

fn address(reader: &mut Reader, setting: &'static Setting) -> Option<SocketAddr> {
    let addr = reader.address(setting)?;
    if addr.port() == 0 {
        reader.mistake(setting, "port 0 is any free port; name the one that gridgate listens on");
        return None;
    }
    Some(connectable(addr))
}

/// The address to connect to where something listens on `addr`: listening on every address includes loopback, and
/// only that one can be connected to.
#[must_use]
pub fn connectable(mut addr: SocketAddr) -> SocketAddr {
    if addr.ip().is_unspecified() {
        addr.set_ip(match addr {
            SocketAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
            SocketAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
        });
    }
    addr
}
