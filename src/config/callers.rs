//! Commands that call a running gridgate: where it listens and as whom to call, and nothing else, so that a mistake in another
//! setting is reported by the command that it concerns.

use super::read::Reader;
use super::setting::Setting;
use super::{ConfigError, Sources, settings as s};
use crate::pem;
use secrecy::SecretString;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

/// The configuration of a command that calls the gRPC API: `healthcheck`, `watch`.
#[derive(Debug, Clone)]
pub struct CallerConfig {
    /// The base URL to call.
    pub url: String,
    /// The bearer token to call with.
    pub token: Option<SecretString>,
    /// How TLS is spoken, where `url` asks for it.
    pub tls: CallerTls,
}

/// How a command speaks TLS. The files' content is PEM.
#[derive(Debug, Clone, Default)]
pub struct CallerTls {
    /// The CAs of the server; none: the system's.
    pub ca: Option<String>,
    /// The client certificate, and its private key.
    pub identity: Option<(String, SecretString)>,
    /// The server's name, where it is not the host of the URL.
    pub server_name: Option<String>,
}

impl CallerConfig {
    /// Reads it.
    ///
    /// # Errors
    /// A file cannot be read, a setting is a mistake, or the address has port 0, which is known to the running process only.
    pub fn load(sources: Sources) -> Result<CallerConfig, ConfigError> {
        let mut reader = Reader::of_few(sources, &[]);
        let r = &mut reader;
        let is_elsewhere = r.is_set(&s::CLIENT_URL);
        let url = if is_elsewhere {
            r.get(&s::CLIENT_URL)
        } else {
            let is_secured = [&s::GRPC_TLS_CERTIFICATE, &s::CLIENT_TLS_CA].into_iter().any(|setting| r.is_set(setting));
            format!("{}://{}/", if is_secured { "https" } else { "http" }, address(r, &s::GRPC_ADDR))
        };
        let token = r.secret_in_file(&s::CLIENT_TOKEN_FILE);
        let mut tls = tls(r);
        if !is_elsewhere {
            tls.server_name.get_or_insert_with(|| "localhost".to_owned());
        }
        reader.finish(CallerConfig { url, token, tls })
    }
}

fn tls(r: &mut Reader) -> CallerTls {
    let has_identity = r.has_both(&s::CLIENT_TLS_CERTIFICATE, &s::CLIENT_TLS_KEY);
    let mut identity = || {
        let certificate = r.pem(&s::CLIENT_TLS_CERTIFICATE, pem::chain).map(|chain| pem::write_certificates(&chain));
        let key = r.pem(&s::CLIENT_TLS_KEY, pem::private_key).map(|key| pem::write_key(&key));
        certificate.zip(key)
    };
    let identity = if has_identity { identity() } else { None };
    CallerTls {
        ca: r.pem(&s::CLIENT_TLS_CA, pem::bundle).map(|certificates| pem::write_certificates(&certificates)),
        identity,
        server_name: r.find(&s::CLIENT_TLS_SERVER_NAME),
    }
}

/// The configuration of a command that asks the admin port: `quarantine`, `doctor`.
#[derive(Debug, Clone)]
pub struct AdminCallerConfig {
    /// The admin port, as an address to connect to.
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
        let mut reader = Reader::of_few(sources, &[]);
        let r = &mut reader;
        let addr = address(r, &s::ADMIN_ADDR);
        let tls = if r.is_set(&s::ADMIN_TLS_CERTIFICATE) { Some(tls(r)) } else { None };
        reader.finish(AdminCallerConfig { addr, tls })
    }
}

fn address(r: &mut Reader, setting: &'static Setting) -> SocketAddr {
    let addr = r.find(setting);
    if addr.is_some_and(|addr: SocketAddr| addr.port() == 0) {
        r.mistake(setting, "port 0 is any free port; name the one that gridgate listens on");
    }
    connectable(addr.unwrap_or(SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), 0)))
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
