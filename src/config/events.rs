//! What is configured of webhooks, the event log and the streams that read it.

use std::net::SocketAddr;
use std::time::Duration;

use super::nats::EventLogConfig;
use super::read::Reader;
use super::settings;
use super::tls::{self, TlsConfig};

/// Webhooks, the event log, and streams.
#[derive(Debug, Clone)]
pub struct EventsConfig {
    /// How webhooks are taken.
    pub webhook: WebhookConfig,
    /// Where the event log is.
    pub log: EventLogConfig,
    /// How long the event log keeps what.
    pub retention: RetentionConfig,
    /// How old a stream becomes, more or less.
    pub watch_max_age: Duration,
    /// How often Grid is asked what has changed. `None`: never.
    pub reconcile_interval: Option<Duration>,
}

/// How long the event log keeps what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetentionConfig {
    /// How old events become; at least [`RetentionConfig::LEAST_AGE`].
    pub max_age: Duration,
    /// How many bytes they may take.
    pub max_bytes: u64,
}

impl RetentionConfig {
    /// The least time for which events are kept: eight days, a day more than Grid retries a webhook.
    pub const LEAST_AGE: Duration = Duration::from_secs(8 * 24 * 60 * 60);
    /// The least room, in bytes: below it, a log is full before it has anything to let go of.
    pub const LEAST_BYTES: u64 = 16 << 20;
}

/// How webhooks are taken.
#[derive(Debug, Clone)]
pub struct WebhookConfig {
    /// Where.
    pub addr: SocketAddr,
    /// At which path.
    pub path: String,
    /// Grid's public keys, as PEM; none where the sandbox's are used, or where no webhooks are taken.
    pub public_keys: Option<String>,
    /// Who is told what is not about KYC.
    pub relay_url: Option<reqwest::Url>,
    /// What the port is secured with. `None`: it is not.
    pub tls: Option<TlsConfig>,
}

/// Reads them; a sandbox keeps a temporary log unless one is named.
pub(super) fn read(reader: &mut Reader, sandbox: bool) -> Option<EventsConfig> {
    let addr = reader.address(&settings::WEBHOOK_ADDR);
    let path = reader.text(&settings::WEBHOOK_PATH);
    let has_keys = reader.is_set(&settings::WEBHOOK_PUBLIC_KEYS) && !sandbox;
    let public_keys = if has_keys { reader.lines(&settings::WEBHOOK_PUBLIC_KEYS).map(Some) } else { Some(None) };
    let has_relay = reader.is_set(&settings::WEBHOOK_RELAY_URL);
    let relay_url = if has_relay { reader.base_url(&settings::WEBHOOK_RELAY_URL).map(Some) } else { Some(None) };
    let tls = tls::port(reader, &tls::WEBHOOK);
    if sandbox && matches!(tls, Some(Some(_))) {
        reader.mistake(
            &settings::WEBHOOK_TLS_CERTIFICATE,
            "cannot be used with --sandbox, whose webhooks are plain http",
        );
    }
    let unnamed = sandbox && !reader.is_set(&settings::EVENT_LOG);
    let log = if unnamed { Some(EventLogConfig::Temporary) } else { EventLogConfig::read(reader) };
    let retention = retention(reader);
    let watch_max_age = reader.duration(&settings::WATCH_MAX_AGE);
    let reconcile_interval = reader.duration_or_zero(&settings::RECONCILE_INTERVAL);
    Some(EventsConfig {
        webhook: WebhookConfig {
            addr: addr?,
            path: path?,
            public_keys: public_keys?,
            relay_url: relay_url?,
            tls: tls?,
        },
        log: log?,
        retention: retention?,
        watch_max_age: watch_max_age?,
        reconcile_interval: Some(reconcile_interval?).filter(|interval| !interval.is_zero()),
    })
}

fn retention(reader: &mut Reader) -> Option<RetentionConfig> {
    let max_age = reader.long_duration(&settings::EVENT_MAX_AGE);
    if max_age.is_some_and(|age| age < RetentionConfig::LEAST_AGE) {
        let problem = "is less than 8d: Grid retries a webhook for seven days, and a copy that comes after its event is \
                       let go would count as new";
        reader.mistake(&settings::EVENT_MAX_AGE, problem);
    }
    let max_bytes = reader.size(&settings::EVENT_MAX_SIZE).and_then(|bytes| u64::try_from(bytes).ok());
    if max_bytes.is_some_and(|bytes| bytes < RetentionConfig::LEAST_BYTES) {
        reader.mistake(
            &settings::EVENT_MAX_SIZE,
            "is less than 16MiB, which is full before anything is old enough to go",
        );
    }
    Some(RetentionConfig { max_age: max_age?, max_bytes: max_bytes? })
}
