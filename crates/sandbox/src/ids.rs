//! Grid's ids: a word that says what it is, and a UUIDv7.

use uuid::Uuid;

/// What an id is of; the word before the colon.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum IdKind {
    Customer,
    BeneficialOwner,
    Document,
    Verification,
    Job,
    Webhook,
    Request,
    PlatformConfig,
}

impl IdKind {
    pub(super) fn prefix(self) -> &'static str {
        match self {
            Self::Customer => "Customer",
            Self::BeneficialOwner => "BeneficialOwner",
            Self::Document => "Document",
            Self::Verification => "Verification",
            Self::Job => "Job",
            Self::Webhook => "Webhook",
            Self::Request => "Request",
            Self::PlatformConfig => "PlatformConfig",
        }
    }

    /// A new id, such as `Customer:019542f5-b3e7-7d02-8000-000000000001`.
    pub(super) fn new_id(self) -> String {
        format!("{}:{}", self.prefix(), Uuid::now_v7())
    }

    /// Whether an id is of this kind.
    pub(super) fn names(self, id: &str) -> bool {
        id.split_once(':').is_some_and(|(prefix, _)| prefix == self.prefix())
    }
}
