//! What is configured of webhooks, the event log and the streams that read it.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use super::read::Reader;
use super::settings;
use super::tls::{self, TlsConfig};

/// Webhooks, the event log, and streams.
#[derive(Debug, Clone)]
pub struct EventsConfig {
    /// How webhooks are taken.
    pub webhook: WebhookConfig,
    /// The file of the event log; none is a temporary one.
    pub log: Option<PathBuf>,
    /// How old a stream becomes, more or less.
    pub watch_max_age: Duration,
    /// How often Grid is asked what has changed. `None`: never.
    pub reconcile_interval: Option<Duration>,
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
    let log = if sandbox && !reader.is_set(&settings::EVENT_LOG) { Some(None) } else { log(reader) };
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
        watch_max_age: watch_max_age?,
        reconcile_interval: Some(reconcile_interval?).filter(|interval| !interval.is_zero()),
    })
}

fn log(reader: &mut Reader) -> Option<Option<PathBuf>> {
    let text = reader.text(&settings::EVENT_LOG)?;
    if text == "temporary" {
        return Some(None);
    }
    match text.strip_prefix("sqlite:") {
        Some(path) if !path.is_empty() => Some(Some(PathBuf::from(path))),
        _ => {
            reader.mistake(
                &settings::EVENT_LOG,
                "must be sqlite: and the path of a file, such as sqlite:/var/lib/gridgate/events.db",
            );
            None
        }
    }
}
