//! CustomerService: customers, links to the hosted verification, contact verification, bulk imports.

mod existing;
mod import;
mod input;
mod mapping;

use std::sync::Arc;

use tonic::{Request, Response, Status, Streaming};
use uuid::Uuid;

use super::error::{CUSTOMER, Resource, required_id};
use super::mapping::{At, FromApi as _, IntoApi as _, Reading};
use super::page::Listed;
use super::{Error, Violations, call, page};
use crate::grid::model::{ContactVerificationConfirm, KycLinkRequest};
use crate::grid::{Client, CreateKey, CustomerFilter, UpdateOutcome};
use crate::kyc::response_observer::ResponseObserver;
use crate::pb;
use crate::pb::customer_service_server::CustomerService;
use crate::statuses;
use existing::Claims;

const IMPORT_JOB: &str = "gridgate.v1.ImportJob";

/// The implementation of `gridgate.v1.CustomerService`.
#[derive(Debug, Clone)]
pub struct Customers {
    grid: Client,
    responses: Arc<ResponseObserver>,
}

impl Customers {
    /// Answers calls by asking `grid`, and `responses` observes the statuses in its answers.
    #[must_use]
    pub fn new(grid: Client, responses: Arc<ResponseObserver>) -> Self {
        Self { grid, responses }
    }
}

#[tonic::async_trait]
impl CustomerService for Customers {
    async fn create_customer(
        &self,
        request: Request<pb::CreateCustomerRequest>,
    ) -> Result<Response<pb::CreateCustomerResponse>, Status> {
        let call = call::of(&request);
        let request = request.into_inner();
        let mut violations = Violations::default();
        let request_id = violations.request_id(request.request_id.as_deref());
        let input = input::create(request, &mut violations);
        let input = violations.finish(input)?;
        let key = request_id.map_or(CreateKey::Generated, CreateKey::RequestId);
        let pending = self.responses.begin();
        let claims = Claims::of(&input, request_id);
        let customer = match self.grid.create_customer(&call, input, key).await {
            Ok(customer) => customer,
            Err(error) => return Err(claims.explain(&self.grid, &call, error, None).await.into()),
        };
        statuses::observe_customer(pending, &customer);
        Ok(Response::new(pb::CreateCustomerResponse { customer: Some(customer.into_api()) }))
    }

    async fn get_customer(
        &self,
        request: Request<pb::GetCustomerRequest>,
    ) -> Result<Response<pb::GetCustomerResponse>, Status> {
        let call = call::of(&request);
        let id = required_id("customer_id", &request.into_inner().customer_id)?;
        let pending = self.responses.begin();
        let answer = self.grid.get_customer(&call, &id).await;
        let answer = answer.inspect_err(|error| statuses::observe_gone(pending, &id, error));
        let customer = answer.map_err(Error::about(CUSTOMER, &id))?;
        statuses::observe_customer(pending, &customer);
        Ok(Response::new(pb::GetCustomerResponse { customer: Some(customer.into_api()) }))
    }

    async fn list_customers(
        &self,
        request: Request<pb::ListCustomersRequest>,
    ) -> Result<Response<pb::ListCustomersResponse>, Status> {
        let call = call::of(&request);
        let mut request = request.into_inner();
        let mut violations = Violations::default();
        let page = page::request(request.page_size, std::mem::take(&mut request.page_token), &mut violations);
        let filter = CustomerFilter::from_api(request, At::TOP, &mut Reading::new(&mut violations));
        violations.check()?;
        let pending = self.responses.begin();
        let listed = self.grid.list_customers(&call, &filter, &page).await.map_err(Error::from)?;
        listed.data.iter().for_each(|customer| statuses::observe_customer(pending, customer));
        let Listed { rows: customers, next_page_token, total_size, unreadable_rows, truncated } = listed.into();
        let response = pb::ListCustomersResponse { customers, next_page_token, total_size, unreadable_rows, truncated };
        Ok(Response::new(response))
    }

    async fn update_customer(
        &self,
        request: Request<pb::UpdateCustomerRequest>,
    ) -> Result<Response<pb::UpdateCustomerResponse>, Status> {
        let call = call::of(&request);
        let pb::UpdateCustomerRequest {
            customer_id,
            customer_type,
            customer,
            update_mask,
            challenge_id,
            wallet_signature,
        } = request.into_inner();
        let mut violations = Violations::default();
        let id = violations.id("customer_id", &customer_id);
        let changes = input::update(customer_type, customer, update_mask, &mut violations);
        let signed = input::signed_retry(challenge_id, wallet_signature, &mut violations);
        let (id, changes) = violations.finish(id.zip(changes))?;
        let pending = self.responses.begin();
        let outcome = match self.grid.update_customer(&call, &id, &changes, signed).await {
            Ok(outcome) => outcome,
            Err(error) => {
                let about = Some(Box::new(Resource::new(CUSTOMER, id.as_str())));
                return Err(Claims::of(&changes, None).explain(&self.grid, &call, error, about).await.into());
            }
        };
        let result = match outcome {
            UpdateOutcome::Updated(customer) => {
                statuses::observe_customer(pending, &customer);
                pb::update_customer_response::Result::Customer((*customer).into_api())
            }
            UpdateOutcome::Challenge(challenge) => {
                pb::update_customer_response::Result::Challenge(challenge.into_api())
            }
        };
        Ok(Response::new(pb::UpdateCustomerResponse { result: Some(result) }))
    }

    async fn delete_customer(
        &self,
        request: Request<pb::DeleteCustomerRequest>,
    ) -> Result<Response<pb::DeleteCustomerResponse>, Status> {
        let call = call::of(&request);
        let id = required_id("customer_id", &request.into_inner().customer_id)?;
        let pending = self.responses.begin();
        let answer = self.grid.delete_customer(&call, &id).await;
        let answer = answer.inspect_err(|error| statuses::observe_gone(pending, &id, error));
        let customer = answer.map_err(Error::about(CUSTOMER, &id))?;
        statuses::observe_deleted(pending, &id, customer.as_deref());
        Ok(Response::new(pb::DeleteCustomerResponse { customer: customer.map(|customer| (*customer).into_api()) }))
    }

    async fn create_kyc_link(
        &self,
        request: Request<pb::CreateKycLinkRequest>,
    ) -> Result<Response<pb::CreateKycLinkResponse>, Status> {
        let call = call::of(&request);
        let pb::CreateKycLinkRequest { customer_id, redirect_uri, request_id } = request.into_inner();
        let mut violations = Violations::default();
        let key = violations.request_id(request_id.as_deref()).unwrap_or_else(Uuid::new_v4);
        let id = violations.id("customer_id", &customer_id);
        let id = violations.finish(id)?;
        let link = self
            .grid
            .create_kyc_link(&call, &id, &KycLinkRequest { redirect_uri }, key)
            .await
            .map_err(Error::about(CUSTOMER, &id))?;
        Ok(Response::new(pb::CreateKycLinkResponse { kyc_link: Some(link.into_api()) }))
    }

    async fn send_email_verification(
        &self,
        request: Request<pb::SendEmailVerificationRequest>,
    ) -> Result<Response<pb::SendEmailVerificationResponse>, Status> {
        let call = call::of(&request);
        let id = required_id("customer_id", &request.into_inner().customer_id)?;
        self.grid.send_email_verification(&call, &id).await.map_err(Error::about(CUSTOMER, &id))?;
        Ok(Response::new(pb::SendEmailVerificationResponse {}))
    }

    async fn confirm_email_verification(
        &self,
        request: Request<pb::ConfirmEmailVerificationRequest>,
    ) -> Result<Response<pb::ConfirmEmailVerificationResponse>, Status> {
        let call = call::of(&request);
        let pb::ConfirmEmailVerificationRequest { customer_id, code } = request.into_inner();
        let id = required_id("customer_id", &customer_id)?;
        let confirm = ContactVerificationConfirm { code };
        let pending = self.responses.begin();
        let customer =
            self.grid.confirm_email_verification(&call, &id, &confirm).await.map_err(Error::about(CUSTOMER, &id))?;
        statuses::observe_customer(pending, &customer);
        let customer = Some(mapping::base(customer));
        Ok(Response::new(pb::ConfirmEmailVerificationResponse { customer }))
    }

    async fn send_phone_verification(
        &self,
        request: Request<pb::SendPhoneVerificationRequest>,
    ) -> Result<Response<pb::SendPhoneVerificationResponse>, Status> {
        let call = call::of(&request);
        let id = required_id("customer_id", &request.into_inner().customer_id)?;
        self.grid.send_phone_verification(&call, &id).await.map_err(Error::about(CUSTOMER, &id))?;
        Ok(Response::new(pb::SendPhoneVerificationResponse {}))
    }

    async fn confirm_phone_verification(
        &self,
        request: Request<pb::ConfirmPhoneVerificationRequest>,
    ) -> Result<Response<pb::ConfirmPhoneVerificationResponse>, Status> {
        let call = call::of(&request);
        let pb::ConfirmPhoneVerificationRequest { customer_id, code } = request.into_inner();
        let id = required_id("customer_id", &customer_id)?;
        let confirm = ContactVerificationConfirm { code };
        let pending = self.responses.begin();
        let customer =
            self.grid.confirm_phone_verification(&call, &id, &confirm).await.map_err(Error::about(CUSTOMER, &id))?;
        statuses::observe_customer(pending, &customer);
        let customer = Some(mapping::base(customer));
        Ok(Response::new(pb::ConfirmPhoneVerificationResponse { customer }))
    }

    async fn import_customers(
        &self,
        request: Request<Streaming<pb::ImportCustomersRequest>>,
    ) -> Result<Response<pb::ImportCustomersResponse>, Status> {
        let call = call::of(&request);
        let response = import::stream_through(&self.grid, &call, request.into_inner()).await?;
        Ok(Response::new(response))
    }

    async fn get_import_job(
        &self,
        request: Request<pb::GetImportJobRequest>,
    ) -> Result<Response<pb::GetImportJobResponse>, Status> {
        let call = call::of(&request);
        let id = required_id("job_id", &request.into_inner().job_id)?;
        let job = self.grid.get_import_job(&call, &id).await.map_err(Error::about(IMPORT_JOB, &id))?;
        Ok(Response::new(pb::GetImportJobResponse { import_job: Some(job.into_api()) }))
    }

    async fn list_agreements(
        &self,
        request: Request<pb::ListAgreementsRequest>,
    ) -> Result<Response<pb::ListAgreementsResponse>, Status> {
        let call = call::of(&request);
        let listed = self.grid.list_agreements(&call).await.map_err(Error::from)?;
        let agreements = listed.data.into_api();
        let unreadable_rows = listed.unreadable_rows.into_iter().map(Into::into).collect();
        Ok(Response::new(pb::ListAgreementsResponse { agreements, unreadable_rows }))
    }

    async fn get_end_user_terms(
        &self,
        request: Request<pb::GetEndUserTermsRequest>,
    ) -> Result<Response<pb::GetEndUserTermsResponse>, Status> {
        let call = call::of(&request);
        let terms = self.grid.get_end_user_terms(&call).await.map_err(Error::from)?;
        Ok(Response::new(pb::GetEndUserTermsResponse { end_user_terms: Some(terms.into_api()) }))
    }
}
