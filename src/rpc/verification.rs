//! VerificationService: submitting a customer for review, and what stands in the way.

use std::sync::Arc;

use tonic::{Request, Response, Status};

use super::error::CUSTOMER;
use super::error::required_id;
use super::mapping::{At, FromApi as _, IntoApi as _, Reading, mapping};
use super::page::Listed;
use super::{Error, Violations, call, field_path, page};
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
        Ok(Response::new(pb::SubmitVerificationResponse { verification: Some(verification.into_api()) }))
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
        Ok(Response::new(pb::GetVerificationResponse { verification: Some(verification.into_api()) }))
    }

    async fn list_verifications(
        &self,
        request: Request<pb::ListVerificationsRequest>,
    ) -> Result<Response<pb::ListVerificationsResponse>, Status> {
        let call = call::of(&request);
        let mut request = request.into_inner();
        let mut violations = Violations::default();
        let page = page::request(request.page_size, std::mem::take(&mut request.page_token), &mut violations);
        let filter = VerificationFilter::from_api(request, At::TOP, &mut Reading::new(&mut violations));
        violations.check()?;
        let pending = self.responses.begin();
        let listed = self.grid.list_verifications(&call, &filter, &page).await.map_err(Error::from)?;
        listed.data.iter().for_each(|verification| statuses::observe_verification(pending, verification));
        let Listed { rows: verifications, next_page_token, total_size, unreadable_rows, truncated } = listed.into();
        let response =
            pb::ListVerificationsResponse { verifications, next_page_token, total_size, unreadable_rows, truncated };
        Ok(Response::new(response))
    }
}

mapping! {
    answer pb::Verification = model::Verification {
        same: id, customer_id, errors, created_at, updated_at;
        words: verification_status + verification_status_raw;
    }
}
mapping! {
    answer pb::VerificationError = model::VerificationError {
        same: resource_id, r#type, field, accepted_document_types, reason;
        made: field_path = field.as_deref().map(|field| field_path::of_problem(Some(&resource_id), field));
    }
}
mapping! {
    request pb::ListVerificationsRequest = VerificationFilter {
        same: customer_id, verification_status;
        unused: page_size, page_token;
    }
}
