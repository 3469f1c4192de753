//! `/quarantine`: the webhooks that could not be understood, and what is done about them.
//!
//! | | |
//! |---|---|
//! | `GET /quarantine?after=ID&limit=N` | A page of them in the order of their ids; `next_after` names where the next one starts. |
//! | `POST /quarantine/retry` | `{"id"}`: asks Grid about the customer, records the answer, and takes it out. |
//! | `POST /quarantine/dismiss` | `{"id"}`: takes it out, and nothing else. |

use super::answer::{Asked, Body, Refusal};
use crate::kyc::ask::AskError;
use crate::kyc::id::ObservationId;
use crate::kyc::log::{EventLog, LateLog, LogError, Quarantined};
use crate::kyc::quarantine::{self, Retried, RetryError};
use crate::kyc::source::{CustomerSource, SourceError};
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::{get, post};
use axum::{Json, Router};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// The default number of webhooks on a page.
const PAGE: usize = 100;
/// The largest number of webhooks on a page.
const MAX_PAGE: usize = 1000;

/// What the routes need: the log, and who is asked.
#[derive(Clone)]
pub(in crate::server) struct Quarantine {
    pub(in crate::server) log: LateLog,
    pub(in crate::server) source: Arc<dyn CustomerSource>,
}

impl Quarantine {
    fn log(&self) -> Result<&EventLog, Refusal> {
        let starting = || Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "starting", "the event log is not open yet");
        self.log.get().map(AsRef::as_ref).ok_or_else(starting)
    }
}

/// Its routes.
pub(super) fn router(quarantine: Quarantine) -> Router {
    Router::new()
        .route("/quarantine", get(list))
        .route("/quarantine/retry", post(retry))
        .route("/quarantine/dismiss", post(dismiss))
        .with_state(quarantine)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PageAsked {
    after: Option<String>,
    limit: Option<usize>,
}

/// A page of the quarantine.
#[derive(Serialize)]
struct Page {
    webhooks: Vec<Shown>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_after: Option<String>,
}

/// One webhook.
#[derive(Serialize)]
struct Shown {
    id: String,
    r#type: String,
    sent_at: Option<Timestamp>,
    quarantined_at: Timestamp,
    reason: String,
    field_names: Vec<String>,
    customer_id: Option<String>,
}

impl From<Quarantined> for Shown {
    fn from(webhook: Quarantined) -> Self {
        let Quarantined { id, kind, timestamp, quarantined_at, reason, field_names, customer } = webhook;
        Self {
            id: id.to_string(),
            r#type: kind,
            sent_at: timestamp,
            quarantined_at,
            reason,
            field_names,
            customer_id: customer.map(|customer| customer.to_string()),
        }
    }
}

async fn list(
    State(quarantine): State<Quarantine>,
    Asked(PageAsked { after, limit }): Asked<PageAsked>,
) -> Result<Json<Page>, Refusal> {
    let after = after.as_deref().map(id).transpose()?;
    let limit = limit.unwrap_or(PAGE);
    if !(1..=MAX_PAGE).contains(&limit) {
        return Err(Refusal::bad_request(format!("limit must be from 1 to {MAX_PAGE}")));
    }
    let webhooks = quarantine.log()?.quarantine().page(after.as_ref(), limit).await.map_err(log_failed)?;
    let next_after = webhooks.last().filter(|_| webhooks.len() == limit).map(|webhook| webhook.id.to_string());
    Ok(Json(Page { webhooks: webhooks.into_iter().map(Shown::from).collect(), next_after }))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Named {
    id: String,
}

/// What came of asking Grid.
#[derive(Serialize)]
struct RetriedShown {
    id: String,
    customer_id: String,
    status: Option<String>,
    outcome: &'static str,
}

async fn retry(
    State(quarantine): State<Quarantine>,
    Body(Named { id: text }): Body<Named>,
) -> Result<Json<RetriedShown>, Refusal> {
    let id = id(&text)?;
    let retried = quarantine::retry(quarantine.log()?, quarantine.source.as_ref(), &id).await;
    let Retried { customer, status, outcome } = retried.map_err(not_retried)?;
    let outcome = outcome.as_str();
    tracing::info!(webhook = %id, %customer, outcome, "Grid was asked in its place: taken out of quarantine");
    let status = status.map(|status| status.to_string());
    Ok(Json(RetriedShown { id: text, customer_id: customer.to_string(), status, outcome }))
}

async fn dismiss(
    State(quarantine): State<Quarantine>,
    Body(Named { id: text }): Body<Named>,
) -> Result<StatusCode, Refusal> {
    let id = id(&text)?;
    if quarantine.log()?.quarantine().remove(&id).await.map_err(log_failed)? {
        tracing::info!(webhook = %id, "dismissed from quarantine");
        Ok(StatusCode::NO_CONTENT)
    } else {
        Err(not_retried(RetryError::NotThere))
    }
}

fn id(text: &str) -> Result<ObservationId, Refusal> {
    ObservationId::parse(text).map_err(|error| Refusal::bad_request(error.to_string()))
}

fn log_failed(error: LogError) -> Refusal {
    Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "log_unavailable", error.to_string())
}

fn not_retried(error: RetryError) -> Refusal {
    let (status, code) = match &error {
        RetryError::NotThere => (StatusCode::NOT_FOUND, "not_in_quarantine"),
        RetryError::NoCustomer => (StatusCode::CONFLICT, "no_customer"),
        RetryError::NoStatus => (StatusCode::BAD_GATEWAY, "no_status"),
        RetryError::Ask(AskError::Log(_)) => (StatusCode::SERVICE_UNAVAILABLE, "log_unavailable"),
        RetryError::Ask(AskError::Source(SourceError::NotFound | SourceError::Gone)) => {
            (StatusCode::CONFLICT, "customer_unknown")
        }
        RetryError::Ask(AskError::Source(SourceError::RateLimited { .. } | SourceError::Unavailable)) => {
            (StatusCode::SERVICE_UNAVAILABLE, "grid_unavailable")
        }
        RetryError::Ask(AskError::Source(SourceError::Refused | SourceError::Unusable)) => {
            (StatusCode::BAD_GATEWAY, "grid_refused")
        }
    };
    Refusal::new(status, code, error.to_string())
}
