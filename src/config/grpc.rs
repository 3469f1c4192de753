//! What is configured of the gRPC port.

use super::read::Reader;
use super::settings;
use super::tls::{self, TlsConfig};
use std::net::SocketAddr;
use std::time::Duration;

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

/// Reads what the gRPC port needs.
pub(super) fn read(reader: &mut Reader) -> Option<GrpcConfig> {
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
