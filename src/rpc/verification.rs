//! VerificationService: submitting a customer for review, and what stands in the way.

use std::sync::Arc;

use tonic::{Request, Response, Status};

use super::customer::CUSTOMER;
use super::error::required_id;
use super::page::Listed;
use super::{Error, Violations, call, field_path, open_enum, page, timestamp};
use crate::grid::model;
use crate::grid::{Client, VerificationFilter};
use crate::kyc::response_observer::ResponseObserver;
use crate::pb;
use crate::pb::verification_service_server::VerificationService;
use crate::statuses;

const VERIFICATION: &str = "gridgate.v1.Verification";

/// The implementation of `gridgate.v1.VerificationService`.
#[derive(Debug, Clone)]
pub struct Verifications {
    grid: Client,
    responses: Arc<ResponseObserver>,
}

impl Verifications {
    /// Answers calls by asking `grid`, and `responses` observes the statuses in its answers.
    #[must_use]
    pub fn new(grid: Client, responses: Arc<ResponseObserver>) -> Self {
        Self { grid, responses }
    }
}

#[tonic::async_trait]
impl VerificationService for Verifications {
    async fn submit_verification(
        &self,
        request: Request<pb::SubmitVerificationRequest>,
    ) -> Result<Response<pb::SubmitVerificationResponse>, Status> {
        let call = call::of(&request);
        let id = required_id("customer_id", &request.into_inner().customer_id)?;
        let submission = model::VerificationRequest { customer_id: id.as_str().to_owned() };
        let pending = self.responses.begin();
        let verification =
            self.grid.submit_verification(&call, &submission).await.map_err(Error::about(CUSTOMER, &id))?;
        statuses::observe_verification(pending, &verification);
        Ok(Response::new(pb::SubmitVerificationResponse { verification: Some(verification.into()) }))
    }

    async fn get_verification(
        &self,
        request: Request<pb::GetVerificationRequest>,
    ) -> Result<Response<pb::GetVerificationResponse>, Status> {
        let call = call::of(&request);
        let id = required_id("verification_id", &request.into_inner().verification_id)?;
        let pending = self.responses.begin();
        let verification = self.grid.get_verification(&call, &id).await.map_err(Error::about(VERIFICATION, &id))?;
        statuses::observe_verification(pending, &verification);
        Ok(Response::new(pb::GetVerificationResponse { verification: Some(verification.into()) }))
    }

    async fn list_verifications(
        &self,
        request: Request<pb::ListVerificationsRequest>,
    ) -> Result<Response<pb::ListVerificationsResponse>, Status> {
        let call = call::of(&request);
        let pb::ListVerificationsRequest { page_size, page_token, customer_id, verification_status } =
            request.into_inner();
        let mut violations = Violations::default();
        let page = page::request(page_size, page_token, &mut violations);
        let status =
            open_enum::read::<pb::VerificationStatus>("verification_status", verification_status, &mut violations);
        violations.check()?;
        let filter = VerificationFilter { customer_id, verification_status: status.word() };
        let pending = self.responses.begin();
        let listed = self.grid.list_verifications(&call, &filter, &page).await.map_err(Error::from)?;
        listed.data.iter().for_each(|verification| statuses::observe_verification(pending, verification));
        let Listed { rows: verifications, next_page_token, total_size, unreadable_rows, truncated } = listed.into();
        let response =
            pb::ListVerificationsResponse { verifications, next_page_token, total_size, unreadable_rows, truncated };
        Ok(Response::new(response))
    }
}

impl From<model::Verification> for pb::Verification {
    fn from(verification: model::Verification) -> Self {
        let model::Verification { id, customer_id, verification_status, errors, created_at, updated_at } = verification;
        let (verification_status, verification_status_raw) =
            open_enum::both::<_, pb::VerificationStatus>(Some(&verification_status), model::VerificationStatus::as_str);
        Self {
            id,
            customer_id,
            verification_status,
            verification_status_raw,
            errors: errors.into_iter().map(Into::into).collect(),
            created_at: created_at.map(timestamp::to_pb),
            updated_at: updated_at.map(timestamp::to_pb),
        }
    }
}

impl From<model::VerificationError> for pb::VerificationError {
    fn from(error: model::VerificationError) -> Self {
        let model::VerificationError { resource_id, error_type, field, accepted_document_types, reason } = error;
        let field_path = field.as_deref().map(|field| field_path::of_problem(Some(&resource_id), field));
        Self {
            resource_id,
            r#type: error_type,
            field,
            field_path,
            accepted_document_types: accepted_document_types.unwrap_or_default(),
            reason,
        }
    }
}
