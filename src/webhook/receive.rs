//! Handles one request: from untrusted bytes to the response that Grid acts on.
//!
//! The body is only hashed until its signature is verified. 200 means that the webhook is durable or need not be. 409 means
//! that it is certainly in the log, because Grid then never sends it again. Every uncertain case is 503, because Grid then
//! retries.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::response::{IntoResponse as _, Response};
use axum::routing::post;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderMap};
use tokio::time::timeout;
use tracing::{Instrument as _, Span};

use super::body::{self, BodyMemory};
use super::config::{EndpointPath, Limits};
use super::counters::Counters;
use super::keys::PublicKeys;
use super::outcome::Outcome;
use super::parse::{Content, Delivery, Unreadable, WebhookType, parse};
use super::relay::{Relay, RelayAnswer};
use super::signature::{Received, Signature, Verified};
use crate::kyc::clock::Clock;
use crate::kyc::event::Observation;
use crate::kyc::id::ObservationId;
use crate::kyc::log::{LateLog, LogError, Quarantined, Recorded};
use crate::throttle::Throttle;

/// The state that request handling needs.
pub(super) struct Receiver {
    pub(super) path: EndpointPath,
    pub(super) keys: PublicKeys,
    pub(super) relay: Option<Relay>,
    pub(super) limits: Limits,
    pub(super) log: LateLog,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) counters: Arc<Counters>,
    pub(super) memory: BodyMemory,
    /// Keeps log lines about unsigned requests rare.
    pub(super) unsigned: Throttle,
    /// Keeps log lines about an event log that is down rare.
    pub(super) log_failures: Throttle,
}

/// What a request is answered with.
enum Answer {
    /// Our own.
    Own(Outcome),
    /// The relay's, as it came.
    Relayed(RelayAnswer),
}

impl Answer {
    /// Records the response in the webhook's span.
    fn tell(&self, span: &Span) {
        let (status, outcome) = match self {
            Self::Own(outcome) => (outcome.status(), outcome.word()),
            Self::Relayed(answer) => (answer.status, "relayed"),
        };
        span.record("http.response.status_code", status.as_u16());
        span.record("gridgate.webhook.outcome", outcome);
        if status.is_server_error() {
            span.record("otel.status_code", "ERROR");
        }
    }
}

impl From<Outcome> for Answer {
    fn from(outcome: Outcome) -> Self {
        Self::Own(outcome)
    }
}

/// Answers `POST` at `path`, 405 to other methods there, and 404 elsewhere.
pub(super) fn router(path: &EndpointPath, receiver: Arc<Receiver>) -> Router {
    Router::new().route(path.as_str(), post(receive).fallback(wrong_method)).fallback(wrong_path).with_state(receiver)
}

async fn wrong_method(State(receiver): State<Arc<Receiver>>) -> Outcome {
    receiver.counters.count(Outcome::WrongMethod);
    Outcome::WrongMethod
}

async fn wrong_path(State(receiver): State<Arc<Receiver>>) -> Outcome {
    receiver.counters.count(Outcome::WrongPath);
    Outcome::WrongPath
}

async fn receive(State(receiver): State<Arc<Receiver>>, request: Request) -> Response {
    match receiver.take_in(request).await {
        Answer::Own(outcome) => {
            receiver.counters.count(outcome);
            outcome.into_response()
        }
        Answer::Relayed(answer) => {
            let RelayAnswer { status, content_type, body } = answer;
            receiver.counters.count_relayed(status);
            let mut response = (status, body).into_response();
            response.headers_mut().remove(CONTENT_TYPE);
            if let Some(content_type) = content_type {
                response.headers_mut().insert(CONTENT_TYPE, content_type);
            }
            response
        }
    }
}

impl Receiver {
    async fn take_in(&self, request: Request) -> Answer {
        let (head, body) = request.into_parts();
        if announced_bytes(&head.headers).is_some_and(|bytes| bytes > self.limits.max_body_bytes) {
            return Outcome::TooLarge.into();
        }
        // A request without anything that could be a signature is not worth reading.
        if let Err(invalid) = Signature::of(&head.headers) {
            return self.unsigned(invalid.into()).into();
        }
        let Limits { max_body_bytes, body_timeout, .. } = self.limits;
        let body = match body::read(body, max_body_bytes, body_timeout, &self.memory).await {
            Ok(body) => body,
            Err(outcome) => return outcome.into(),
        };
        let received = Received::new(&head.headers, body.bytes.clone());
        let webhook = match received.and_then(|received| received.verify(&self.keys)) {
            Ok(webhook) => webhook,
            Err(invalid) => return self.unsigned(invalid.into()).into(),
        };
        match parse(&webhook) {
            Ok(delivery) => {
                let _under_way = self.counters.begin();
                let span = self.span(&delivery);
                let answer = self.act_on(&webhook, delivery).instrument(span.clone()).await;
                answer.tell(&span);
                answer
            }
            Err(problem) => {
                tracing::error!(key = %webhook.key(), %problem, "correctly signed body is not a webhook; answered 400");
                Outcome::NotAWebhook.into()
            }
        }
    }

    /// The span of a webhook, by OpenTelemetry's conventions for HTTP servers. It begins once the signature is verified:
    /// unsigned requests make no spans, and their trace headers are not trusted.
    fn span(&self, delivery: &Delivery) -> Span {
        tracing::info_span!(
            "webhook",
            otel.name = format_args!("POST {}", self.path.as_str()),
            otel.kind = "server",
            http.request.method = "POST",
            http.route = self.path.as_str(),
            http.response.status_code = tracing::field::Empty,
            otel.status_code = tracing::field::Empty,
            gridgate.webhook.id = %delivery.id,
            gridgate.webhook.type = %delivery.webhook_type,
            gridgate.webhook.outcome = tracing::field::Empty,
        )
    }

    async fn act_on(&self, webhook: &Verified, delivery: Delivery) -> Answer {
        let Delivery { id, webhook_type, timestamp, content } = delivery;
        match content {
            Content::Status { observation, type_disagrees } => {
                if type_disagrees {
                    self.counters.count_disagreement();
                    let status = observation.subject.status_word();
                    tracing::warn!(webhook = %id, r#type = %webhook_type, status, "type and data name different statuses");
                }
                self.record(*observation, &webhook_type).await.into()
            }
            Content::Unreadable(unreadable) => {
                let Unreadable { reason, field_names, customer } = unreadable;
                let quarantined_at = self.clock.now();
                let (kind, reason) = (webhook_type.to_string(), reason.to_string());
                self.quarantine(Quarantined { id, kind, timestamp, quarantined_at, reason, field_names, customer })
                    .await
                    .into()
            }
            Content::Test => {
                tracing::info!(webhook = %id, "a test webhook arrived");
                Outcome::Tested.into()
            }
            Content::BulkUpload | Content::Other => self.pass_on(webhook, &id, &webhook_type).await,
        }
    }

    async fn record(&self, observation: Observation, webhook_type: &WebhookType) -> Outcome {
        let (id, customer) = (observation.id.clone(), observation.customer.clone());
        let Some(log) = self.log.get() else { return Outcome::Starting };
        match timeout(self.limits.record_timeout, log.record(observation)).await {
            Ok(Ok(Recorded::New { position, outcome })) => {
                let outcome = outcome.as_str();
                tracing::debug!(webhook = %id, r#type = %webhook_type, %customer, %position, outcome, "recorded");
                Outcome::Recorded
            }
            Ok(Ok(Recorded::Duplicate { position })) => {
                tracing::debug!(webhook = %id, r#type = %webhook_type, %customer, %position, "recorded before");
                Outcome::Duplicate
            }
            Ok(Ok(Recorded::Redundant)) => {
                // Never said of a webhook. Whether this one is in the log is uncertain, then.
                tracing::error!(webhook = %id, "event log returned `Redundant` for a webhook; it may not be stored");
                Outcome::LogUnavailable
            }
            Ok(Err(error)) => self.log_failed(&id, &error),
            Err(_) => self.log_late(&id),
        }
    }

    async fn quarantine(&self, webhook: Quarantined) -> Outcome {
        let (id, kind, reason) = (webhook.id.clone(), webhook.kind.clone(), webhook.reason.clone());
        let customer = webhook.customer.clone();
        let Some(log) = self.log.get() else { return Outcome::Starting };
        match timeout(self.limits.record_timeout, log.quarantine().add(webhook)).await {
            Ok(Ok(true)) => {
                let customer = customer.as_ref().map(tracing::field::display);
                tracing::warn!(webhook = %id, r#type = %kind, customer, reason, "webhook not understood; put into quarantine");
                Outcome::Quarantined
            }
            Ok(Ok(false)) => Outcome::QuarantinedBefore,
            Ok(Err(error)) => self.log_failed(&id, &error),
            Err(_) => self.log_late(&id),
        }
    }

    async fn pass_on(&self, webhook: &Verified, id: &ObservationId, webhook_type: &WebhookType) -> Answer {
        let Some(relay) = &self.relay else {
            if webhook_type.awaits_approval() {
                tracing::warn!(webhook = %id, r#type = %webhook_type, "payment not approved: no relay is configured; answered 503");
                return Outcome::PaymentUndecided.into();
            }
            tracing::debug!(webhook = %id, r#type = %webhook_type, "webhook is not about KYC and no relay is configured; acknowledged without processing");
            return Outcome::Acknowledged.into();
        };
        match relay.pass_on(webhook).await {
            Ok(answer) => {
                tracing::debug!(webhook = %id, r#type = %webhook_type, status = answer.status.as_u16(), "relayed");
                Answer::Relayed(answer)
            }
            Err(error) => {
                let cause = &error as &dyn std::error::Error;
                tracing::warn!(webhook = %id, r#type = %webhook_type, error = cause, "the relay failed");
                Outcome::from(&error).into()
            }
        }
    }

    fn unsigned(&self, outcome: Outcome) -> Outcome {
        if let Some(more) = self.unsigned.pass() {
            tracing::warn!(reason = outcome.word(), more, "webhook signature rejected; answered 401");
        }
        outcome
    }

    fn log_failed(&self, id: &ObservationId, error: &LogError) -> Outcome {
        if let Some(more) = self.log_failures.pass() {
            tracing::error!(webhook = %id, %error, more, "webhook not recorded; answered 503, so Grid will send it again");
        }
        Outcome::LogUnavailable
    }

    fn log_late(&self, id: &ObservationId) -> Outcome {
        if let Some(more) = self.log_failures.pass() {
            let limit = self.limits.record_timeout;
            tracing::error!(webhook = %id, ?limit, more, "webhook not recorded in time; answered 503, so Grid will send it again");
        }
        Outcome::LogTimedOut
    }
}

/// How long the body says it is. One that says nothing true is found out when it is read.
fn announced_bytes(headers: &HeaderMap) -> Option<usize> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}
