//! Relays webhooks that are not about KYC to the configured URL, with unchanged body and signature, and returns its
//! response to Grid unchanged. It never retries and follows no redirect, because a response can approve a payment.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::StatusCode;
use http::header::{CONTENT_TYPE, HeaderValue};
use reqwest::Url;
use tokio::time::timeout;

use super::outcome::Outcome;
use super::signature::{SIGNATURE_HEADER, Verified};
use crate::http_client::{self, HttpSetupError};

/// How long the relay has, from the start of connecting to the end of its answer (Grid gives 5 seconds to defer).
pub const RELAY_TIMEOUT: Duration = Duration::from_secs(5);

/// The largest answer that is passed on, in bytes.
const MAX_ANSWER_BYTES: usize = 256 * 1024;
/// How long an idle connection is kept. Short, so that the relay has not closed it when the next webhook is sent on it:
/// that one would be lost, and Grid does not send a payment's webhook again.
const POOL_IDLE: Duration = Duration::from_secs(2);

/// Where webhooks that are not about KYC are passed on to.
#[derive(Debug, Clone)]
pub struct RelayConfig {
    /// Takes them by POST; http or https.
    pub url: Url,
    /// How long it has to answer; [`RELAY_TIMEOUT`].
    pub timeout: Duration,
}

/// Why the relay cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum RelaySetupError {
    /// The URL is not http or https.
    #[error("the relay's URL must begin with http:// or https://")]
    Scheme,
    /// The HTTP client could not be made, for want of trusted certificates for example.
    #[error("the HTTP client could not be made")]
    Http(#[source] HttpSetupError),
}

/// Why the relay gave no response for Grid. Each is answered with 503, so that no payment is approved.
#[derive(Debug, thiserror::Error)]
pub enum RelayError {
    /// It took too long.
    #[error("no response within {0:?}")]
    TimedOut(Duration),
    /// There is no connection to it.
    #[error("cannot be reached")]
    Unreachable(#[source] reqwest::Error),
    /// The connection broke, or what came is not HTTP.
    #[error("response unreadable")]
    Broken(#[source] reqwest::Error),
    /// The answer is too large.
    #[error("answered more than {MAX_ANSWER_BYTES} bytes")]
    TooLarge,
}

impl From<&RelayError> for Outcome {
    fn from(error: &RelayError) -> Self {
        match error {
            RelayError::TimedOut(_) => Self::RelayTimedOut,
            RelayError::Unreachable(_) => Self::RelayUnreachable,
            RelayError::Broken(_) | RelayError::TooLarge => Self::RelayBroken,
        }
    }
}

/// What the relay answered.
#[derive(Clone, PartialEq, Eq)]
pub struct RelayAnswer {
    /// Its status.
    pub status: StatusCode,
    /// Its content type.
    pub content_type: Option<HeaderValue>,
    /// Its body.
    pub body: Bytes,
}

impl std::fmt::Debug for RelayAnswer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RelayAnswer").field("status", &self.status).finish_non_exhaustive()
    }
}

/// Passes webhooks on.
#[derive(Debug, Clone)]
pub struct Relay {
    http: reqwest::Client,
    url: Url,
    timeout: Duration,
}

impl Relay {
    /// A relay to this URL.
    ///
    /// # Errors
    /// When the URL is not one that can be sent to, or the HTTP client cannot be made.
    pub fn new(config: RelayConfig) -> Result<Self, RelaySetupError> {
        let RelayConfig { url, timeout } = config;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(RelaySetupError::Scheme);
        }
        let http = http_client::client(&url, |builder| {
            builder
                .redirect(reqwest::redirect::Policy::none())
                .retry(reqwest::retry::never())
                .referer(false)
                // The relay is one of the platform's own services.
                .no_proxy()
                .pool_idle_timeout(POOL_IDLE)
                .tcp_nodelay(true)
        });
        let http = http.map_err(RelaySetupError::Http)?;
        Ok(Self { http, url, timeout })
    }

    /// How long it has to answer.
    pub(super) fn timeout(&self) -> Duration {
        self.timeout
    }

    /// Sends a webhook to the relay and returns its response, with any status.
    ///
    /// # Errors
    /// When there is no answer within the time, or none that can be passed on. The webhook may have arrived.
    pub async fn pass_on(&self, webhook: &Verified) -> Result<RelayAnswer, RelayError> {
        timeout(self.timeout, self.exchange(webhook)).await.unwrap_or(Err(RelayError::TimedOut(self.timeout)))
    }

    async fn exchange(&self, webhook: &Verified) -> Result<RelayAnswer, RelayError> {
        let mut request = self.http.post(self.url.clone()).header(SIGNATURE_HEADER, webhook.signature());
        if let Some(content_type) = webhook.content_type() {
            request = request.header(CONTENT_TYPE, content_type);
        }
        let mut response = request.body(webhook.body().clone()).send().await.map_err(failure)?;
        let status = response.status();
        let content_type = response.headers().get(CONTENT_TYPE).cloned();
        let mut body = BytesMut::new();
        while let Some(chunk) = response.chunk().await.map_err(failure)? {
            if body.len() + chunk.len() > MAX_ANSWER_BYTES {
                return Err(RelayError::TooLarge);
            }
            body.extend_from_slice(&chunk);
        }
        Ok(RelayAnswer { status, content_type, body: body.freeze() })
    }
}

fn failure(error: reqwest::Error) -> RelayError {
    // The URL may carry credentials, and errors are logged.
    let error = error.without_url();
    if error.is_connect() { RelayError::Unreachable(error) } else { RelayError::Broken(error) }
}
