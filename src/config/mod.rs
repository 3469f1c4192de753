//! The configuration: one typed struct for each command, read from a TOML file, the environment and flags.
//!
//! Every mistake is found and reported at once, each with its setting's name and where it was written. The sources are
//! handed in ([`Sources`]); nothing here reads the process's environment. What the settings are is data
//! ([`settings`]), so help texts, documentation and messages agree.
//!
//! This module must not know any of the rooms it configures.

mod callers;
mod document;
mod events;
mod grpc;
mod identity;
mod mistake;
mod nats;
mod read;
mod sandbox;
mod setting;
pub mod settings;
mod source;
mod tls;
mod toml_file;
mod traces;
mod value;

pub use crate::http_client::is_loopback;
pub use callers::{AdminCallerConfig, CallerConfig, CallerTls, connectable};
pub use document::settings_document;
pub use events::{EventsConfig, RetentionConfig, WebhookConfig};
pub use grpc::{DeadlineConfig, GrpcConfig, LoadConfig};
pub use identity::IdentityConfig;
pub use mistake::{ConfigError, Mistake};
pub use nats::{EventLogConfig, LogPlace, NatsConfig, NatsLogin};
pub use sandbox::{SandboxAnswers, SandboxBehaviour, SandboxConfig, SandboxWebhooks};
pub use setting::{Kind, Setting};
pub use source::Sources;
pub use tls::{ClientTlsConfig, TlsConfig, TlsTimes};
pub use toml_file::ConfigFile;
pub use traces::{OtelVariables, OtlpProtocol, TracesChoice, TracesConfig};

use read::Reader;
use secrecy::SecretString;
use std::net::SocketAddr;
use std::time::Duration;
use tracing_subscriber::filter::Targets;

/// What `gridgate serve` needs to know.
#[derive(Debug, Clone)]
pub struct Config {
    /// The gRPC port.
    pub grpc: GrpcConfig,
    /// Who may call it.
    pub identity: IdentityConfig,
    /// Where `/livez` and `/readyz` are answered.
    pub admin_addr: SocketAddr,
    /// What the admin port is secured with. `None`: it is not.
    pub admin_tls: Option<TlsConfig>,
    /// What all ports with TLS have in common.
    pub tls: TlsTimes,
    /// Which Grid is called.
    pub upstream: Upstream,
    /// How Grid is called.
    pub grid: GridConfig,
    /// How many bytes the documents being uploaded may take together.
    pub uploads_max_memory: usize,
    /// Webhooks, the event log, and streams.
    pub events: EventsConfig,
    /// How shutting down goes.
    pub shutdown: ShutdownConfig,
    /// Whether Grid has to answer before the process counts as ready.
    pub ready_needs_grid: bool,
    /// Whether the process counts as ready only while the event log records.
    pub ready_needs_recording: bool,
    /// What is logged, and how.
    pub log: LogConfig,
    /// Where spans are sent.
    pub traces: TracesConfig,
}

/// Which Grid is called.
#[derive(Debug, Clone)]
pub enum Upstream {
    /// Grid, with an account's credentials.
    Grid(GridAccount),
    /// A sandbox in this process, with credentials that are made up at start.
    Sandbox {
        /// Where the sandbox listens.
        addr: SocketAddr,
        /// How it behaves.
        behaviour: SandboxBehaviour,
    },
}

/// A platform's account with Grid.
#[derive(Debug, Clone)]
pub struct GridAccount {
    /// Grid's API, version included.
    pub base_url: reqwest::Url,
    /// The user of HTTP Basic.
    pub client_id: String,
    /// The password of HTTP Basic.
    pub client_secret: SecretString,
}

/// How Grid is called.
#[derive(Debug, Clone, Copy)]
pub struct GridConfig {
    /// Calls that run at once.
    pub max_concurrent_calls: u32,
    /// How long one attempt to connect may take, TLS included.
    pub connect_timeout: Duration,
}

/// How shutting down goes.
#[derive(Debug, Clone, Copy)]
pub struct ShutdownConfig {
    /// How long it may take in all, `drain_delay` included.
    pub grace_period: Duration,
    /// How long calls are still accepted after the signal.
    pub drain_delay: Duration,
}

/// What is logged, and how.
#[derive(Debug, Clone)]
pub struct LogConfig {
    /// The form of log lines.
    pub format: LogFormat,
    /// Which lines are written.
    pub filter: Targets,
}

/// The form of log lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// For eyes.
    Human,
    /// For machines: one JSON object per line.
    Json,
}

impl LogFormat {
    fn from_word(word: &str) -> Option<Self> {
        match word {
            "human" => Some(LogFormat::Human),
            "json" => Some(LogFormat::Json),
            _ => None,
        }
    }
}

impl Config {
    /// Reads the configuration of `gridgate serve`; `sandbox` says that it brings its own Grid and needs no account.
    ///
    /// # Errors
    /// Every mistake in the sources.
    pub fn load(sources: Sources, sandbox: bool) -> Result<Config, ConfigError> {
        let otel = OtelVariables::of(&sources.env);
        let (values, mistakes) = source::resolve(sources);
        let mut reader = Reader::new(values, mistakes);
        let grpc = grpc::read(&mut reader);
        let identity = identity::read(&mut reader);
        let admin_addr = reader.address(&settings::ADMIN_ADDR);
        let admin_tls = tls::port(&mut reader, &tls::ADMIN);
        let tls = tls::times(&mut reader);
        // A sandbox uses no account: one that lies in the environment must not even be looked at, and none is missing.
        let upstream = if sandbox {
            let addr = reader.address(&settings::SANDBOX_ADDR);
            let behaviour = sandbox::behaviour(&mut reader);
            addr.zip(behaviour).map(|(addr, behaviour)| Upstream::Sandbox { addr, behaviour })
        } else {
            account(&mut reader).map(Upstream::Grid)
        };
        let grid = grid(&mut reader);
        let uploads_max_memory = uploads_max_memory(&mut reader);
        let events = events::read(&mut reader, sandbox);
        let shutdown = shutdown(&mut reader);
        let ready_needs_grid = reader.switch(&settings::READY_NEEDS_GRID);
        let ready_needs_recording = reader.switch(&settings::READY_NEEDS_RECORDING);
        let log = log(&mut reader);
        let traces = traces::read(&mut reader, otel);
        let config = || {
            Some(Config {
                grpc: grpc?,
                identity: identity?,
                admin_addr: admin_addr?,
                admin_tls: admin_tls?,
                tls: tls?,
                upstream: upstream?,
                grid: grid?,
                uploads_max_memory: uploads_max_memory?,
                events: events?,
                shutdown: shutdown?,
                ready_needs_grid: ready_needs_grid?,
                ready_needs_recording: ready_needs_recording?,
                log: log?,
                traces: traces?,
            })
        };
        reader.finish(config())
    }
}

/// Which log lines are written, in the notation of the setting `log.level`.
///
/// # Errors
/// What is wrong with the text.
pub fn log_filter(text: &str) -> Result<Targets, String> {
    value::filter(text)
}

fn account(reader: &mut Reader) -> Option<GridAccount> {
    let base_url = reader.base_url(&settings::GRID_BASE_URL);
    let allow_http = reader.switch(&settings::GRID_INSECURE_ALLOW_HTTP);
    if let (Some(url), Some(false)) = (&base_url, allow_http)
        && url.scheme() == "http"
        && !is_loopback(url)
    {
        let problem = format!(
            "plain http would send credentials and personal data readable over the network; use https, or set {}=true",
            settings::GRID_INSECURE_ALLOW_HTTP.env
        );
        reader.mistake(&settings::GRID_BASE_URL, problem);
    }
    let credentials = credentials(reader);
    let (client_id, client_secret) = credentials?;
    Some(GridAccount { base_url: base_url?, client_id, client_secret })
}

fn credentials(reader: &mut Reader) -> Option<(String, SecretString)> {
    let id = reader.text(&settings::GRID_CLIENT_ID);
    if !reader.is_set(&settings::GRID_CLIENT_ID) {
        reader.missing(&settings::GRID_CLIENT_ID, "or try gridgate without an account: gridgate serve --sandbox");
    } else if id.as_ref().is_some_and(|id| id.contains(':')) {
        // RFC 7617, section 2: a user that contains a colon cannot be told from its password.
        reader.mistake(&settings::GRID_CLIENT_ID, "must not contain a colon");
    }
    let secret = match (reader.is_set(&settings::GRID_CLIENT_SECRET), reader.is_set(&settings::GRID_CLIENT_SECRET_FILE))
    {
        (true, false) => reader.secret(&settings::GRID_CLIENT_SECRET),
        (false, true) => reader.secret_in_file(&settings::GRID_CLIENT_SECRET_FILE),
        (false, false) => {
            let alternative = format!("or {} to the path of a file", settings::GRID_CLIENT_SECRET_FILE.env);
            reader.missing(&settings::GRID_CLIENT_SECRET, &alternative);
            None
        }
        (true, true) => {
            let problem = format!("{} is set as well; set only one of them", settings::GRID_CLIENT_SECRET.key);
            reader.mistake(&settings::GRID_CLIENT_SECRET_FILE, problem);
            None
        }
    };
    id.zip(secret)
}

fn grid(reader: &mut Reader) -> Option<GridConfig> {
    let max_concurrent_calls = reader.count(&settings::GRID_MAX_CONCURRENT_CALLS);
    let connect_timeout = reader.duration(&settings::GRID_CONNECT_TIMEOUT);
    Some(GridConfig { max_concurrent_calls: max_concurrent_calls?, connect_timeout: connect_timeout? })
}

fn uploads_max_memory(reader: &mut Reader) -> Option<usize> {
    /// The largest document that Grid takes.
    const ONE_DOCUMENT: usize = 10 * 1024 * 1024;
    let bytes = reader.size(&settings::UPLOADS_MAX_MEMORY)?;
    if bytes < ONE_DOCUMENT {
        reader.mistake(&settings::UPLOADS_MAX_MEMORY, "must have room for one document, 10MiB");
    }
    Some(bytes)
}

fn shutdown(reader: &mut Reader) -> Option<ShutdownConfig> {
    let grace_period = reader.duration(&settings::SHUTDOWN_GRACE_PERIOD);
    let drain_delay = reader.duration_or_zero(&settings::SHUTDOWN_DRAIN_DELAY);
    if let (Some(grace), Some(delay)) = (grace_period, drain_delay)
        && delay >= grace
    {
        let problem = format!("{delay:?} leaves nothing of {} ({grace:?})", settings::SHUTDOWN_GRACE_PERIOD.key);
        reader.mistake(&settings::SHUTDOWN_DRAIN_DELAY, problem);
    }
    Some(ShutdownConfig { grace_period: grace_period?, drain_delay: drain_delay? })
}

fn log(reader: &mut Reader) -> Option<LogConfig> {
    let format = reader.word(&settings::LOG_FORMAT, LogFormat::from_word);
    let filter = reader.filter(&settings::LOG_LEVEL);
    Some(LogConfig { format: format?, filter: filter? })
}
