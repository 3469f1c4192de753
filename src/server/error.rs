//! Why the server could not start, or ended.

use super::services::DescriptorError;
use crate::config::Setting;
use crate::grid;
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

/// The server cannot start.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// Addresses that cannot be listened on: all of them, with their settings.
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
    Listen(Vec<ListenError>),
    /// Calls to Grid cannot be set up.
    #[error("calls to Grid cannot be set up")]
    Grid(#[from] grid::ClientSetupError),
    /// The descriptors that were compiled in cannot be read.
    #[error(transparent)]
    Descriptors(#[from] DescriptorError),
}

/// An address that cannot be listened on.
#[derive(Debug)]
pub struct ListenError {
    /// The setting that says so.
    pub setting: &'static Setting,
    /// The address.
    pub addr: SocketAddr,
    /// What the operating system said.
    pub source: io::Error,
}

impl fmt::Display for ListenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ListenError { setting, addr, source } = self;
        write!(f, "cannot listen on {addr}: {source} ({}, {})", setting.key, setting.env)
    }
}

impl std::error::Error for ListenError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.source)
    }
}

/// The server ended otherwise than asked.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// A part that runs as long as the process ended by itself.
    #[error("{0} ended although nobody asked it to")]
    Ended(&'static str),
    /// The grace period was over before all calls were done; they were cut.
    #[error("calls were still open after the grace period of {0:?}, and were cut")]
    Cut(Duration),
}
