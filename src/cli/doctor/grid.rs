//! Grid's responses, with their headers.

use crate::cli::admin;
use crate::cli::output::chain;
use crate::grid::ClientConfig;
use crate::grid::model::{self, Complete, Ending, ErrorBody, PlatformConfig, TestWebhookResult};
use crate::http_client::{self, HttpSetupError};
use jiff::Timestamp;
use reqwest::header::{ACCEPT, CONTENT_LENGTH, DATE, HeaderMap};
use reqwest::{Client, Method, StatusCode, Url, redirect};
use secrecy::ExposeSecret as _;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use std::fmt;
use std::time::{Duration, Instant};

/// The longest wait for a response. For a test webhook, Grid first waits for the endpoint's answer.
const ANSWER: Duration = Duration::from_secs(30);

/// A reading of Grid's clock, from a response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ClockReading {
    /// Grid's time, to the second.
    pub(super) theirs: Timestamp,
    /// Our time in the middle of the request.
    pub(super) ours: Timestamp,
    /// How long the request took.
    pub(super) took: Duration,
}

/// Grid's response to one check, a success or an error.
#[derive(Debug)]
pub(super) struct Answered<T = PlatformConfig> {
    pub(super) outcome: Result<T, Refusal>,
    pub(super) clock: Option<ClockReading>,
}

/// Stands for an unreadable registered endpoint. It is not a URL, so it equals none.
const UNREADABLE: &str = "a value that gridgate cannot read";

/// The webhook endpoint of a configuration.
pub(super) fn registered(platform: PlatformConfig) -> Option<String> {
    let is_unreadable = platform.has_unreadable_endpoint();
    platform.webhook_endpoint.or_else(|| is_unreadable.then(|| UNREADABLE.to_owned()))
}

/// An unexpected response.
#[derive(Debug)]
pub(super) struct Refusal {
    pub(super) status: StatusCode,
    /// Grid's error code, if Grid answered.
    pub(super) code: Option<String>,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let status = self.status.as_u16();
        match &self.code {
            Some(code) => write!(f, "{status} {code}"),
            None if self.status.is_success() => write!(f, "{status} without Grid's JSON"),
            None => write!(f, "{status}"),
        }
    }
}

/// No answer came.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct NoAnswer(pub(super) String);

/// Grid, asked once each time.
pub(super) struct Grid {
    account: ClientConfig,
    http: Client,
}

impl Grid {
    /// Grid with this account.
    pub(super) fn of(account: &ClientConfig, base_url: &Url) -> Result<Self, HttpSetupError> {
        let http = http_client::client(base_url, |builder| {
            builder.redirect(redirect::Policy::none()).connect_timeout(account.connect_timeout).timeout(ANSWER)
        });
        Ok(Self { account: account.clone(), http: http? })
    }

    /// `GET /config`
    pub(super) async fn config(&self) -> Result<Answered, NoAnswer> {
        Ok(Self::with_id(self.ask(Method::GET, "/config", None).await?))
    }

    /// `PATCH /config`, of the webhook endpoint alone.
    pub(super) async fn register(&self, url: &str) -> Result<Answered, NoAnswer> {
        let body = json!({ "webhookEndpoint": url });
        Ok(Self::with_id(self.ask(Method::PATCH, "/config", Some(&body)).await?))
    }

    /// A configuration, if it says whose it is: any JSON object reads as one.
    fn with_id(answered: Answered) -> Answered {
        Answered {
            outcome: answered.outcome.and_then(|platform| match platform.id.is_empty() {
                true => Err(Refusal { status: StatusCode::OK, code: None }),
                false => Ok(platform),
            }),
            clock: answered.clock,
        }
    }

    /// `POST /webhooks/test`; at a Grid that does not have it (404), `POST /sandbox/webhooks/test`, as it was called until
    /// June 2026.
    pub(super) async fn test_webhook(&self) -> Result<Answered<TestWebhookResult>, NoAnswer> {
        let answered = self.ask(Method::POST, "/webhooks/test", None).await?;
        match &answered.outcome {
            Err(refusal) if refusal.status == StatusCode::NOT_FOUND => {
                self.ask(Method::POST, "/sandbox/webhooks/test", None).await
            }
            Ok(_) | Err(_) => Ok(answered),
        }
    }

    async fn ask<T: DeserializeOwned + Complete>(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<Answered<T>, NoAnswer> {
        let ClientConfig { base_url, client_id, client_secret, .. } = &self.account;
        let url = format!("{}{path}", base_url.trim_end_matches('/'));
        let mut request = self.http.request(method.clone(), url);
        request = request.basic_auth(client_id, Some(client_secret.expose_secret())).header(ACCEPT, "application/json");
        match body {
            Some(body) => request = request.json(body),
            None if method != Method::GET => request = request.header(CONTENT_LENGTH, "0"),
            None => {}
        }
        let no_answer = |error: reqwest::Error| NoAnswer(chain(&error.without_url()));
        let (began, sent_at) = (Instant::now(), Timestamp::now());
        let response = request.send().await.map_err(no_answer)?;
        let took = began.elapsed();
        let (status, clock) = (response.status(), clock(response.headers(), sent_at, took));
        let body = admin::read(response).await.map_err(no_answer)?;
        // As serve reads it. With notes, which a configuration learns of what could not be read.
        let outcome = match model::noting(|| model::read(&body, Ending::Needed)).0 {
            Ok(answer) if status.is_success() => Ok(answer),
            _ => {
                let code = ErrorBody::read(&body).code.filter(|_| !status.is_success());
                Err(Refusal { status, code })
            }
        };
        Ok(Answered { outcome, clock })
    }
}

/// Reads `Date` (RFC 9110, section 6.6.1).
fn clock(headers: &HeaderMap, sent_at: Timestamp, took: Duration) -> Option<ClockReading> {
    let date = httpdate::parse_http_date(headers.get(DATE)?.to_str().ok()?).ok()?;
    let ours = sent_at.checked_add(took / 2).ok()?;
    Some(ClockReading { theirs: Timestamp::try_from(date).ok()?, ours, took })
}
