//! The filters of a stream or a list.

use crate::grid::model;
use crate::kyc::event::{Event, Outcome, Subject};
use crate::pb;
use crate::rpc::Violations;
use crate::rpc::open_enum::RequestWord as _;

/// Which kinds of events, and with which statuses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Filter {
    customers: bool,
    verifications: bool,
    /// Grid's words; empty means all.
    statuses: Vec<model::KycStatus>,
    /// Grid's words; empty means all.
    verification_statuses: Vec<model::VerificationStatus>,
    /// Empty means all.
    outcomes: Vec<Outcome>,
}

impl Filter {
    /// Reads the filters that streams and lists share. All outcomes pass.
    pub(super) fn read(
        kinds: Vec<i32>,
        statuses: Vec<i32>,
        verification_statuses: Vec<i32>,
        violations: &mut Violations,
    ) -> Self {
        let mut filter = Self {
            customers: kinds.is_empty(),
            verifications: kinds.is_empty(),
            statuses: Vec::new(),
            verification_statuses: Vec::new(),
            outcomes: Vec::new(),
        };
        for (index, kind) in kinds.into_iter().enumerate() {
            match pb::KycEventKind::try_from(kind) {
                Ok(pb::KycEventKind::CustomerStatus) => filter.customers = true,
                Ok(pb::KycEventKind::Verification) => filter.verifications = true,
                Ok(pb::KycEventKind::Unspecified) | Err(_) => no_value(violations, "kinds", index),
            }
        }
        for (index, status) in statuses.into_iter().enumerate() {
            match pb::KycStatus::try_from(status).ok().and_then(model::KycStatus::of) {
                Some(word) => filter.statuses.push(word),
                None => no_value(violations, "statuses", index),
            }
        }
        for (index, status) in verification_statuses.into_iter().enumerate() {
            match pb::VerificationStatus::try_from(status).ok().and_then(model::VerificationStatus::of) {
                Some(word) => filter.verification_statuses.push(word),
                None => no_value(violations, "verification_statuses", index),
            }
        }
        filter
    }

    /// Only events with these outcomes.
    pub(super) fn only_outcomes(mut self, outcomes: Vec<Outcome>) -> Self {
        self.outcomes = outcomes;
        self
    }

    /// Whether the caller wants events about customers.
    pub(super) fn wants_customers(&self) -> bool {
        self.customers
    }

    /// Whether the caller wants events about verifications.
    pub(super) fn wants_verifications(&self) -> bool {
        self.verifications
    }

    /// Whether the caller wants this event.
    pub(super) fn wants(&self, event: &Event) -> bool {
        let outcome = self.outcomes.is_empty() || self.outcomes.contains(&event.outcome);
        outcome && self.wants_subject(&event.observation.subject)
    }

    /// Whether the caller wants events about this subject, whatever their outcome.
    pub(super) fn wants_subject(&self, subject: &Subject) -> bool {
        let word = subject.status_word();
        match subject {
            Subject::Customer { .. } => {
                self.customers && (self.statuses.is_empty() || self.statuses.iter().any(|known| known.as_str() == word))
            }
            Subject::Verification { .. } => {
                let statuses = &self.verification_statuses;
                self.verifications && (statuses.is_empty() || statuses.iter().any(|known| known.as_str() == word))
            }
        }
    }
}

fn no_value(violations: &mut Violations, field: &str, index: usize) {
    violations.add(format!("{field}[{index}]"), "is not a value to filter by");
}

/// Reads outcomes to filter by.
pub(super) fn outcomes(numbers: Vec<i32>, violations: &mut Violations) -> Vec<Outcome> {
    let mut outcomes = Vec::new();
    for (index, number) in numbers.into_iter().enumerate() {
        match pb::KycEventOutcome::try_from(number) {
            Ok(pb::KycEventOutcome::Change) => outcomes.push(Outcome::Change),
            Ok(pb::KycEventOutcome::Confirmation) => outcomes.push(Outcome::Confirmation),
            Ok(pb::KycEventOutcome::Superseded) => outcomes.push(Outcome::Superseded),
            Ok(pb::KycEventOutcome::Unresolved) => outcomes.push(Outcome::Unresolved),
            Ok(pb::KycEventOutcome::Unspecified) | Err(_) => no_value(violations, "outcomes", index),
        }
    }
    outcomes
}
