//! Filters for list requests.

use super::model::{CustomerType, Time, VerificationStatus};

/// A page of a list.
#[derive(Clone, PartialEq, Eq)]
pub struct PageRequest {
    /// At most so many rows, 1 to 100 (Grid's own limits).
    pub limit: u32,
    /// Where the page starts: the `next_cursor` of the page before. Absent: at the beginning.
    pub cursor: Option<String>,
}

/// Omits the cursor: it is opaque and may contain personal data.
impl std::fmt::Debug for PageRequest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { limit, cursor } = self;
        f.debug_struct("PageRequest").field("limit", limit).field("continues", &cursor.is_some()).finish()
    }
}

/// Which customers to list: every filter of `GET /customers`. What is absent does not narrow.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct CustomerFilter {
    /// The platform's id.
    pub platform_customer_id: Option<String>,
    /// Persons or businesses.
    pub customer_type: Option<CustomerType>,
    /// Created at this time or later.
    pub created_after: Option<Time>,
    /// Created at this time or earlier.
    pub created_before: Option<Time>,
    /// Updated at this time or later.
    pub updated_after: Option<Time>,
    /// Updated at this time or earlier.
    pub updated_before: Option<Time>,
    /// Country of the customer's region, ISO 3166-1 alpha-2.
    pub region: Option<String>,
    /// An enabled currency.
    pub currency: Option<String>,
    /// UMA address.
    pub uma_address: Option<String>,
    /// Whether deleted customers are listed too; Grid's default is not.
    pub is_including_deleted: Option<bool>,
}

impl std::fmt::Debug for CustomerFilter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CustomerFilter")
            .field("platform_customer_id", &self.platform_customer_id)
            .field("customer_type", &self.customer_type)
            .field("updated_after", &self.updated_after)
            .finish_non_exhaustive()
    }
}

/// Which verifications to list: every filter of `GET /verifications`. What is absent does not narrow.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct VerificationFilter {
    /// The customer.
    pub customer_id: Option<String>,
    /// How far the verification is.
    pub verification_status: Option<VerificationStatus>,
}

/// Query parameters, in order.
pub(super) type Query = Vec<(&'static str, String)>;

impl PageRequest {
    pub(super) fn append_to(&self, query: &mut Query) {
        let Self { limit, cursor } = self;
        query.push(("limit", limit.to_string()));
        query.extend(cursor.iter().map(|cursor| ("cursor", cursor.clone())));
    }
}

impl CustomerFilter {
    pub(super) fn to_query(&self) -> Query {
        let Self {
            platform_customer_id,
            customer_type,
            created_after,
            created_before,
            updated_after,
            updated_before,
            region,
            currency,
            uma_address,
            is_including_deleted,
        } = self;
        let time = |time: &Option<Time>| time.map(|time| time.to_string());
        let parameters = [
            ("platformCustomerId", platform_customer_id.clone()),
            ("customerType", customer_type.as_ref().map(ToString::to_string)),
            ("createdAfter", time(created_after)),
            ("createdBefore", time(created_before)),
            ("updatedAfter", time(updated_after)),
            ("updatedBefore", time(updated_before)),
            ("region", region.clone()),
            ("currency", currency.clone()),
            ("umaAddress", uma_address.clone()),
            ("isIncludingDeleted", is_including_deleted.map(|yes| yes.to_string())),
        ];
        present(parameters)
    }
}

impl VerificationFilter {
    pub(super) fn to_query(&self) -> Query {
        let Self { customer_id, verification_status } = self;
        present([
            ("customerId", customer_id.clone()),
            ("verificationStatus", verification_status.as_ref().map(ToString::to_string)),
        ])
    }
}

fn present<const N: usize>(parameters: [(&'static str, Option<String>); N]) -> Query {
    parameters.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()
}
