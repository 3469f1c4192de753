//! Observations, for tests.

use gridgate::kyc::event::{Asker, Basis, Observation, Problem, Subject};
use gridgate::kyc::id::{CustomerId, EntityKey, ObservationId, PlatformCustomerId, VerificationId};
use gridgate::kyc::log::EventLog;
use gridgate::kyc::status::{KycStatus, VerificationStatus};
use jiff::Timestamp;

/// Grid's time number `seconds`; a few hours before the logs' clocks begin.
pub fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_799_990_000 + seconds).unwrap()
}

pub fn customer(name: &str) -> CustomerId {
    CustomerId::parse(&format!("Customer:{name}")).unwrap()
}

pub fn entity(name: &str) -> EntityKey {
    EntityKey::customer(customer(name))
}

pub fn platform(name: &str) -> PlatformCustomerId {
    PlatformCustomerId::parse(name).unwrap()
}

pub fn id(name: &str) -> ObservationId {
    ObservationId::parse(&format!("Webhook:{name}")).unwrap()
}

pub fn status(word: &str) -> Subject {
    Subject::Customer { status: KycStatus::from_word(word), deleted: false }
}

pub fn deleted(word: &str) -> Subject {
    Subject::Customer { status: KycStatus::from_word(word), deleted: true }
}

pub fn verification(name: &str, word: &str, problems: &[(&str, Option<&str>)]) -> Subject {
    let id = VerificationId::parse(&format!("Verification:{name}")).unwrap();
    let problems = problems.iter().map(|(kind, field)| Problem::new(kind, *field)).collect();
    Subject::verification(id, VerificationStatus::from_word(word), problems)
}

/// What a webhook said: its id, the customer, the status, and one time for `updatedAt` and `timestamp`.
pub fn webhook(webhook: &str, of: &str, subject: Subject, time: i64) -> Observation {
    Observation::webhook(id(webhook), Some(at(time)), customer(of), None, subject, Some(at(time)))
}

/// The same, with a platform's id.
pub fn webhook_of(webhook_id: &str, of: &str, platform_id: &str, subject: Subject, time: i64) -> Observation {
    Observation { platform_customer: Some(platform(platform_id)), ..webhook(webhook_id, of, subject, time) }
}

/// What Grid answered to a question asked now.
pub fn answer(log: &EventLog, by: Asker, of: &str, subject: Subject) -> Observation {
    answer_based_on(log.basis(), by, of, subject)
}

/// What Grid answered to a question asked at this point.
pub fn answer_based_on(basis: Basis, by: Asker, of: &str, subject: Subject) -> Observation {
    Observation::asked(by, basis, customer(of), None, subject, None)
}
