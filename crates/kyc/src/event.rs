//! What is recorded: observations of a status, and the events they become.
//!
//! None of it holds personal data: ids, kinds, statuses, times, the types of verification errors and the paths of the
//! fields they are about. Times are compared and kept to the microsecond.

use jiff::Timestamp;

use super::id::{CustomerId, EntityKey, Fingerprint, ObservationId, PlatformCustomerId, Position, VerificationId};
use super::status::{KycStatus, VerificationStatus, at_most};

/// One thing that stands in the way of a verification: its type and the path of the field, as Grid names them.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Problem {
    /// Type, such as `MISSING_FIELD`.
    pub kind: Box<str>,
    /// Path of the field, in Grid's notation, where it is about one.
    pub field: Option<Box<str>>,
}

impl Problem {
    /// How many problems of one verification are kept.
    pub const MAX_KEPT: usize = 64;

    /// A problem of this type, about this field; texts longer than 64 and 256 bytes are cut.
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
        /// Whether it is deleted.
        deleted: bool,
    },
    /// One of the customer's verifications.
    Verification {
        /// Grid's id of it.
        id: VerificationId,
        /// How far it is.
        status: VerificationStatus,
        /// What stands in its way (sorted, each once, at most [`Problem::MAX_KEPT`]); empty also where nothing was said.
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
    #[must_use]
    pub fn status_word(&self) -> &str {
        match self {
            Self::Customer { status, deleted: _ } => status.as_str(),
            Self::Verification { id: _, status, problems: _ } => status.as_str(),
        }
    }

    /// Whether the status is a decision: approved or rejected.
    #[must_use]
    pub fn is_decision(&self) -> bool {
        match self {
            Self::Customer { status, deleted: _ } => status.is_decision(),
            Self::Verification { id: _, status, problems: _ } => status.is_decision(),
        }
    }

    /// Whether nothing more is to come: approved, rejected, or deleted.
    #[must_use]
    pub fn is_settled(&self) -> bool {
        self.is_decision() || self.is_deleted()
    }

    /// Whether the customer is deleted; a verification never is.
    #[must_use]
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
            Self::Customer { status, deleted } => Self::Customer { status: status.clone(), deleted: *deleted },
            Self::Verification { id, status, problems: _ } => {
                Self::Verification { id: id.clone(), status: status.clone(), problems: Box::default() }
            }
        }
    }

    /// The verification it is about, if it is about one.
    #[must_use]
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
    /// A caller: the status was in the answer to its call.
    Call,
    /// The resolver, in doubt.
    Resolver,
    /// The reconciler, looking for what no webhook said.
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

    /// One word for it: `webhook`, `answer`, `resolver` or `reconciler`.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Webhook => "webhook",
            Self::Asked(Asker::Call) => "answer",
            Self::Asked(Asker::Resolver) => "resolver",
            Self::Asked(Asker::Reconciler) => "reconciler",
        }
    }

    /// The source of this [`word`](Self::word), if it is one.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|source| source.word() == word)
    }
}

/// What was known before Grid was asked; see [`EventLog::basis`](super::log::EventLog::basis), and read it *before*
/// sending the request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Basis {
    /// The end of the log then: everything up to here had happened before Grid answered.
    pub knowing: Position,
    /// When that was, by our clock.
    pub at: Timestamp,
}

/// How an observation came about, and what that says about its place in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// Grid said so by itself, at a time of Grid's clock that may be early, late or repeated.
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
    /// Where it came from.
    #[must_use]
    pub fn source(&self) -> Source {
        match self {
            Self::Webhook { timestamp: _ } => Source::Webhook,
            Self::Asked { by, basis: _ } => Source::Asked(*by),
        }
    }

    /// When a webhook was sent, by Grid's clock.
    #[must_use]
    pub fn timestamp(&self) -> Option<Timestamp> {
        match self {
            Self::Webhook { timestamp } => *timestamp,
            Self::Asked { by: _, basis: _ } => None,
        }
    }

    /// What was known before asking, if Grid was asked.
    #[must_use]
    pub fn basis(&self) -> Option<Basis> {
        match self {
            Self::Webhook { timestamp: _ } => None,
            Self::Asked { by: _, basis } => Some(*basis),
        }
    }
}

/// Something that was seen of an entity's status.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Observation {
    /// Tells copies of it apart from others: the webhook's id, or a minted one.
    pub id: ObservationId,
    /// The customer.
    pub customer: CustomerId,
    /// The platform's id of the customer, where it was said. The log fills it in from the customer's head otherwise.
    pub platform_customer: Option<PlatformCustomerId>,
    /// What was seen.
    pub subject: Subject,
    /// Grid's `updatedAt` of it; can lag behind the status.
    pub updated_at: Option<Timestamp>,
    /// How it came about.
    pub origin: Origin,
}

impl Observation {
    /// What a webhook said.
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

    /// What Grid answered, with an id of its own.
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

    /// What the status belongs to.
    #[must_use]
    pub fn entity(&self) -> EntityKey {
        EntityKey { customer: self.customer.clone(), verification: self.subject.verification_id().cloned() }
    }
}

/// What an observation meant when it was recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// The head says so already.
    Confirmation,
    /// The head moved; watchers hear it.
    Change,
    /// It is older than the head; nothing moved.
    Superseded,
    /// Neither: Grid has to be asked; nothing moved yet.
    Unresolved,
}

impl Outcome {
    /// Every outcome.
    pub const ALL: [Self; 4] = [Self::Confirmation, Self::Change, Self::Superseded, Self::Unresolved];

    /// One word for it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Confirmation => "confirmation",
            Self::Change => "change",
            Self::Superseded => "superseded",
            Self::Unresolved => "unresolved",
        }
    }
}

/// An observation, where the log has it, and what it meant there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// Where the log has it.
    pub position: Position,
    /// What was seen.
    pub observation: Observation,
    /// What it meant.
    pub outcome: Outcome,
    /// What the head said before, without problems; of the same kind as the observation's. None for an entity's first event.
    pub previous: Option<Subject>,
    /// For an answer that settled a doubt: the observation that had raised it.
    pub cause: Option<ObservationId>,
    /// When it was recorded, by our clock; never less than the event's before it.
    pub recorded_at: Timestamp,
}

impl Event {
    /// Whether it is a change that decides: to approved or rejected.
    #[must_use]
    pub fn decides(&self) -> bool {
        match self.outcome {
            Outcome::Change => self.observation.subject.is_decision(),
            Outcome::Confirmation | Outcome::Superseded | Outcome::Unresolved => false,
        }
    }

    /// When it happened, as well as anyone said: the time the webhook was sent, else Grid's `updatedAt`, else the time of
    /// asking.
    #[must_use]
    pub fn happened_at(&self) -> Timestamp {
        let Observation { origin, updated_at, .. } = &self.observation;
        let asked_at = origin.basis().map(|basis| basis.at);
        origin.timestamp().or(*updated_at).or(asked_at).unwrap_or(self.recorded_at)
    }

    /// The digest that resume tokens carry.
    #[must_use]
    pub fn fingerprint(&self) -> Fingerprint {
        Fingerprint::of(&self.observation.id, &self.observation.customer)
    }
}
