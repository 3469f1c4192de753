//! BeneficialOwnerService: owners, directors and officers of a business.

use tonic::{Request, Response, Status};

use super::customer::CUSTOMER;
use super::error::required_id;
use super::field_mask::{self, Emptied, Masked};
use super::page::Listed;
use super::{Error, Violations, call, open_enum, page, timestamp};
use crate::grid::Client;
use crate::grid::model;
use crate::pb;
use crate::pb::beneficial_owner_service_server::BeneficialOwnerService;

const BENEFICIAL_OWNER: &str = "gridgate.v1.BeneficialOwner";

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
        let pb::CreateBeneficialOwnerRequest { customer_id, roles, ownership_percentage, personal_info } =
            request.into_inner();
        let customer_id = required_id("customer_id", &customer_id)?;
        let owner = model::BeneficialOwnerInput {
            customer_id: Some(customer_id.as_str().to_owned()),
            roles: Emptied::default().list("roles", roles),
            ownership_percentage,
            personal_info: personal_info.map(Into::into),
        };
        let owner =
            self.grid.create_beneficial_owner(&call, &owner).await.map_err(Error::about(CUSTOMER, &customer_id))?;
        Ok(Response::new(pb::CreateBeneficialOwnerResponse { beneficial_owner: Some(owner.into()) }))
    }

    async fn get_beneficial_owner(
        &self,
        request: Request<pb::GetBeneficialOwnerRequest>,
    ) -> Result<Response<pb::GetBeneficialOwnerResponse>, Status> {
        let call = call::of(&request);
        let id = required_id("beneficial_owner_id", &request.into_inner().beneficial_owner_id)?;
        let owner = self.grid.get_beneficial_owner(&call, &id).await.map_err(Error::about(BENEFICIAL_OWNER, &id))?;
        Ok(Response::new(pb::GetBeneficialOwnerResponse { beneficial_owner: Some(owner.into()) }))
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
        let changes = update(beneficial_owner.unwrap_or_default(), update_mask, &mut violations);
        let id = violations.finish(id)?;
        let owner = self
            .grid
            .update_beneficial_owner(&call, &id, &changes)
            .await
            .map_err(Error::about(BENEFICIAL_OWNER, &id))?;
        Ok(Response::new(pb::UpdateBeneficialOwnerResponse { beneficial_owner: Some(owner.into()) }))
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

fn update(
    owner: pb::BeneficialOwnerUpdate,
    mask: Option<prost_types::FieldMask>,
    violations: &mut Violations,
) -> model::BeneficialOwnerInput {
    let Masked { message, emptied } = field_mask::apply("gridgate.v1.BeneficialOwnerUpdate", owner, mask, violations);
    let pb::BeneficialOwnerUpdate { roles, ownership_percentage, personal_info } = message;
    model::BeneficialOwnerInput {
        customer_id: None,
        roles: emptied.list("roles", roles),
        ownership_percentage,
        personal_info: personal_info.map(Into::into),
    }
}

impl From<pb::PersonalInfo> for model::PersonalInfo {
    fn from(person: pb::PersonalInfo) -> Self {
        let pb::PersonalInfo {
            first_name,
            middle_name,
            last_name,
            birth_date,
            nationality,
            email,
            phone_number,
            address,
            id_type,
            identifier,
            country_of_issuance,
        } = person;
        Self {
            first_name,
            middle_name,
            last_name,
            birth_date,
            nationality,
            email,
            phone_number,
            address: address.map(Into::into),
            id_type,
            identifier,
            country_of_issuance,
        }
    }
}

impl From<model::PersonalInfo> for pb::PersonalInfo {
    fn from(person: model::PersonalInfo) -> Self {
        let model::PersonalInfo {
            first_name,
            middle_name,
            last_name,
            birth_date,
            nationality,
            email,
            phone_number,
            address,
            id_type,
            identifier,
            country_of_issuance,
        } = person;
        Self {
            first_name,
            middle_name,
            last_name,
            birth_date,
            nationality,
            email,
            phone_number,
            address: address.map(Into::into),
            id_type,
            identifier,
            country_of_issuance,
        }
    }
}

impl From<model::BeneficialOwner> for pb::BeneficialOwner {
    fn from(owner: model::BeneficialOwner) -> Self {
        let model::BeneficialOwner {
            id,
            customer_id,
            roles,
            ownership_percentage,
            personal_info,
            kyc_status,
            created_at,
            updated_at,
        } = owner;
        let (kyc_status, kyc_status_raw) =
            open_enum::both::<_, pb::KycStatus>(kyc_status.as_ref(), model::KycStatus::as_str);
        Self {
            id,
            customer_id,
            roles,
            ownership_percentage,
            personal_info: personal_info.map(Into::into),
            kyc_status,
            kyc_status_raw,
            created_at: created_at.map(timestamp::to_pb),
            updated_at: updated_at.map(timestamp::to_pb),
        }
    }
}
