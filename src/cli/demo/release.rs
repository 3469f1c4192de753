//! Which of Grid's releases the demo plays: its API and its sandbox's rules have changed since August 2026.

use crate::pb;
use clap::ValueEnum;

/// A month whose Grid is played.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub(super) enum Release {
    /// The sandbox decides about individuals when they are created. Steps that need what came later are left out.
    #[value(name = "2026-08")]
    August,
    /// The sandbox decides when a verification is complete.
    #[value(name = "2026-09")]
    September,
}

impl Release {
    /// The status of a new individual whom August's rules give this one.
    pub(super) fn at_creation(self, in_august: pb::KycStatus) -> pb::KycStatus {
        match self {
            Release::August => in_august,
            Release::September => pb::KycStatus::Unverified,
        }
    }

    /// The status of a complete verification that a reviewer has to decide.
    pub(super) fn under_review(self) -> pb::VerificationStatus {
        match self {
            Release::August => pb::VerificationStatus::PendingManualReview,
            Release::September => pb::VerificationStatus::InProgress,
        }
    }
}
