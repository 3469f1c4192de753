//! Owners, directors and officers of a business.

use crate::client::{Call, Client, Request};
use crate::model::{BeneficialOwner, BeneficialOwnerInput, Page};
use crate::{Error, Operation, PageRequest, ResourceId};

impl Client {
    /// Adds an owner to a business (`POST /beneficial-owners`). Sent once.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn create_beneficial_owner(
        &self,
        call: &Call,
        owner: &BeneficialOwnerInput,
    ) -> Result<BeneficialOwner, Error> {
        self.json(call, Request::new(Operation::CreateBeneficialOwner, None).json(owner)).await
    }

    /// Reads an owner (`GET /beneficial-owners/{id}`).
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn get_beneficial_owner(&self, call: &Call, id: &ResourceId) -> Result<BeneficialOwner, Error> {
        self.json(call, Request::new(Operation::GetBeneficialOwner, Some(id))).await
    }

    /// Reads a page of a business's owners (`GET /beneficial-owners`); Grid requires the customer.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn list_beneficial_owners(
        &self,
        call: &Call,
        customer_id: &ResourceId,
        page: &PageRequest,
    ) -> Result<Page<BeneficialOwner>, Error> {
        let mut query = vec![("customerId", customer_id.as_str().to_owned())];
        page.append_to(&mut query);
        let listed: Page<_> = self.json(call, Request::new(Operation::ListBeneficialOwners, None).query(query)).await?;
        Ok(listed.after(page.cursor.as_deref()))
    }

    /// Changes an owner (`PATCH /beneficial-owners/{id}`). Repeated where its outcome is lost.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn update_beneficial_owner(
        &self,
        call: &Call,
        id: &ResourceId,
        changes: &BeneficialOwnerInput,
    ) -> Result<BeneficialOwner, Error> {
        self.json(call, Request::new(Operation::UpdateBeneficialOwner, Some(id)).json(changes)).await
    }

    /// Takes an owner off a business (`DELETE /beneficial-owners/{id}`).
    ///
    /// Repeated where its outcome is lost; a repetition that is answered 404 or 410 is a success.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn delete_beneficial_owner(&self, call: &Call, id: &ResourceId) -> Result<(), Error> {
        let request = Request::new(Operation::DeleteBeneficialOwner, Some(id));
        self.send_deletion(call, request, |_| Ok(())).await.map(|_| ())
    }
}
