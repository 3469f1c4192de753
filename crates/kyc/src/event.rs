//! What is recorded: observations of a status, and the events they become.
//!
//! Nothing here is personal data: ids, kinds, statuses, times, the types of verification errors and the paths of the fields
//! they are about. Times are compared and kept to the microsecond.

use jiff::Timestamp;

use super::id::{CustomerId, EntityKey, Fingerprint, ObservationId, PlatformCustomerId, Position, VerificationId};
use super::status::{KycStatus, VerificationStatus, at_most};
use super::token::Mark;

/// A problem of a verification: its type and the path of the field, as Grid names them.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Problem {
    /// Type, such as `MISSING_FIELD`.
    pub kind: Box<str>,
    /// Path of the field in Grid's notation, if it is about one.
    pub field: Option<Box<str>>,
}

impl Problem {
    /// How many problems of one verification are kept.
    pub const MAX_KEPT: usize = 64;

    /// Cuts the type after 64 bytes and the path after 256.
    #[must_use]
    pub fn new(kind: &str, field: Option<&str>) -> Self {
        Self { kind: at_most(kind, 64).into(), field: field.map(|field| at_most(field, 256).into()) }
    }
}

/// What a status is of, and the status.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Subject {
    /// The customer itself.
    Customer {
        /// Its KYC or KYB status.
        status: KycStatus,
        /// Whether the customer is deleted.
        deleted: bool,
    },
    /// One of the customer's verifications.
    Verification {
        /// Grid's id of it.
        id: VerificationId,
        /// Its status.
        status: VerificationStatus,
        /// Sorted, each once, at most [`Problem::MAX_KEPT`]; empty also when none were named.
        problems: Box<[Problem]>,
    },
}

impl Subject {
    /// A verification's status; sorts the problems.
    #[must_use]
    pub fn verification(id: VerificationId, status: VerificationStatus, mut problems: Vec<Problem>) -> Self {
        problems.sort_unstable();
        problems.dedup();
        problems.truncate(Problem::MAX_KEPT);
        Self::Verification { id, status, problems: problems.into_boxed_slice() }
    }

    /// Grid's word for the status.
    pub fn status_word(&self) -> &str {
        match self {
            Self::Customer { status, deleted: _ } => status.as_str(),
            Self::Verification { id: _, status, problems: _ } => status.as_str(),
        }
    }

    /// Whether the status is approved or rejected.
    pub fn is_decision(&self) -> bool {
        match self {
            Self::Customer { status, deleted: _ } => status.is_decision(),
            Self::Verification { id: _, status, problems: _ } => status.is_decision(),
        }
    }

    /// Whether no further change is expected: approved, rejected, or deleted.
    pub fn is_settled(&self) -> bool {
        self.is_decision() || self.is_deleted()
    }

    /// Whether the customer is deleted; a verification never is.
    pub fn is_deleted(&self) -> bool {
        match self {
            Self::Customer { status: _, deleted } => *deleted,
            Self::Verification { .. } => false,
        }
    }

    /// The same without problems.
    #[must_use]
    pub fn without_problems(&self) -> Self {
        match self {
            Self::Customer { .. } => self.clone(),
            Self::Verification { id, status, problems: _ } => {
                Self::Verification { id: id.clone(), status: status.clone(), problems: Box::default() }
            }
        }
    }

    /// The verification's problems; none for a customer.
    pub(crate) fn problems(&self) -> &[Problem] {
        match self {
            Self::Customer { .. } => &[],
            Self::Verification { id: _, status: _, problems } => problems,
        }
    }

    /// From the parts in which both stores keep it.
    pub(crate) fn from_parts(
        verification: Option<VerificationId>,
        status: &str,
        deleted: bool,
        problems: Vec<Problem>,
    ) -> Self {
        match verification {
            None => Self::Customer { status: KycStatus::from_word(status), deleted },
            Some(id) => Self::verification(id, VerificationStatus::from_word(status), problems),
        }
    }

    /// The verification's id; none for the customer's own status.
    pub fn verification_id(&self) -> Option<&VerificationId> {
        match self {
            Self::Customer { .. } => None,
            Self::Verification { id, status: _, problems: _ } => Some(id),
        }
    }
}

/// Who asked Grid.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Asker {
    /// A caller of the API: the status was in the answer to its call.
    Call,
    /// The resolver, about a status in doubt.
    Resolver,
    /// The reconciler.
    Reconciler,
}

/// Where an observation came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Source {
    /// A webhook.
    Webhook,
    /// An answer of Grid's.
    Asked(Asker),
}

impl Source {
    /// Every source.
    pub const ALL: [Self; 4] =
        [Self::Webhook, Self::Asked(Asker::Call), Self::Asked(Asker::Resolver), Self::Asked(Asker::Reconciler)];

    /// `webhook`, `answer`, `resolver` or `reconciler`: stored, and a label of metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Webhook => "webhook",
            Self::Asked(Asker::Call) => "answer",
            Self::Asked(Asker::Resolver) => "resolver",
            Self::Asked(Asker::Reconciler) => "reconciler",
        }
    }

    pub(crate) fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|source| source.as_str() == word)
    }
}

/// What was known before Grid was asked. Read [`EventLog::basis`](super::log::EventLog::basis) before sending the request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Basis {
    /// The end of the log: everything up to here had happened before Grid answered.
    pub knowing: Position,
    /// When that was, by our clock.
    pub at: Timestamp,
}

/// How an observation came about, and what that says about its order in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// Grid sent it, at a time of Grid's clock that may be early, late or repeated.
    Webhook {
        /// When Grid sent it.
        timestamp: Option<Timestamp>,
    },
    /// Grid answered it.
    Asked {
        /// Who asked.
        by: Asker,
        /// What was known before asking.
        basis: Basis,
    },
}

impl Origin {
    /// The same as a source.
    pub fn source(&self) -> Source {
        match self {
            Self::Webhook { timestamp: _ } => Source::Webhook,
            Self::Asked { by, basis: _ } => Source::Asked(*by),
        }
    }

    /// When a webhook was sent, by Grid's clock; none for an answer.
    pub fn timestamp(&self) -> Option<Timestamp> {
        match self {
            Self::Webhook { timestamp } => *timestamp,
            Self::Asked { by: _, basis: _ } => None,
        }
    }

    /// What was known before asking; none for a webhook.
    pub fn basis(&self) -> Option<Basis> {
        match self {
            Self::Webhook { timestamp: _ } => None,
            Self::Asked { by: _, basis } => Some(*basis),
        }
    }

    /// The parts in which both stores keep an origin, as an origin; none where an answer lacks its basis.
    pub(crate) fn from_parts(source: Source, timestamp: Option<Timestamp>, basis: Option<Basis>) -> Option<Self> {
        match source {
            Source::Webhook => Some(Self::Webhook { timestamp }),
            Source::Asked(by) => Some(Self::Asked { by, basis: basis? }),
        }
    }
}

/// An observed status.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Observation {
    /// The webhook's id, or one made here for an answer. Copies share it.
    pub id: ObservationId,
    /// The customer.
    pub customer: CustomerId,
    /// The platform's id of the customer. The log fills it in from the customer's head where it is missing.
    pub platform_customer: Option<PlatformCustomerId>,
    /// What was observed.
    pub subject: Subject,
    /// Grid's `updatedAt`; may lag behind the status.
    pub updated_at: Option<Timestamp>,
    /// How it came about.
    pub origin: Origin,
}

impl Observation {
    /// From a webhook.
    #[must_use]
    pub fn webhook(
        id: ObservationId,
        timestamp: Option<Timestamp>,
        customer: CustomerId,
        platform_customer: Option<PlatformCustomerId>,
        subject: Subject,
        updated_at: Option<Timestamp>,
    ) -> Self {
        Self { id, customer, platform_customer, subject, updated_at, origin: Origin::Webhook { timestamp } }
    }

    /// From an answer of Grid's; makes an id for it.
    #[must_use]
    pub fn asked(
        by: Asker,
        basis: Basis,
        customer: CustomerId,
        platform_customer: Option<PlatformCustomerId>,
        subject: Subject,
        updated_at: Option<Timestamp>,
    ) -> Self {
        let origin = Origin::Asked { by, basis };
        Self { id: ObservationId::mint(), customer, platform_customer, subject, updated_at, origin }
    }

    /// What has the status.
    pub fn entity(&self) -> EntityKey {
        EntityKey { customer: self.customer.clone(), verification: self.subject.verification_id().cloned() }
    }
}

/// What an observation meant when it was recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// The head had this status already.
    Confirmation,
    /// The head moved; watchers hear of it.
    Change,
    /// It was older than the head.
    Superseded,
    /// The order is unclear: nothing moved, and Grid has to be asked.
    Unresolved,
}

impl Outcome {
    /// Every outcome.
    pub const ALL: [Self; 4] = [Self::Confirmation, Self::Change, Self::Superseded, Self::Unresolved];

    /// Stored, and a label of metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Confirmation => "confirmation",
            Self::Change => "change",
            Self::Superseded => "superseded",
            Self::Unresolved => "unresolved",
        }
    }

    pub(crate) fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|outcome| outcome.as_str() == word)
    }
}

/// A recorded observation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// Its position in the log.
    pub position: Position,
    /// What was observed.
    pub observation: Observation,
    /// What it meant.
    pub outcome: Outcome,
    /// The head's subject before, without problems. None for an entity's first event.
    pub previous: Option<Subject>,
    /// For an answer that settled a doubt: the observation that raised it.
    pub cause: Option<ObservationId>,
    /// When it was recorded, by our clock.
    pub recorded_at: Timestamp,
}

impl Event {
    /// Whether it is a change to approved or rejected.
    pub fn decides(&self) -> bool {
        match self.outcome {
            Outcome::Change => self.observation.subject.is_decision(),
            Outcome::Confirmation | Outcome::Superseded | Outcome::Unresolved => false,
        }
    }

    /// When it happened, as far as known: when the webhook was sent, else Grid's `updatedAt`, else the time of asking.
    pub fn happened_at(&self) -> Timestamp {
        let Observation { origin, updated_at, .. } = &self.observation;
        let asked_at = origin.basis().map(|basis| basis.at);
        origin.timestamp().or(*updated_at).or(asked_at).unwrap_or(self.recorded_at)
    }

    /// Its digest in resume tokens.
    pub fn fingerprint(&self) -> Fingerprint {
        Fingerprint::of(&self.observation.id, &self.observation.customer)
    }

    /// The mark right after it.
    pub fn mark(&self) -> Mark {
        Mark { position: self.position, fingerprint: self.fingerprint() }
    }
}
