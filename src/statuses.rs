//! The statuses in Grid's answers, as the event log takes them.

use crate::grid::model::{Customer, Time, Verification, VerificationError};
use crate::grid::{Error, ResourceId};
use crate::kyc::event::Problem;
use crate::kyc::id::{CustomerId, PlatformCustomerId, VerificationId};
use crate::kyc::response_observer::{PendingCall, ResponseStatus};
use crate::kyc::source::{CustomerAnswer, VerificationAnswer};
use crate::kyc::status::{KycStatus, VerificationStatus};

/// A customer; none when its id is invalid, or `isDeleted` unreadable.
pub(crate) fn customer_answer(customer: &Customer) -> Option<CustomerAnswer> {
    answer(customer, customer.is_deleted.unwrap_or(Some(false))?)
}

fn answer(customer: &Customer, deleted: bool) -> Option<CustomerAnswer> {
    let word = customer.status().map(|status| status.as_str()).filter(|word| !word.is_empty());
    Some(CustomerAnswer {
        id: CustomerId::parse(&customer.id).ok()?,
        platform_customer: PlatformCustomerId::parse(&customer.platform_customer_id).ok(),
        status: word.map(KycStatus::from_word),
        deleted,
        updated_at: customer.updated_at.map(Time::clamped),
    })
}

/// A verification; none when its ids are invalid, or it has no status.
pub(crate) fn verification_answer(verification: &Verification) -> Option<VerificationAnswer> {
    let Verification { id, customer_id, verification_status, errors, created_at: _, updated_at } = verification;
    let word = Some(verification_status.as_str()).filter(|word| !word.is_empty())?;
    Some(VerificationAnswer {
        id: VerificationId::parse(id).ok()?,
        customer: CustomerId::parse(customer_id).ok()?,
        status: VerificationStatus::from_word(word),
        problems: errors.iter().map(problem).collect(),
        updated_at: updated_at.map(Time::clamped),
    })
}

fn problem(error: &VerificationError) -> Problem {
    let VerificationError { resource_id: _, r#type, field, accepted_document_types: _, reason: _ } = error;
    Problem::new(r#type, field.as_deref())
}

/// Observes a customer in an answer to a caller.
pub(crate) fn observe_customer(call: PendingCall<'_>, customer: &Customer) {
    if let Some(answer) = customer_answer(customer) {
        call.observe(ResponseStatus::Customer(answer));
    }
}

/// Observes a verification in an answer to a caller.
pub(crate) fn observe_verification(call: PendingCall<'_>, verification: &Verification) {
    if let Some(answer) = verification_answer(verification) {
        call.observe(ResponseStatus::Verification(answer));
    }
}

/// Observes that a customer was deleted. Grid answers with the customer as it was, or with nothing.
pub(crate) fn observe_deleted(call: PendingCall<'_>, id: &ResourceId, customer: Option<&Customer>) {
    let answer = match customer.and_then(|as_it_was| answer(as_it_was, true)) {
        Some(answer) => answer,
        None => match CustomerId::parse(id.as_str()) {
            Ok(id) => CustomerAnswer { id, platform_customer: None, status: None, deleted: true, updated_at: None },
            Err(_) => return,
        },
    };
    call.observe(ResponseStatus::Customer(answer));
}

/// Observes that a customer is gone, if that is what Grid answered (410).
pub(crate) fn observe_gone(call: PendingCall<'_>, id: &ResourceId, error: &Error) {
    if matches!(error, Error::Answered(refusal) if refusal.status == 410) {
        observe_deleted(call, id, None);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn a_customer_that_may_be_deleted_is_not_observed() {
        let deleted = |is_deleted: Value| {
            let json = json!({ "id": "Customer:1", "kycStatus": "APPROVED", "isDeleted": is_deleted });
            customer_answer(&serde_json::from_value(json).unwrap()).map(|answer| answer.deleted)
        };
        for (yes, no) in [(json!(true), json!(false)), (json!("true"), json!("false"))] {
            assert_eq!((deleted(yes), deleted(no)), (Some(true), Some(false)));
        }
        assert_eq!(deleted(Value::Null), Some(false));
        for unreadable in [json!(1), json!(0), json!("yes"), json!(""), json!([]), json!({ "at": "2025" })] {
            assert_eq!(deleted(unreadable.clone()), None, "{unreadable}");
        }
        assert_eq!(
            customer_answer(&Customer { id: "Customer:1".to_owned(), ..Customer::default() }).map(|a| a.deleted),
            Some(false)
        );
    }
}
