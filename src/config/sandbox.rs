//! What is configured of the local sandbox.

use super::read::Reader;
use super::{ConfigError, LogConfig, Sources, credentials, log, settings, source};
use secrecy::SecretString;
use std::net::SocketAddr;
use std::time::Duration;

/// The most copies of a webhook.
const MOST_DUPLICATES: u32 = 100;
/// The longest wait before an answer.
const LONGEST_DELAY: Duration = Duration::from_secs(600);

/// What `gridgate sandbox` needs to know.
#[derive(Debug, Clone)]
pub struct SandboxConfig {
    /// Where it listens.
    pub addr: SocketAddr,
    /// How it behaves.
    pub behaviour: SandboxBehaviour,
    /// The client id and secret it accepts. `None`: it makes its own.
    pub credentials: Option<(String, SecretString)>,
    /// What is logged, and how.
    pub log: LogConfig,
}

/// How a sandbox behaves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SandboxBehaviour {
    /// Whether it is a regulated platform.
    pub regulated: bool,
    /// Whether it writes errors as Grid did until September 2026.
    pub old_error_bodies: bool,
    /// Whether it decides about individuals when they are created, as Grid's sandbox did until September 2026.
    pub approve_at_creation: bool,
    /// Where it sends webhooks. `None`: to the gridgate it is part of, or nowhere.
    pub webhook_endpoint: Option<reqwest::Url>,
    /// What goes wrong with webhooks.
    pub webhooks: SandboxWebhooks,
    /// What goes wrong with answers.
    pub answers: SandboxAnswers,
}

/// What goes wrong with webhooks on purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SandboxWebhooks {
    /// How many more times each is sent.
    pub duplicates: u32,
    /// How many are collected to be sent in reverse order; 0 and 1: none.
    pub reorder: u32,
    /// How long each is held back; whole seconds.
    pub delay: Duration,
    /// How many of a hundred are never sent.
    pub drop_percent: u8,
}

/// What goes wrong with answers on purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SandboxAnswers {
    /// How long each takes.
    pub delay: Duration,
    /// How many requests of a hundred are refused with 429.
    pub rate_limited_percent: u8,
    /// How many requests of a hundred fail with 503; not more than what the 429s leave.
    pub failing_percent: u8,
}

impl SandboxConfig {
    /// Reads the configuration of `gridgate sandbox`.
    ///
    /// # Errors
    /// Every mistake in the sources.
    pub fn load(sources: Sources) -> Result<SandboxConfig, ConfigError> {
        let (values, mistakes) = source::resolve(sources);
        let mut reader = Reader::new(values, mistakes);
        let addr = reader.address(&settings::SANDBOX_ADDR);
        let behaviour = behaviour(&mut reader);
        let given = [&settings::GRID_CLIENT_ID, &settings::GRID_CLIENT_SECRET, &settings::GRID_CLIENT_SECRET_FILE];
        let credentials = if given.iter().any(|setting| reader.is_set(setting)) {
            credentials(&mut reader).map(Some)
        } else {
            Some(None)
        };
        let log = log(&mut reader);
        let config =
            || Some(SandboxConfig { addr: addr?, behaviour: behaviour?, credentials: credentials?, log: log? });
        reader.finish(config())
    }
}

/// Reads how a sandbox behaves.
pub(super) fn behaviour(reader: &mut Reader) -> Option<SandboxBehaviour> {
    let regulated = reader.switch(&settings::SANDBOX_REGULATED);
    let old_error_bodies = reader.switch(&settings::SANDBOX_OLD_ERROR_BODIES);
    let approve_at_creation = reader.switch(&settings::SANDBOX_APPROVE_AT_CREATION);
    let has_endpoint = reader.is_set(&settings::SANDBOX_WEBHOOK_ENDPOINT);
    let webhook_endpoint =
        if has_endpoint { reader.base_url(&settings::SANDBOX_WEBHOOK_ENDPOINT).map(Some) } else { Some(None) };
    let webhooks = webhooks(reader);
    let answers = answers(reader);
    Some(SandboxBehaviour {
        regulated: regulated?,
        old_error_bodies: old_error_bodies?,
        approve_at_creation: approve_at_creation?,
        webhook_endpoint: webhook_endpoint?,
        webhooks: webhooks?,
        answers: answers?,
    })
}

fn webhooks(reader: &mut Reader) -> Option<SandboxWebhooks> {
    let duplicates = reader.count_or_zero(&settings::SANDBOX_WEBHOOK_DUPLICATES);
    if duplicates.is_some_and(|duplicates| duplicates > MOST_DUPLICATES) {
        reader.mistake(&settings::SANDBOX_WEBHOOK_DUPLICATES, format!("is more than {MOST_DUPLICATES}"));
    }
    let reorder = reader.count_or_zero(&settings::SANDBOX_WEBHOOK_REORDER);
    let delay = reader.duration_or_zero(&settings::SANDBOX_WEBHOOK_DELAY);
    if delay.is_some_and(|delay| delay.subsec_nanos() != 0) {
        reader.mistake(&settings::SANDBOX_WEBHOOK_DELAY, "must be whole seconds");
    }
    let drop_percent = reader.percent(&settings::SANDBOX_WEBHOOK_DROP_PERCENT);
    Some(SandboxWebhooks { duplicates: duplicates?, reorder: reorder?, delay: delay?, drop_percent: drop_percent? })
}

fn answers(reader: &mut Reader) -> Option<SandboxAnswers> {
    let delay = reader.duration_or_zero(&settings::SANDBOX_ANSWER_DELAY);
    if delay.is_some_and(|delay| delay > LONGEST_DELAY) {
        reader.mistake(&settings::SANDBOX_ANSWER_DELAY, "is longer than ten minutes");
    }
    let rate_limited_percent = reader.percent(&settings::SANDBOX_ANSWER_429_PERCENT);
    let failing_percent = reader.percent(&settings::SANDBOX_ANSWER_503_PERCENT);
    if let (Some(limited), Some(failing)) = (rate_limited_percent, failing_percent)
        && limited.saturating_add(failing) > 100
    {
        let problem = format!("is more than {} ({limited}) leaves", settings::SANDBOX_ANSWER_429_PERCENT.key);
        reader.mistake(&settings::SANDBOX_ANSWER_503_PERCENT, problem);
    }
    Some(SandboxAnswers {
        delay: delay?,
        rate_limited_percent: rate_limited_percent?,
        failing_percent: failing_percent?,
    })
}
