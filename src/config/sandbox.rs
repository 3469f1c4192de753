//! The local sandbox.

use super::read::Reader;
use super::{ConfigError, Sources, credentials, log, settings as s};
use crate::sandbox::{Fault, SandboxConfig, WebhookFaults};
use crate::telemetry::LogConfig;
use reqwest::Url;
use secrecy::SecretString;
use std::net::SocketAddr;
use std::time::Duration;
use uuid::Uuid;

/// The configuration of `gridgate sandbox`.
#[derive(Debug, Clone)]
pub struct SandboxCommand {
    /// Its address.
    pub addr: SocketAddr,
    /// How it behaves.
    pub config: SandboxConfig,
    /// What is logged, and how.
    pub log: LogConfig,
}

impl SandboxCommand {
    /// Reads it. Without credentials, it makes some up.
    ///
    /// # Errors
    /// Every mistake in the sources.
    pub fn load(sources: Sources) -> Result<SandboxCommand, ConfigError> {
        let mut reader = Reader::new(sources);
        let r = &mut reader;
        let addr = r.address(&s::SANDBOX_ADDR);
        let mut config = made_up(r);
        let given = [&s::GRID_CLIENT_ID, &s::GRID_CLIENT_SECRET, &s::GRID_CLIENT_SECRET_FILE];
        if given.iter().any(|setting| r.is_set(setting)) {
            (config.client_id, config.client_secret) = credentials(r);
        }
        let log = log(r);
        reader.finish(SandboxCommand { addr, config, log })
    }
}

/// How a sandbox behaves, with credentials of its own.
pub(super) fn made_up(r: &mut Reader) -> SandboxConfig {
    let delay: Duration = r.get(&s::SANDBOX_WEBHOOK_DELAY);
    if delay.subsec_nanos() != 0 {
        r.mistake(&s::SANDBOX_WEBHOOK_DELAY, "must be whole seconds");
    }
    SandboxConfig {
        regulated: r.get(&s::SANDBOX_REGULATED),
        old_error_bodies: r.get(&s::SANDBOX_OLD_ERROR_BODIES),
        approve_at_creation: r.get(&s::SANDBOX_APPROVE_AT_CREATION),
        webhook_endpoint: r.find::<Url>(&s::SANDBOX_WEBHOOK_ENDPOINT).map(Into::into),
        webhook_faults: WebhookFaults {
            duplicates: r.get(&s::SANDBOX_WEBHOOK_DUPLICATES),
            reorder: r.get(&s::SANDBOX_WEBHOOK_REORDER),
            delay_seconds: delay.as_secs(),
            drop_percent: r.get(&s::SANDBOX_WEBHOOK_DROP_PERCENT),
            ..WebhookFaults::default()
        },
        faults: faults(r),
        ..SandboxConfig::new("sandbox", SecretString::from(Uuid::new_v4().simple().to_string()))
    }
}

/// What goes wrong with answers: of this list, the first one that hits a request happens to it.
fn faults(r: &mut Reader) -> Vec<Fault> {
    let delay: Duration = r.get(&s::SANDBOX_ANSWER_DELAY);
    let [limited, failing]: [u8; 2] =
        [&s::SANDBOX_ANSWER_429_PERCENT, &s::SANDBOX_ANSWER_503_PERCENT].map(|of| r.get(of));
    if limited.saturating_add(failing) > 100 {
        let problem = format!("is more than {} ({limited}) leaves", s::SANDBOX_ANSWER_429_PERCENT.key);
        r.contradiction(&s::SANDBOX_ANSWER_503_PERCENT, &s::SANDBOX_ANSWER_429_PERCENT, problem);
    }
    // The second draw is among those that the first one left.
    let left = 100 - u32::from(limited.min(99));
    let failing_of_left = u8::try_from((u32::from(failing) * 100).div_ceil(left).min(100)).unwrap_or(100);
    let late = Fault { delay_millis: u64::try_from(delay.as_millis()).unwrap_or(u64::MAX), ..Fault::default() };
    let mut faults = vec![
        Fault { percent: limited, status: Some(429), retry_after: Some("1".to_owned()), ..late.clone() },
        Fault { percent: failing_of_left, status: Some(503), ..late.clone() },
    ];
    faults.retain(|fault| fault.percent > 0);
    faults.extend(Some(late).filter(|late| late.delay_millis > 0));
    faults
}
