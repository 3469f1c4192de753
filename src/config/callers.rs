//! What commands need to know that call a running gridgate: where it listens, and nothing else, so that a mistake in
//! another setting is reported by the command that it concerns.

use super::read::Reader;
use super::setting::Setting;
use super::{ConfigError, Sources, settings, source, toml_file};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

/// What a command that calls the gRPC API needs to know: `healthcheck`, `watch`.
#[derive(Debug, Clone, Copy)]
pub struct CallerConfig {
    /// The gRPC port to call: one that can be connected to.
    pub addr: SocketAddr,
}

impl CallerConfig {
    /// Reads the gRPC address.
    ///
    /// # Errors
    /// The file cannot be read, or the address is a mistake or has port 0: only the running process knows what that became.
    pub fn load(sources: Sources) -> Result<CallerConfig, ConfigError> {
        Ok(CallerConfig { addr: address(sources, &settings::GRPC_ADDR)? })
    }
}

/// What a command that asks the admin port needs to know: `quarantine`.
#[derive(Debug, Clone, Copy)]
pub struct AdminCallerConfig {
    /// The admin port to ask: one that can be connected to.
    pub addr: SocketAddr,
}

impl AdminCallerConfig {
    /// Reads the admin address.
    ///
    /// # Errors
    /// As for [`CallerConfig::load`].
    pub fn load(sources: Sources) -> Result<AdminCallerConfig, ConfigError> {
        Ok(AdminCallerConfig { addr: address(sources, &settings::ADMIN_ADDR)? })
    }
}

fn address(sources: Sources, setting: &'static Setting) -> Result<SocketAddr, ConfigError> {
    let (values, mut mistakes) = source::resolve(sources);
    mistakes.retain(|mistake| mistake.setting == toml_file::THE_FILE);
    let mut reader = Reader::new(values, mistakes);
    let addr = reader.address(setting);
    if addr.is_some_and(|addr| addr.port() == 0) {
        reader.mistake(setting, "port 0 is any free port; name the one that gridgate listens on");
    }
    reader.finish(addr.map(connectable))
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
