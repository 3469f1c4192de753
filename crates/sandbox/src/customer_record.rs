//! From what a request said to the customer that is kept.

use super::state::CustomerRow;
use gridgate_grid::model::{Customer, CustomerInput, CustomerType};

/// A customer of whom nothing is known but the ids.
pub(super) fn blank_row(id: String, platform_customer_id: String, customer_type: CustomerType) -> CustomerRow {
    let is_deleted = Some(Some(false));
    let customer = Customer { id, platform_customer_id, customer_type, is_deleted, ..Customer::default() };
    CustomerRow { customer, identifier: None, wallet: None }
}

/// Changes the fields of a customer that the input says something about.
pub(super) fn apply(input: CustomerInput, row: &mut CustomerRow) {
    let CustomerInput { customer_type: _, platform_customer_id: _, profile, mut individual, business_info } = input;
    // The number is never answered.
    row.identifier = individual.identifier.take().or_else(|| row.identifier.take());
    row.customer.profile.merge(profile);
    row.customer.individual.merge(individual);
    if let Some(info) = business_info {
        row.customer.business_info.get_or_insert_default().merge(info);
    }
}
