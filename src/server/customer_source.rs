//! The event log's questions to Grid, through the Grid client.

use std::sync::atomic::{AtomicU16, Ordering::Relaxed};
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use tokio::time::Instant;

use crate::grid::model::Time;
use crate::grid::{Call, Client, CustomerFilter, Error, PageRequest, ResourceId};
use crate::kyc::id::{CustomerId, VerificationId};
use crate::kyc::source::{CustomerAnswer, CustomerSource, CustomersPage, SourceError, VerificationAnswer};
use crate::statuses::{customer_answer, verification_answer};

/// How long one question may take, retries included.
const TIMEOUT: Duration = Duration::from_secs(10);
/// Customers on a page: Grid's maximum.
const PAGE: u32 = 100;

/// Asks Grid through its client.
pub(super) struct GridSource {
    client: Client,
    /// The status of Grid's last refusal of gridgate's credentials; 0 after any other answer.
    denied: AtomicU16,
}

impl GridSource {
    pub(super) fn new(client: Client) -> Self {
        Self { client, denied: AtomicU16::new(0) }
    }

    fn call() -> Call {
        Call::until(Instant::now() + TIMEOUT)
    }

    /// Converts Grid's answer. Logs a refusal of gridgate's credentials, once; the caller only sees a failure.
    fn answered<T>(&self, answer: Result<T, Error>) -> Result<T, SourceError> {
        let denied = answer.as_ref().err().and_then(Denied::of);
        let status = denied.map_or(0, |denied| denied.status);
        if self.denied.swap(status, Relaxed) != status
            && let Some(Denied { status, why }) = denied
        {
            tracing::warn!(status, "Grid answers none of gridgate's own questions: {why}");
        }
        answer.map_err(|error| source_error(&error))
    }
}

/// Grid rejected gridgate's credentials or permissions, independent of the request.
#[derive(Debug, Clone, Copy)]
pub(super) struct Denied {
    /// 401 or 403.
    status: u16,
    /// The meaning, with the settings to check.
    pub(super) why: &'static str,
}

impl Denied {
    pub(super) fn of(error: &Error) -> Option<Self> {
        let Error::Answered(refusal) = error else { return None };
        let why = match refusal.status {
            401 => "it refuses the API token (GRID_CLIENT_ID, GRID_CLIENT_SECRET)",
            403 => "the API token (GRID_CLIENT_ID) may not read what is asked for",
            _ => return None,
        };
        Some(Self { status: refusal.status, why })
    }
}

#[async_trait]
impl CustomerSource for GridSource {
    async fn customer(&self, id: &CustomerId) -> Result<CustomerAnswer, SourceError> {
        let id = ResourceId::parse(id.as_str()).map_err(|_| SourceError::NotFound)?;
        let customer = self.answered(self.client.get_customer(&Self::call(), &id).await)?;
        customer_answer(&customer).ok_or(SourceError::Unusable)
    }

    async fn verification(&self, id: &VerificationId) -> Result<VerificationAnswer, SourceError> {
        let id = ResourceId::parse(id.as_str()).map_err(|_| SourceError::NotFound)?;
        let verification = self.answered(self.client.get_verification(&Self::call(), &id).await)?;
        verification_answer(&verification).ok_or(SourceError::Unusable)
    }

    async fn customers(
        &self,
        updated_after: Option<Timestamp>,
        cursor: Option<&str>,
    ) -> Result<CustomersPage, SourceError> {
        let filter = CustomerFilter {
            updated_after: updated_after.map(Time::from),
            is_including_deleted: Some(true),
            ..CustomerFilter::default()
        };
        let request = PageRequest { limit: PAGE, cursor: cursor.map(str::to_owned) };
        let page = self.answered(self.client.list_customers(&Self::call(), &filter, &request).await)?;
        let is_truncated = page.has_more && page.next_cursor.is_none();
        // A row that cannot be read is skipped; the client's observer counts and logs it.
        let customers = page.data.iter().filter_map(customer_answer).collect();
        Ok(CustomersPage { customers, next_cursor: page.next_cursor, is_truncated })
    }
}

fn source_error(error: &Error) -> SourceError {
    match error {
        Error::Answered(refusal) => match refusal.status {
            404 => SourceError::NotFound,
            410 => SourceError::Gone,
            429 => SourceError::RateLimited { retry_after: refusal.retry_after },
            500..=599 => SourceError::Unavailable,
            401 | 403 => SourceError::Refused,
            _ => SourceError::Unusable,
        },
        Error::Redirected { .. } => SourceError::Refused,
        Error::Unreadable { .. } => SourceError::Unusable,
        Error::Unreachable { .. }
        | Error::CircuitOpen { .. }
        | Error::Saturated { .. }
        | Error::ReadLost { .. }
        | Error::OutcomeUnknown { .. }
        | Error::UploadBrokenOff { .. }
        | Error::DeadlineExceeded { .. } => SourceError::Unavailable,
    }
}
