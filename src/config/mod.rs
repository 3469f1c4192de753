//! The configuration: one typed struct for each command, read from a TOML file, the environment and flags.
//!
//! The settings are a table ([`settings`]), from which help texts, documentation and messages are made. A command's settings are
//! read into the options of the rooms they belong to; every mistake is found and reported at once, with its setting's name and
//! where it was written. The sources are handed in ([`Sources`]): nothing here reads the process's environment.
//!
//! This module knows the rooms' option types; no room knows this module.

mod callers;
mod document;
mod event_log;
mod mistake;
mod read;
#[cfg(feature = "sandbox")]
mod sandbox;
mod setting;
pub mod settings;
mod source;
mod toml_file;
mod value;

pub use callers::{AdminCallerConfig, CallerConfig, CallerTls, connectable};
pub use document::settings_document;
pub use event_log::{EventsConfig, log_places};
pub use mistake::{ConfigError, Mistake};
#[cfg(feature = "sandbox")]
pub use sandbox::SandboxCommand;
pub use setting::{Bounds, Kind, Setting};
pub use source::Sources;
pub use toml_file::ConfigFile;

use crate::grid::ClientConfig;
use crate::http_client::is_loopback;
use crate::rpc::{ConcurrencyLimits, Deadlines};
use crate::sandbox::SandboxConfig;
use crate::telemetry::{LogConfig, LogFormat, OtelVariables, OtlpProtocol, TracesChoice, TracesConfig};
use crate::transport::{ClientCertificates, ClientFiles, Http2, Limits, Overflow, TlsFiles};
use read::Reader;
use secrecy::SecretString;
use settings as s;
use source::Origin;
use std::net::SocketAddr;
use std::num::NonZero;
use std::path::PathBuf;
use std::time::Duration;

/// The configuration of `gridgate serve`.
#[derive(Debug, Clone)]
pub struct Config {
    /// The gRPC port.
    pub grpc: GrpcConfig,
    /// Who may call it.
    pub identity: IdentityConfig,
    /// The address of the admin port.
    pub admin_addr: SocketAddr,
    /// The certificates of the admin port. `None`: it is plain.
    pub admin_tls: Option<TlsFiles>,
    /// What all ports with TLS have in common.
    pub tls: TlsTimes,
    /// Which Grid is called, and how.
    pub upstream: Upstream,
    /// How many bytes the documents being uploaded may take together.
    pub uploads_max_memory: usize,
    /// Webhooks.
    pub webhook: WebhookConfig,
    /// The event log, and what reads it.
    pub events: EventsConfig,
    /// How shutting down goes.
    pub shutdown: ShutdownConfig,
    /// How many threads the connections of callers and of Grid's webhooks are spread over; 0: they share all threads.
    pub connection_threads: usize,
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
#[allow(clippy::large_enum_variant, reason = "a process has one")]
pub enum Upstream {
    /// Grid.
    Grid(ClientConfig),
    /// A sandbox in this process.
    Sandbox {
        /// Its address.
        addr: SocketAddr,
        /// How it behaves.
        config: SandboxConfig,
        /// How it is called; the base URL is known once it listens.
        client: ClientConfig,
    },
}

/// The gRPC port.
#[derive(Debug, Clone)]
pub struct GrpcConfig {
    /// Its address.
    pub addr: SocketAddr,
    /// Its certificates. `None`: it is plain.
    pub tls: Option<TlsFiles>,
    /// How HTTP/2 is spoken.
    pub http2: Http2,
    /// What its connections may take up.
    pub limits: Limits,
    /// How much is served at once.
    pub load: ConcurrencyLimits,
    /// The deadlines of calls.
    pub deadlines: Deadlines,
    /// The largest message accepted, in bytes.
    pub max_request_size: usize,
    /// The largest message sent, in bytes.
    pub max_response_size: usize,
}

/// Where the policy is, and how it is kept up.
#[derive(Debug, Clone)]
pub struct IdentityConfig {
    /// Its file; none where callers are not checked.
    pub policy_file: Option<PathBuf>,
    /// How often the file is checked for changes.
    pub reload_interval: Duration,
}

/// What all ports with TLS have in common.
#[derive(Debug, Clone, Copy)]
pub struct TlsTimes {
    /// How often files are checked for changes.
    pub reload_interval: Duration,
    /// How long a handshake may take.
    pub handshake_timeout: Duration,
}

/// The webhook endpoint.
#[derive(Debug, Clone)]
pub struct WebhookConfig {
    /// Its address.
    pub addr: SocketAddr,
    /// Its path.
    pub path: String,
    /// Grid's public keys, as PEM; none where the sandbox's are used, or where no webhooks are accepted.
    pub public_keys: Option<String>,
    /// Where webhooks go that are not about KYC.
    pub relay_url: Option<reqwest::Url>,
    /// Its certificates. `None`: it is plain.
    pub tls: Option<TlsFiles>,
}

/// How shutting down goes.
#[derive(Debug, Clone, Copy)]
pub struct ShutdownConfig {
    /// How long it may take in all, `drain_delay` included.
    pub grace_period: Duration,
    /// How long calls are still accepted after the signal.
    pub drain_delay: Duration,
}

impl Config {
    /// Reads the configuration of `gridgate serve`; `sandbox` says that it brings its own Grid and needs no account.
    ///
    /// # Errors
    /// Every mistake in the sources.
    pub fn load(sources: Sources, sandbox: bool) -> Result<Config, ConfigError> {
        let variables = OtelVariables::of(&sources.env);
        let mut reader = Reader::new(sources);
        let r = &mut reader;
        let tls = TlsTimes {
            reload_interval: r.get(&s::TLS_RELOAD_INTERVAL),
            handshake_timeout: r.get(&s::TLS_HANDSHAKE_TIMEOUT),
        };
        let config = Config {
            grpc: grpc(r, tls),
            identity: IdentityConfig {
                policy_file: r.find(&s::IDENTITY_POLICY_FILE),
                reload_interval: r.get(&s::IDENTITY_RELOAD_INTERVAL),
            },
            admin_addr: r.address(&s::ADMIN_ADDR),
            admin_tls: port_tls(
                r,
                (&s::ADMIN_TLS_CERTIFICATE, &s::ADMIN_TLS_KEY),
                Some((&s::ADMIN_TLS_CLIENT_CA, &s::ADMIN_TLS_CLIENT_CERTIFICATES)),
            ),
            tls,
            upstream: upstream(r, sandbox),
            uploads_max_memory: r.get(&s::UPLOADS_MAX_MEMORY),
            webhook: webhook(r, sandbox),
            events: EventsConfig::read(r, sandbox),
            shutdown: shutdown(r),
            connection_threads: connection_threads(r),
            ready_needs_grid: r.get(&s::READY_NEEDS_GRID),
            ready_needs_recording: r.get(&s::READY_NEEDS_RECORDING),
            log: log(r),
            traces: traces(r, variables),
        };
        reader.finish(config)
    }
}

fn grpc(r: &mut Reader, tls: TlsTimes) -> GrpcConfig {
    /// How long a new connection may take to send HTTP/2's preface.
    const PREFACE: Duration = Duration::from_secs(30);
    let addr = r.address(&s::GRPC_ADDR);
    let is_checked = r.get(&s::GRPC_INSECURE_ALLOW_REMOTE) || r.is_set(&s::IDENTITY_POLICY_FILE);
    if !addr.ip().is_loopback() && !is_checked {
        let problem = format!(
            "{addr} can be reached from other machines, and nothing checks who calls: everyone who connects would act with \
             your Grid account. Name a policy of who may call what with {}, or listen on a loopback address; if only your own \
             services can connect, {}=true admits everyone",
            s::IDENTITY_POLICY_FILE.env,
            s::GRPC_INSECURE_ALLOW_REMOTE.env
        );
        r.contradiction(&s::GRPC_ADDR, &s::GRPC_INSECURE_ALLOW_REMOTE, problem);
    }
    let keepalive_interval = r.unless_zero(&s::GRPC_KEEPALIVE_INTERVAL);
    let keepalive_timeout = r.get(&s::GRPC_KEEPALIVE_TIMEOUT);
    GrpcConfig {
        addr,
        tls: port_tls(
            r,
            (&s::GRPC_TLS_CERTIFICATE, &s::GRPC_TLS_KEY),
            Some((&s::GRPC_TLS_CLIENT_CA, &s::GRPC_TLS_CLIENT_CERTIFICATES)),
        ),
        http2: Http2 {
            max_concurrent_streams: r.get(&s::GRPC_MAX_CONCURRENT_STREAMS),
            max_head_bytes: r.get(&s::GRPC_MAX_HEADER_SIZE),
            keepalive_interval,
            keepalive_timeout,
        },
        limits: Limits {
            max_connections: r.get(&s::GRPC_MAX_CONNECTIONS),
            overflow: Overflow::TurnAway,
            handshake: tls.handshake_timeout,
            preface_timeout: PREFACE,
            // A peer that reads nothing answers no ping either; but while bytes are stuck, none is sent.
            stall: keepalive_interval.map(|interval| interval.saturating_add(keepalive_timeout)),
            max_age: r.unless_zero(&s::GRPC_MAX_CONNECTION_AGE),
            drain_timeout: r.get(&s::GRPC_MAX_CONNECTION_AGE_GRACE),
        },
        load: ConcurrencyLimits {
            max_calls: r.get(&s::GRPC_MAX_CALLS),
            max_wait: r.get(&s::GRPC_MAX_CALL_WAIT),
            max_streams: r.get(&s::GRPC_MAX_STREAMS),
        },
        deadlines: deadlines(r),
        max_request_size: r.get(&s::GRPC_MAX_REQUEST_SIZE),
        max_response_size: r.get(&s::GRPC_MAX_RESPONSE_SIZE),
    }
}

fn deadlines(r: &mut Reader) -> Deadlines {
    let (default, upload) = (r.get(&s::GRPC_DEFAULT_DEADLINE), r.get(&s::GRPC_UPLOAD_DEADLINE));
    let max: Duration = r.get(&s::GRPC_MAX_DEADLINE);
    for (setting, deadline) in [(&s::GRPC_DEFAULT_DEADLINE, default), (&s::GRPC_UPLOAD_DEADLINE, upload)] {
        if deadline > max {
            let problem = format!("{deadline:?} is longer than {} ({max:?})", s::GRPC_MAX_DEADLINE.key);
            r.contradiction(setting, &s::GRPC_MAX_DEADLINE, problem);
        }
    }
    Deadlines { default, upload, max }
}

/// The certificate and key of a port, and, where it may ask clients for a certificate, their CAs and whether they need one.
fn port_tls(
    r: &mut Reader,
    (certificate, key): (&Setting, &Setting),
    clients: Option<(&Setting, &Setting)>,
) -> Option<TlsFiles> {
    let is_secured = r.has_both(certificate, key);
    let clients = clients.and_then(|(ca, needed)| {
        let is_optional = r.get::<String>(needed) == "optional";
        if !r.is_set(ca) && r.is_set(needed) {
            r.mistake(needed, format!("has no effect without {}: the server requests no client certificate", ca.key));
        }
        if r.is_set(ca) && !r.is_set(certificate) && !r.is_set(key) {
            r.mistake(ca, format!("has no effect without {}", certificate.key));
        }
        let needed = if is_optional { ClientCertificates::Optional } else { ClientCertificates::Required };
        r.find(ca).map(|ca| ClientFiles { ca, needed })
    });
    is_secured.then(|| TlsFiles { certificate: r.get(certificate), key: r.get(key), clients })
}

fn upstream(r: &mut Reader, sandbox: bool) -> Upstream {
    // A sandbox uses no account: one in the environment is not even read, and a missing one is no mistake.
    if sandbox {
        #[cfg(feature = "sandbox")]
        {
            let addr = r.address(&s::SANDBOX_ADDR);
            let config = sandbox::made_up(r);
            let client = client(r, "", &config.client_id, config.client_secret.clone());
            return Upstream::Sandbox { addr, config, client };
        }
        #[cfg(not(feature = "sandbox"))]
        {
            r.mistake(&s::SANDBOX_ADDR, crate::sandbox::MISSING);
            return Upstream::Grid(client(r, "", "", SecretString::default()));
        }
    }
    let base_url: String = r.get(&s::GRID_BASE_URL);
    let allow_http: bool = r.get(&s::GRID_INSECURE_ALLOW_HTTP);
    let is_exposed = reqwest::Url::parse(&base_url).is_ok_and(|url| url.scheme() == "http" && !is_loopback(&url));
    if is_exposed && !allow_http {
        let problem = format!(
            "plain http would send credentials and personal data unencrypted over the network; use https, or set {}=true",
            s::GRID_INSECURE_ALLOW_HTTP.env
        );
        r.contradiction(&s::GRID_BASE_URL, &s::GRID_INSECURE_ALLOW_HTTP, problem);
    }
    let (client_id, client_secret) = credentials(r);
    Upstream::Grid(client(r, &base_url, &client_id, client_secret))
}

fn client(r: &mut Reader, base_url: &str, client_id: &str, client_secret: SecretString) -> ClientConfig {
    ClientConfig {
        max_concurrent: r.get(&s::GRID_MAX_CONCURRENT_CALLS),
        connect_timeout: r.get(&s::GRID_CONNECT_TIMEOUT),
        ..ClientConfig::new(base_url, client_id, client_secret)
    }
}

fn credentials(r: &mut Reader) -> (String, SecretString) {
    let id: String = r.get(&s::GRID_CLIENT_ID);
    if !r.is_set(&s::GRID_CLIENT_ID) {
        r.missing(&s::GRID_CLIENT_ID, "or try gridgate without an account: gridgate serve --sandbox");
    } else if id.contains(':') {
        // RFC 7617, section 2: a user that contains a colon cannot be told from its password.
        r.mistake(&s::GRID_CLIENT_ID, "must not contain a colon");
    }
    let secret = match (r.is_set(&s::GRID_CLIENT_SECRET), r.is_set(&s::GRID_CLIENT_SECRET_FILE)) {
        (true, false) => r.find(&s::GRID_CLIENT_SECRET),
        (false, true) => r.secret_in_file(&s::GRID_CLIENT_SECRET_FILE),
        (false, false) => {
            let alternative = format!("or {} to the path of a file", s::GRID_CLIENT_SECRET_FILE.env);
            r.missing(&s::GRID_CLIENT_SECRET, &alternative);
            None
        }
        (true, true) => {
            let problem = format!("{} is set as well; set only one of them", s::GRID_CLIENT_SECRET.key);
            r.mistake(&s::GRID_CLIENT_SECRET_FILE, problem);
            None
        }
    };
    (id, secret.unwrap_or_default())
}

fn webhook(r: &mut Reader, sandbox: bool) -> WebhookConfig {
    let tls = port_tls(r, (&s::WEBHOOK_TLS_CERTIFICATE, &s::WEBHOOK_TLS_KEY), None);
    if sandbox && tls.is_some() {
        r.mistake(&s::WEBHOOK_TLS_CERTIFICATE, "cannot be used with --sandbox, which sends webhooks over plain http");
    }
    WebhookConfig {
        addr: r.address(&s::WEBHOOK_ADDR),
        path: r.get(&s::WEBHOOK_PATH),
        public_keys: if sandbox { None } else { r.find(&s::WEBHOOK_PUBLIC_KEYS) },
        relay_url: r.find(&s::WEBHOOK_RELAY_URL),
        tls,
    }
}

fn shutdown(r: &mut Reader) -> ShutdownConfig {
    let grace_period: Duration = r.get(&s::SHUTDOWN_GRACE_PERIOD);
    let drain_delay = r.get(&s::SHUTDOWN_DRAIN_DELAY);
    if drain_delay >= grace_period {
        let problem = format!("{drain_delay:?} leaves nothing of {} ({grace_period:?})", s::SHUTDOWN_GRACE_PERIOD.key);
        r.contradiction(&s::SHUTDOWN_DRAIN_DELAY, &s::SHUTDOWN_GRACE_PERIOD, problem);
    }
    ShutdownConfig { grace_period, drain_delay }
}

/// One a core, as far as this process may use them.
fn connection_threads(r: &mut Reader) -> usize {
    let cores = || std::thread::available_parallelism().map_or(1, NonZero::get);
    if r.get(&s::THREADS_PER_CORE) { cores() } else { 0 }
}

fn log(r: &mut Reader) -> LogConfig {
    let is_json = r.get::<String>(&s::LOG_FORMAT) == "json";
    LogConfig { format: if is_json { LogFormat::Json } else { LogFormat::Human }, filter: r.get(&s::LOG_LEVEL) }
}

/// Clusters set OpenTelemetry's variables for every program, also some that gridgate does not know or cannot use. So they go
/// to `telemetry` as they are, which follows them or warns of them; only what a flag or the file says is checked here.
fn traces(r: &mut Reader, variables: OtelVariables) -> TracesConfig {
    let [flags, file] =
        [|o: &Origin| matches!(o, Origin::Flag(_)), |o: &Origin| matches!(o, Origin::File(_))].map(|is_its| {
            let says = |setting| r.origin(setting).is_some_and(is_its).then_some(setting);
            let (endpoint, protocol) = (says(&s::TRACES_OTLP_ENDPOINT), says(&s::TRACES_OTLP_PROTOCOL));
            TracesChoice {
                endpoint: endpoint.and_then(|setting| r.find(setting)),
                protocol: protocol.and_then(|setting| OtlpProtocol::from_word(&r.get::<String>(setting))),
            }
        });
    TracesConfig { flags, file, variables }
}
