//! How the event log's module asks Grid: its own trait, carried out by the Grid client.

use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use tokio::time::Instant;

use crate::grid::{Call, Client, CustomerFilter, Error, PageRequest, ResourceId};
use crate::kyc::id::{CustomerId, VerificationId};
use crate::kyc::source::{CustomerAnswer, CustomerSource, CustomersPage, SourceError, VerificationAnswer};
use crate::rpc::{customer_answer, verification_answer};

/// How long Grid may take to answer, repetitions included.
const PATIENCE: Duration = Duration::from_secs(10);
/// Customers listed at once: Grid's most.
const PAGE: u32 = 100;

/// Asks Grid through its client.
pub(super) struct GridSource(pub(super) Client);

impl GridSource {
    fn call() -> Call {
        Call::until(Instant::now() + PATIENCE)
    }
}

#[async_trait]
impl CustomerSource for GridSource {
    async fn customer(&self, id: &CustomerId) -> Result<CustomerAnswer, SourceError> {
        let id = ResourceId::parse(id.as_str()).map_err(|_| SourceError::NotFound)?;
        let customer = self.0.get_customer(&Self::call(), &id).await.map_err(|error| source_error(&error))?;
        customer_answer(&customer).ok_or(SourceError::Refused)
    }

    async fn verification(&self, id: &VerificationId) -> Result<VerificationAnswer, SourceError> {
        let id = ResourceId::parse(id.as_str()).map_err(|_| SourceError::NotFound)?;
        let verification = self.0.get_verification(&Self::call(), &id).await.map_err(|error| source_error(&error))?;
        verification_answer(&verification).ok_or(SourceError::Refused)
    }

    async fn customers(
        &self,
        updated_after: Option<Timestamp>,
        cursor: Option<&str>,
    ) -> Result<CustomersPage, SourceError> {
        let filter = CustomerFilter { updated_after, is_including_deleted: Some(true), ..CustomerFilter::default() };
        let request = PageRequest { limit: PAGE, cursor: cursor.map(str::to_owned) };
        let page =
            self.0.list_customers(&Self::call(), &filter, &request).await.map_err(|error| source_error(&error))?;
        let next_cursor = page.next_cursor.filter(|_| page.has_more);
        // A row that can't be understood says nothing of the others.
        Ok(CustomersPage { customers: page.data.iter().filter_map(customer_answer).collect(), next_cursor })
    }
}

fn source_error(error: &Error) -> SourceError {
    match error {
        Error::Answered(refusal) => match refusal.status {
            404 => SourceError::NotFound,
            410 => SourceError::Gone,
            429 => SourceError::RateLimited { retry_after: refusal.retry_after },
            500..=599 => SourceError::Unavailable,
            _ => SourceError::Refused,
        },
        Error::Redirected { .. } | Error::Unreadable { .. } => SourceError::Refused,
        Error::Unreachable { .. }
        | Error::CircuitOpen { .. }
        | Error::Saturated { .. }
        | Error::ReadLost { .. }
        | Error::OutcomeUnknown { .. }
        | Error::UploadBrokenOff { .. }
        | Error::DeadlineExceeded { .. } => SourceError::Unavailable,
    }
}
