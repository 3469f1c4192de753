//! BeneficialOwnerService: owners, directors and officers of a business.

use tonic::{Request, Response, Status};

use super::error::CUSTOMER;
use super::error::required_id;
use super::field_mask::{self, Masked};
use super::mapping::{At, FromApi as _, IntoApi as _, Reading, mapping};
use super::page::Listed;
use super::{Error, Violations, call, page};
use crate::grid::Client;
use crate::grid::model;
use crate::pb;
use crate::pb::beneficial_owner_service_server::BeneficialOwnerService;

const BENEFICIAL_OWNER: &str = "gridgate.v1.BeneficialOwner";
const UPDATE: &str = "gridgate.v1.BeneficialOwnerUpdate";

/// The implementation of `gridgate.v1.BeneficialOwnerService`.
#[derive(Debug, Clone)]
pub struct BeneficialOwners {
    grid: Client,
}

impl BeneficialOwners {
    /// Answers calls by asking `grid`.
    #[must_use]
    pub fn new(grid: Client) -> Self {
        Self { grid }
    }
}

#[tonic::async_trait]
impl BeneficialOwnerService for BeneficialOwners {
    async fn create_beneficial_owner(
        &self,
        request: Request<pb::CreateBeneficialOwnerRequest>,
    ) -> Result<Response<pb::CreateBeneficialOwnerResponse>, Status> {
        let call = call::of(&request);
        let request = request.into_inner();
        let mut violations = Violations::default();
        let customer_id = violations.id("customer_id", &request.customer_id);
        let mut owner = model::BeneficialOwnerInput::from_api(request, At::TOP, &mut Reading::new(&mut violations));
        let customer_id = violations.finish(customer_id)?;
        owner.customer_id = Some(customer_id.as_str().to_owned());
        let owner =
            self.grid.create_beneficial_owner(&call, &owner).await.map_err(Error::about(CUSTOMER, &customer_id))?;
        Ok(Response::new(pb::CreateBeneficialOwnerResponse { beneficial_owner: Some(owner.into_api()) }))
    }

    async fn get_beneficial_owner(
        &self,
        request: Request<pb::GetBeneficialOwnerRequest>,
    ) -> Result<Response<pb::GetBeneficialOwnerResponse>, Status> {
        let call = call::of(&request);
        let id = required_id("beneficial_owner_id", &request.into_inner().beneficial_owner_id)?;
        let owner = self.grid.get_beneficial_owner(&call, &id).await.map_err(Error::about(BENEFICIAL_OWNER, &id))?;
        Ok(Response::new(pb::GetBeneficialOwnerResponse { beneficial_owner: Some(owner.into_api()) }))
    }

    async fn list_beneficial_owners(
        &self,
        request: Request<pb::ListBeneficialOwnersRequest>,
    ) -> Result<Response<pb::ListBeneficialOwnersResponse>, Status> {
        let call = call::of(&request);
        let pb::ListBeneficialOwnersRequest { page_size, page_token, customer_id } = request.into_inner();
        let mut violations = Violations::default();
        let page = page::request(page_size, page_token, &mut violations);
        let customer_id = violations.id("customer_id", &customer_id);
        let customer_id = violations.finish(customer_id)?;
        let listed = self
            .grid
            .list_beneficial_owners(&call, &customer_id, &page)
            .await
            .map_err(Error::about(CUSTOMER, &customer_id))?;
        let Listed { rows: beneficial_owners, next_page_token, total_size, unreadable_rows, truncated } = listed.into();
        let response = pb::ListBeneficialOwnersResponse {
            beneficial_owners,
            next_page_token,
            total_size,
            unreadable_rows,
            truncated,
        };
        Ok(Response::new(response))
    }

    async fn update_beneficial_owner(
        &self,
        request: Request<pb::UpdateBeneficialOwnerRequest>,
    ) -> Result<Response<pb::UpdateBeneficialOwnerResponse>, Status> {
        let call = call::of(&request);
        let pb::UpdateBeneficialOwnerRequest { beneficial_owner_id, beneficial_owner, update_mask } =
            request.into_inner();
        let mut violations = Violations::default();
        let id = violations.id("beneficial_owner_id", &beneficial_owner_id);
        let owner = beneficial_owner.unwrap_or_default();
        let Masked { message, emptied } = field_mask::apply(UPDATE, owner, update_mask, &mut violations);
        let mut reading = Reading { within: "beneficial_owner.", emptied, violations: &mut violations };
        let changes = model::BeneficialOwnerInput::from_api(message, At::TOP, &mut reading);
        let id = violations.finish(id)?;
        let owner = self
            .grid
            .update_beneficial_owner(&call, &id, &changes)
            .await
            .map_err(Error::about(BENEFICIAL_OWNER, &id))?;
        Ok(Response::new(pb::UpdateBeneficialOwnerResponse { beneficial_owner: Some(owner.into_api()) }))
    }

    async fn delete_beneficial_owner(
        &self,
        request: Request<pb::DeleteBeneficialOwnerRequest>,
    ) -> Result<Response<pb::DeleteBeneficialOwnerResponse>, Status> {
        let call = call::of(&request);
        let id = required_id("beneficial_owner_id", &request.into_inner().beneficial_owner_id)?;
        self.grid.delete_beneficial_owner(&call, &id).await.map_err(Error::about(BENEFICIAL_OWNER, &id))?;
        Ok(Response::new(pb::DeleteBeneficialOwnerResponse {}))
    }
}

mapping! {
    answer pb::BeneficialOwner = model::BeneficialOwner {
        same: id, customer_id, roles, ownership_percentage, personal_info, created_at, updated_at;
        words: kyc_status + kyc_status_raw;
    }
}
mapping! {
    request pb::CreateBeneficialOwnerRequest = model::BeneficialOwnerInput {
        same: roles, ownership_percentage, personal_info;
        unused: customer_id;
        absent: customer_id;
    }
}
mapping! {
    request pb::BeneficialOwnerUpdate = model::BeneficialOwnerInput {
        same: roles, ownership_percentage, personal_info;
        absent: customer_id;
    }
}
mapping! {
    both pb::PersonalInfo = model::PersonalInfo {
        same: first_name, middle_name, last_name, birth_date, nationality, email, phone_number, address, id_type, identifier,
            country_of_issuance;
    }
}
