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

pub use callers::{AdminCallerConfig, CallerConfig, CallerTls, connectable};
pub use document::settings_document;
pub use events::{EventsConfig, RetentionConfig, WebhookConfig};
pub use identity::IdentityConfig;
pub use mistake::{ConfigError, Mistake};
pub use nats::{EventLogConfig, LogPlace, NatsConfig, NatsLogin};
pub use sandbox::{SandboxAnswers, SandboxBehaviour, SandboxConfig, SandboxWebhooks};
pub use setting::{Kind, Setting};
pub use source::Sources;
pub use tls::{ClientTlsConfig, TlsConfig, TlsTimes};
pub use toml_file::ConfigFile;
pub use traces::{OtlpProtocol, TracesConfig};
pub use value::is_loopback;

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
    /// What is logged, and how.
    pub log: LogConfig,
    /// Where spans are sent. `None`: nowhere.
    pub traces: Option<TracesConfig>,
}

/// The gRPC port.
#[derive(Debug, Clone)]
pub struct GrpcConfig {
    /// Where it listens.
    pub addr: SocketAddr,
    /// What it is secured with. `None`: it is not.
    pub tls: Option<TlsConfig>,
    /// Connections served at once.
    pub max_connections: u32,
    /// How old connections become. `None`: no limit.
    pub max_connection_age: Option<Duration>,
    /// How long a connection past its age may take to end.
    pub max_connection_age_grace: Duration,
    /// How much is served at once.
    pub load: LoadConfig,
    /// The largest headers of a call, in bytes.
    pub max_header_size: u32,
    /// Calls open at once on one connection.
    pub max_concurrent_streams: u32,
    /// The largest message accepted, in bytes.
    pub max_request_size: usize,
    /// The largest message sent, in bytes.
    pub max_response_size: usize,
    /// How often a ping checks the other end. `None`: never.
    pub keepalive_interval: Option<Duration>,
    /// How long the answer to a ping may take.
    pub keepalive_timeout: Duration,
    /// The deadlines of calls.
    pub deadlines: DeadlineConfig,
}

/// How much is served at once.
#[derive(Debug, Clone, Copy)]
pub struct LoadConfig {
    /// Calls of each kind (those that need Grid, uploads, those answered from the event log).
    pub max_calls: u32,
    /// How long a call waits for its turn.
    pub max_call_wait: Duration,
    /// Streams.
    pub max_streams: u32,
}

/// The deadlines of calls.
#[derive(Debug, Clone, Copy)]
pub struct DeadlineConfig {
    /// Of a call that brings none.
    pub default: Duration,
    /// Of an upload that brings none.
    pub upload: Duration,
    /// The longest one that is honoured.
    pub max: Duration,
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
        let (values, mistakes) = source::resolve(sources);
        let mut reader = Reader::new(values, mistakes);
        let grpc = grpc(&mut reader);
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
        let log = log(&mut reader);
        let traces = traces::read(&mut reader);
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

fn grpc(reader: &mut Reader) -> Option<GrpcConfig> {
    let addr = reader.address(&settings::GRPC_ADDR);
    let allow_remote = reader.switch(&settings::GRPC_INSECURE_ALLOW_REMOTE);
    if let (Some(addr), Some(false)) = (addr, allow_remote)
        && !addr.ip().is_loopback()
        && !reader.is_set(&settings::IDENTITY_POLICY_FILE)
    {
        let problem = format!(
            "{addr} can be reached from other machines, and nothing checks who calls: whoever connects would act with \
             your Grid account. Say who may call with {}, or listen on a loopback address; where only your own services \
             can connect, {}=true lets everyone in",
            settings::IDENTITY_POLICY_FILE.env,
            settings::GRPC_INSECURE_ALLOW_REMOTE.env
        );
        reader.mistake(&settings::GRPC_ADDR, problem);
    }
    let tls = tls::port(reader, &tls::GRPC);
    let max_connections = reader.count(&settings::GRPC_MAX_CONNECTIONS);
    let max_connection_age = reader.duration_or_zero(&settings::GRPC_MAX_CONNECTION_AGE);
    let max_connection_age_grace = reader.duration(&settings::GRPC_MAX_CONNECTION_AGE_GRACE);
    let load = load(reader);
    let max_header_size = max_header_size(reader);
    let max_concurrent_streams = reader.count(&settings::GRPC_MAX_CONCURRENT_STREAMS);
    let max_request_size = reader.size(&settings::GRPC_MAX_REQUEST_SIZE);
    let max_response_size = reader.size(&settings::GRPC_MAX_RESPONSE_SIZE);
    let keepalive_interval = reader.duration_or_zero(&settings::GRPC_KEEPALIVE_INTERVAL);
    let keepalive_timeout = reader.duration(&settings::GRPC_KEEPALIVE_TIMEOUT);
    let deadlines = deadlines(reader);
    Some(GrpcConfig {
        addr: addr?,
        tls: tls?,
        max_connections: max_connections?,
        max_connection_age: Some(max_connection_age?).filter(|age| !age.is_zero()),
        max_connection_age_grace: max_connection_age_grace?,
        load: load?,
        max_header_size: max_header_size?,
        max_concurrent_streams: max_concurrent_streams?,
        max_request_size: max_request_size?,
        max_response_size: max_response_size?,
        keepalive_interval: Some(keepalive_interval?).filter(|interval| !interval.is_zero()),
        keepalive_timeout: keepalive_timeout?,
        deadlines: deadlines?,
    })
}

fn load(reader: &mut Reader) -> Option<LoadConfig> {
    let max_calls = reader.count(&settings::GRPC_MAX_CALLS);
    let max_call_wait = reader.duration_or_zero(&settings::GRPC_MAX_CALL_WAIT);
    let max_streams = reader.count(&settings::GRPC_MAX_STREAMS);
    Some(LoadConfig { max_calls: max_calls?, max_call_wait: max_call_wait?, max_streams: max_streams? })
}

fn max_header_size(reader: &mut Reader) -> Option<u32> {
    let bytes = u32::try_from(reader.size(&settings::GRPC_MAX_HEADER_SIZE)?).ok();
    let bytes = bytes.filter(|bytes| (1024..=16 * 1024 * 1024).contains(bytes));
    if bytes.is_none() {
        reader.mistake(&settings::GRPC_MAX_HEADER_SIZE, "must be between 1KiB and 16MiB");
    }
    bytes
}

fn deadlines(reader: &mut Reader) -> Option<DeadlineConfig> {
    let default = reader.duration(&settings::GRPC_DEFAULT_DEADLINE);
    let upload = reader.duration(&settings::GRPC_UPLOAD_DEADLINE);
    let max = reader.duration(&settings::GRPC_MAX_DEADLINE);
    for (setting, deadline) in [(&settings::GRPC_DEFAULT_DEADLINE, default), (&settings::GRPC_UPLOAD_DEADLINE, upload)]
    {
        if let (Some(deadline), Some(max)) = (deadline, max)
            && deadline > max
        {
            reader
                .mistake(setting, format!("{deadline:?} is longer than {} ({max:?})", settings::GRPC_MAX_DEADLINE.key));
        }
    }
    Some(DeadlineConfig { default: default?, upload: upload?, max: max? })
}

fn account(reader: &mut Reader) -> Option<GridAccount> {
    let base_url = reader.base_url(&settings::GRID_BASE_URL);
    let allow_http = reader.switch(&settings::GRID_INSECURE_ALLOW_HTTP);
    if let (Some(url), Some(false)) = (&base_url, allow_http)
        && url.scheme() == "http"
        && !value::is_loopback(url)
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
