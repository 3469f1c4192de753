//! What the client has to be told.

use std::time::Duration;

use reqwest::header::HeaderMap;
use secrecy::SecretString;
use tokio::sync::Semaphore;

use gridgate_io::http_client::HttpSetupError;
use gridgate_io::metrics::UnknownWords;

const MAX_BUDGET_PER_SECOND: u32 = 1_000_000;
const LONGEST_WAIT: Duration = Duration::from_secs(60 * 60);

/// Everything the client needs. [`ClientConfig::new`] fills in defaults for all but where Grid is and who asks.
#[derive(Debug, Clone)]
pub struct ClientConfig {
    /// Grid's base URL, such as `https://api.lightspark.com/grid/2025-10-13`.
    pub base_url: String,
    /// Client id, the user of HTTP Basic.
    pub client_id: String,
    /// Client secret, the password of HTTP Basic.
    pub client_secret: SecretString,
    /// Longest time to connect, TLS included.
    pub connect_timeout: Duration,
    /// How many requests may be under way at once.
    pub max_concurrent: usize,
    /// Longest time a request waits for one of those places before the call fails as saturated.
    pub max_queue_wait: Duration,
    /// Largest answer that is read, in bytes.
    pub max_answer_bytes: usize,
    /// How requests are repeated.
    pub retry: RetryConfig,
    /// When requests are held back.
    pub breaker: BreakerConfig,
    /// Adds headers to a request that is about to be sent, such as its trace context. Called in the span of the request.
    pub headers: fn(&mut HeaderMap),
    /// Counts words of Grid's that this version does not know. To register it is up to the caller, who may count there too.
    pub unknown_words: UnknownWords,
}

impl ClientConfig {
    /// Grid at `base_url`, with these credentials and the defaults for everything else.
    #[must_use]
    pub fn new(base_url: impl Into<String>, client_id: impl Into<String>, client_secret: SecretString) -> Self {
        Self {
            base_url: base_url.into(),
            client_id: client_id.into(),
            client_secret,
            connect_timeout: Duration::from_secs(5),
            max_concurrent: 256,
            max_queue_wait: Duration::from_secs(5),
            max_answer_bytes: 8 * 1024 * 1024,
            retry: RetryConfig::default(),
            breaker: BreakerConfig::default(),
            headers: |_| {},
            unknown_words: UnknownWords::default(),
        }
    }
}

/// How requests are repeated; which ones may be is not configurable.
#[derive(Debug, Clone)]
pub struct RetryConfig {
    /// How often one call's request is sent at most, the first time included.
    pub max_attempts: u32,
    /// Base of the exponential backoff; the wait before a repetition is random, at most this doubled each time.
    pub base_delay: Duration,
    /// The backoff's greatest wait.
    pub max_delay: Duration,
    /// How many repetitions a second are allowed to all calls together, however few calls there are.
    pub budget_per_second: u32,
    /// How many repetitions are allowed beyond that, as a share of all calls, 0.0 to 1.0.
    pub budget_share: f32,
}

impl Default for RetryConfig {
    fn default() -> Self {
        Self {
            max_attempts: 5,
            base_delay: Duration::from_millis(100),
            max_delay: Duration::from_secs(2),
            budget_per_second: 10,
            budget_share: 0.2,
        }
    }
}

/// When the circuit breaker holds requests back.
#[derive(Debug, Clone)]
pub struct BreakerConfig {
    /// So many failures in a row open it.
    pub failures: u32,
    /// So long it stays open before it lets one request through to try.
    pub open_for: Duration,
}

impl Default for BreakerConfig {
    fn default() -> Self {
        Self { failures: 20, open_for: Duration::from_secs(5) }
    }
}

/// Why a client could not be made.
#[derive(Debug, thiserror::Error)]
pub enum ClientSetupError {
    /// The base URL is none, or none that can be called.
    #[error("the base URL {0}")]
    BaseUrl(&'static str),
    /// The credentials can't be sent in a header.
    #[error("the client id {0}")]
    ClientId(&'static str),
    /// A number is outside its range.
    #[error("{0}")]
    OutOfRange(&'static str),
    /// The HTTP client could not be set up, most likely its TLS.
    #[error("the HTTP client could not be set up")]
    Http(#[source] HttpSetupError),
}

/// Refuses limits that could never let a request through, or that have no meaning.
pub(super) fn check_limits(config: &ClientConfig) -> Result<(), ClientSetupError> {
    let ClientConfig { max_concurrent, max_queue_wait, retry, breaker, .. } = config;
    if *max_queue_wait > LONGEST_WAIT || breaker.open_for > LONGEST_WAIT || retry.max_delay > LONGEST_WAIT {
        return Err(ClientSetupError::OutOfRange("a wait must be at most one hour"));
    }
    if *max_concurrent == 0 || *max_concurrent > Semaphore::MAX_PERMITS {
        return Err(ClientSetupError::OutOfRange("the number of requests under way must be at least 1"));
    }
    if retry.max_attempts == 0 {
        return Err(ClientSetupError::OutOfRange("the number of tries must be at least 1"));
    }
    if !(0.0..=1.0).contains(&retry.budget_share) {
        return Err(ClientSetupError::OutOfRange("the retry budget's share must be between 0.0 and 1.0"));
    }
    if retry.budget_per_second > MAX_BUDGET_PER_SECOND {
        return Err(ClientSetupError::OutOfRange("the retry budget must be at most 1000000 a second"));
    }
    if breaker.failures == 0 {
        return Err(ClientSetupError::OutOfRange("the circuit breaker's failures must be at least 1"));
    }
    Ok(())
}
