//! The statuses in Grid's answers to calls, on their way to the event log.

use crate::grid::model::{Customer, Time, Verification, VerificationError};
use crate::grid::{Error, ResourceId};
use crate::kyc::event::Problem;
use crate::kyc::id::{CustomerId, PlatformCustomerId, VerificationId};
use crate::kyc::source::{CustomerAnswer, VerificationAnswer};
use crate::kyc::status::{KycStatus, VerificationStatus};
use crate::kyc::witness::{Question, Seen};

/// What Grid's customer says; none when its id can't be one, or nobody can read whether it is deleted.
#[must_use]
pub fn customer_answer(customer: &Customer) -> Option<CustomerAnswer> {
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

/// What Grid's verification says; none when its ids can't be ids, or it has no status.
#[must_use]
pub fn verification_answer(verification: &Verification) -> Option<VerificationAnswer> {
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
    let VerificationError { resource_id: _, error_type, field, accepted_document_types: _, reason: _ } = error;
    Problem::new(error_type, field.as_deref())
}

/// Tells the witness of a customer in an answer.
pub(super) fn customer(question: Question<'_>, customer: &Customer) {
    if let Some(answer) = customer_answer(customer) {
        question.answered(Seen::Customer(answer));
    }
}

/// Tells the witness of a verification in an answer.
pub(super) fn verification(question: Question<'_>, verification: &Verification) {
    if let Some(answer) = verification_answer(verification) {
        question.answered(Seen::Verification(answer));
    }
}

/// Tells the witness of a customer that was deleted. Grid answers it as it was, or not at all.
pub(super) fn deleted(question: Question<'_>, id: &ResourceId, customer: Option<&Customer>) {
    let answer = match customer.and_then(|as_it_was| answer(as_it_was, true)) {
        Some(answer) => answer,
        None => match CustomerId::parse(id.as_str()) {
            Ok(id) => CustomerAnswer { id, platform_customer: None, status: None, deleted: true, updated_at: None },
            Err(_) => return,
        },
    };
    question.answered(Seen::Customer(answer));
}

/// Tells the witness of a customer that Grid says is gone (410).
pub(super) fn gone(question: Question<'_>, id: &ResourceId, error: &Error) {
    if matches!(error, Error::Answered(refusal) if refusal.status == 410) {
        deleted(question, id, None);
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
