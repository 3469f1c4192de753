//! How the event log's module asks Grid: its own trait, carried out by the Grid client.

use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use tokio::time::Instant;

use crate::grid::model::{Customer, Verification, VerificationError};
use crate::grid::{Call, Client, CustomerFilter, Error, PageRequest, ResourceId};
use crate::kyc::event::Problem;
use crate::kyc::id::{CustomerId, PlatformCustomerId, VerificationId};
use crate::kyc::source::{CustomerAnswer, CustomerSource, CustomersPage, SourceError, VerificationAnswer};
use crate::kyc::status::{KycStatus, VerificationStatus};

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
        customer_answer(customer).ok_or(SourceError::Refused)
    }

    async fn verification(&self, id: &VerificationId) -> Result<VerificationAnswer, SourceError> {
        let id = ResourceId::parse(id.as_str()).map_err(|_| SourceError::NotFound)?;
        let verification = self.0.get_verification(&Self::call(), &id).await.map_err(|error| source_error(&error))?;
        verification_answer(verification).ok_or(SourceError::Refused)
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
        Ok(CustomersPage { customers: page.data.into_iter().filter_map(customer_answer).collect(), next_cursor })
    }
}

/// What Grid's customer says; none when its id can't be one.
pub(super) fn customer_answer(customer: Customer) -> Option<CustomerAnswer> {
    Some(CustomerAnswer {
        id: CustomerId::parse(&customer.id).ok()?,
        platform_customer: PlatformCustomerId::parse(&customer.platform_customer_id).ok(),
        status: customer.status().map(|status| KycStatus::from_word(status.as_str())),
        deleted: customer.is_deleted.unwrap_or(false),
        updated_at: customer.updated_at,
    })
}

fn verification_answer(verification: Verification) -> Option<VerificationAnswer> {
    let Verification { id, customer_id, verification_status, errors, created_at: _, updated_at } = verification;
    Some(VerificationAnswer {
        id: VerificationId::parse(&id).ok()?,
        customer: CustomerId::parse(&customer_id).ok()?,
        status: VerificationStatus::from_word(verification_status.as_str()),
        problems: errors.iter().map(problem).collect(),
        updated_at,
    })
}

fn problem(error: &VerificationError) -> Problem {
    let VerificationError { resource_id: _, error_type, field, accepted_document_types: _, reason: _ } = error;
    Problem::new(error_type, field.as_deref())
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
