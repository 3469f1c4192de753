//! Creating a customer, so that one call makes one customer whatever happens on the way.

use uuid::Uuid;

use crate::grid::client::{Call, Client, Request};
use crate::grid::model::{Customer, CustomerInput};
use crate::grid::{Error, Operation};

/// What a creation is known by, where the platform gives no `platformCustomerId` of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CreateKey {
    /// The caller's `request_id`: the same one again means the same customer.
    RequestId(Uuid),
    /// One made up for this call.
    Generated,
}

impl Client {
    /// Creates a customer (`POST /customers`).
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn create_customer(
        &self,
        call: &Call,
        mut customer: CustomerInput,
        key: CreateKey,
    ) -> Result<Customer, Error> {
        if customer.platform_customer_id.is_none() {
            let id = match key {
                CreateKey::RequestId(id) => id,
                CreateKey::Generated => Uuid::new_v4(),
            };
            customer.platform_customer_id = Some(id.to_string());
        }
        self.json(call, Request::new(Operation::CreateCustomer, None).json(&customer)).await
    }
}
