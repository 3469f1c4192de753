//! Why the server could not start, or ended.

use crate::config::{Setting, settings};
use crate::grid;
use crate::identity::PolicyError;
use crate::kyc::log::jetstream;
use crate::kyc::log::sqlite::OpenError;
use crate::transport::TlsError;
use crate::webhook::InvalidEndpointPath;
use crate::webhook::keys::InvalidKeys;
use crate::webhook::relay::RelaySetupError;
use std::error::Error as StdError;
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

/// The server cannot start.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// Addresses that cannot be listened on: all of them, with their settings.
    #[error("{}", listen_errors(.0))]
    Listen(Vec<ListenError>),
    /// The operating system gives no threads.
    #[error("the threads of connections cannot be started")]
    Threads(#[source] io::Error),
    /// Calls to Grid cannot be set up.
    #[error("calls to Grid cannot be set up")]
    Grid(#[from] grid::ClientSetupError),
    /// A port's certificates cannot be used.
    #[error("{source} ({}, {})", setting.key, setting.env)]
    Tls {
        /// The setting that names the file.
        setting: &'static Setting,
        /// What is wrong.
        source: TlsError,
    },
    /// The descriptors that were compiled in cannot be read.
    #[error(transparent)]
    Descriptors(#[from] DescriptorError),
    /// The policy is not one that can hold.
    #[error("{} ({}): {problem}", settings::IDENTITY_POLICY_FILE.key, settings::IDENTITY_POLICY_FILE.env, problem = .0)]
    Policy(#[from] PolicyError),
    /// There is no place for a temporary event log.
    #[error("there is no place for a temporary event log")]
    TemporaryLog(#[source] io::Error),
    /// The path at which webhooks are taken is none.
    #[error("the path of webhooks {problem} ({}, {})", settings::WEBHOOK_PATH.key, settings::WEBHOOK_PATH.env, problem = .0)]
    WebhookPath(#[from] InvalidEndpointPath),
    /// Grid's public keys cannot be read.
    #[error("{problem} ({}, {})", settings::WEBHOOK_PUBLIC_KEYS.key, settings::WEBHOOK_PUBLIC_KEYS.env, problem = .0)]
    WebhookKeys(#[from] InvalidKeys),
    /// The relay cannot be set up.
    #[error("{problem} ({}, {})", settings::WEBHOOK_RELAY_URL.key, settings::WEBHOOK_RELAY_URL.env, problem = .0)]
    Relay(#[from] RelaySetupError),
}

/// The descriptors that were compiled in cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("the descriptors of the services cannot be read")]
pub struct DescriptorError(#[source] pub(super) Box<dyn StdError + Send + Sync>);

/// The event log cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum LogOpenError {
    /// It is in a file.
    #[error("the event log cannot be opened ({}, {})", settings::EVENT_LOG.key, settings::EVENT_LOG.env)]
    Sqlite(#[from] OpenError),
    /// It is in NATS.
    #[error("the event log cannot be opened ({}, {})", settings::EVENT_LOG.key, settings::EVENT_LOG.env)]
    JetStream(#[from] jetstream::OpenError),
    /// Opening it panicked.
    #[error("opening the event log panicked")]
    Panicked,
}

/// Each address with what is wrong, and what to do where others have them.
fn listen_errors(errors: &[ListenError]) -> String {
    let mut lines: Vec<_> = errors.iter().map(ToString::to_string).collect();
    if errors.iter().any(|error| error.source.kind() == io::ErrorKind::AddrInUse) {
        lines.push(
            "another process listens there, likely another gridgate: stop it, or choose another port (0 is any free one; the \
             ready line on standard output says which)"
                .to_owned(),
        );
    }
    lines.join("\n  ")
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
        let flag = setting.flag.map_or_else(String::new, |flag| format!(", --{flag}"));
        write!(f, "cannot listen on {addr}: {source} ({}, {}{flag})", setting.key, setting.env)
    }
}

impl std::error::Error for ListenError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.source)
    }
}

/// Why the server ended without a request to stop, or unfinished.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The event log cannot be opened, so it never became ready.
    #[error(transparent)]
    LogNotOpened(#[from] LogOpenError),
    /// A part that runs as long as the process ended by itself.
    #[error("{0} ended unexpectedly")]
    Ended(&'static str),
    /// The event log's store failed in a way that leaves what is durable uncertain. Starting again opens it anew.
    #[error("the event log closed itself, as the log lines before this one say why; start again to open it anew")]
    LogClosed,
    /// The grace period was over before all calls and webhooks were done; they were cut.
    #[error("calls or webhooks were still under way after the grace period of {0:?}, and were cut")]
    Cut(Duration),
}
