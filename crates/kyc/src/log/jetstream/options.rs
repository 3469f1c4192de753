//! Settings of a log on JetStream, and why one could not be opened.

use std::path::PathBuf;
use std::time::Duration;

use secrecy::SecretString;

use crate::hub::DEFAULT_RING_EVENTS;
use crate::log::metrics::LogMetrics;
use crate::log::obstacle::Obstacle;
use crate::log::retention::{IDS_KEPT, Retention};
use crate::log::store::LogError;
use crate::log::tables::error::OpenError as FileError;

/// Settings of a log on JetStream.
#[derive(Debug, Clone)]
pub struct JetStreamOptions {
    /// The servers: `nats://` or `tls://`, and an address.
    pub servers: Vec<String>,
    /// How to log in, and whom to trust.
    pub access: Access,
    /// The beginning of its streams' names: letters, digits, `-` and `_`.
    pub prefix: String,
    /// On how many servers everything is kept: 3.
    pub replicas: usize,
    /// How long events are kept.
    pub retention: Retention,
    /// How long the stream remembers ids; at least [`IDS_KEPT`] outside tests.
    pub duplicate_window: Duration,
    /// How long a leader lease lasts without renewal: 15 s.
    pub lease: Duration,
    /// How long recording one observation may take, all tries together: 8 s.
    pub record_wait: Duration,
    /// How long opening may go on without progress: 30 s.
    pub patience: Duration,
    /// About how many heads are kept in memory: 100,000, of roughly 600 bytes each.
    pub cached_heads: usize,
    /// How many recent events streams find in memory: [`DEFAULT_RING_EVENTS`].
    pub ring_events: usize,
    /// Who observes what is recorded.
    pub metrics: LogMetrics,
    /// Reports what keeps the log from opening.
    pub obstacle: Obstacle,
}

impl JetStreamOptions {
    /// The defaults, for these servers.
    #[must_use]
    pub fn at(servers: Vec<String>) -> Self {
        Self {
            servers,
            access: Access::default(),
            prefix: "gridgate".to_owned(),
            replicas: 3,
            retention: Retention::default(),
            duplicate_window: IDS_KEPT,
            lease: Duration::from_secs(15),
            record_wait: Duration::from_secs(8),
            patience: Duration::from_secs(30),
            cached_heads: 100_000,
            ring_events: DEFAULT_RING_EVENTS,
            metrics: LogMetrics::default(),
            obstacle: Obstacle::default(),
        }
    }
}

/// How to log in.
#[derive(Debug, Clone, Default)]
pub enum Login {
    /// Not at all, where NATS does not ask for it.
    #[default]
    Nobody,
    /// With a credentials file (`.creds`): a user's JWT and seed.
    Credentials(PathBuf),
    /// With a user's name and password.
    #[allow(missing_docs, reason = "the fields say it")]
    User { name: String, password: SecretString },
    /// With a token.
    Token(SecretString),
}

/// How to log in, and whom to trust.
#[derive(Debug, Clone, Default)]
pub struct Access {
    /// How to log in.
    pub login: Login,
    /// A file of CA certificates (PEM), trusted instead of the system's.
    pub ca_file: Option<PathBuf>,
    /// Files of this process's certificate and its key (PEM).
    pub certificate: Option<(PathBuf, PathBuf)>,
}

/// Why a log could not be opened.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "the messages document the variants")]
pub enum OpenError {
    #[error("the prefix of the streams has to be 1 to 32 letters, digits, '-' and '_'")]
    Prefix,
    #[error("the address of a NATS server cannot be read")]
    Address(#[source] std::io::Error),
    #[error("{path} cannot be used", path = path.display())]
    File { path: PathBuf, source: std::io::Error },
    #[error("NATS cannot be reached")]
    Connect(#[source] async_nats::ConnectError),
    #[error("NATS refuses the user, token or credentials")]
    Denied(#[source] async_nats::ConnectError),
    #[error("there is no TLS with NATS that both sides trust")]
    Tls(#[source] async_nats::ConnectError),
    #[error("{0}, or set nats.ca_file (GRIDGATE_NATS_CA_FILE)")]
    Roots(#[from] gridgate_io::http_client::NoRoots),
    #[error("the stream {stream} is configured otherwise: {differences}")]
    Differs { stream: String, differences: String },
    #[error("JetStream refuses: {reason}")]
    Setup { reason: String },
    #[error("the log is sealed: {0}")]
    Sealed(String),
    #[error("there is another event log already, or a complete copy")]
    Occupied,
    #[error("events up to {first} are gone from the stream, and what they said was kept only up to {kept}")]
    Gone { first: u64, kept: u64 },
    #[error("another replica deleted events while they were being read")]
    Overtaken,
    #[error("JetStream does not answer: {0}")]
    Slow(&'static str),
    #[error("there is no place for this replica's tables")]
    Tables(#[from] FileError),
    #[error("there is no place for this replica's tables")]
    Directory(#[source] std::io::Error),
    #[error(transparent)]
    Content(#[from] LogError),
}

impl OpenError {
    pub(super) fn setup(error: &dyn std::error::Error) -> Self {
        Self::Setup { reason: with_causes(error) }
    }
}

/// An error with its causes.
pub(super) fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let more = cause.to_string();
        // Some errors include their cause already.
        if !text.contains(&more) {
            text = format!("{text}: {more}");
        }
        source = cause.source();
    }
    text
}
