//! Identifiers: of customers, verifications and observations, and of positions in a log.
//!
//! Ids are shared strings: an event that a thousand streams hold has one copy of its text.

use std::fmt;
use std::sync::Arc;

use uuid::Uuid;

/// Why a text is not an id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[allow(missing_docs, reason = "the messages document the variants")]
pub enum InvalidId {
    #[error("the id is empty")]
    Empty,
    #[error("the id is longer than {limit} bytes")]
    TooLong { limit: usize },
    #[error("the id contains a control character")]
    ControlCharacter,
}

fn check(text: &str, limit: usize) -> Result<(), InvalidId> {
    if text.is_empty() {
        Err(InvalidId::Empty)
    } else if text.len() > limit {
        Err(InvalidId::TooLong { limit })
    } else if text.chars().any(char::is_control) {
        Err(InvalidId::ControlCharacter)
    } else {
        Ok(())
    }
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $limit:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(Arc<str>);

        impl $name {
            /// The longest id of this kind, in bytes.
            pub const MAX_BYTES: usize = $limit;

            /// Checks a text.
            ///
            /// # Errors
            /// When it is empty, too long, or contains a control character.
            pub fn parse(text: &str) -> Result<Self, InvalidId> {
                check(text, Self::MAX_BYTES)?;
                Ok(Self(Arc::from(text)))
            }

            /// An id that was checked before it was stored.
            #[allow(dead_code, reason = "not every kind of id is stored")]
            pub(crate) fn trusted(text: &str) -> Self {
                Self(Arc::from(text))
            }

            /// The text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl std::borrow::Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }
    };
}

id! {
    /// Grid's id of a customer.
    CustomerId, 256
}
id! {
    /// The platform's own id of a customer; several customers can share one.
    PlatformCustomerId, 1024
}
id! {
    /// Grid's id of a verification.
    VerificationId, 256
}
id! {
    /// The id of an observation: the webhook's, or one made here for an answer. Copies of an observation share it.
    ObservationId, 256
}

impl ObservationId {
    /// A new id for an answer of Grid's, which has none.
    #[must_use]
    pub fn mint() -> Self {
        let mut buffer = Uuid::encode_buffer();
        let uuid: &str = Uuid::now_v7().hyphenated().encode_lower(&mut buffer);
        Self(Arc::from(["Answer:", uuid].concat()))
    }
}

/// What has a status: a customer, or one of its verifications.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct EntityKey {
    /// The customer.
    pub customer: CustomerId,
    /// None for the customer's own status.
    pub verification: Option<VerificationId>,
}

impl EntityKey {
    /// The customer's own KYC or KYB status.
    #[must_use]
    pub fn customer(customer: CustomerId) -> Self {
        Self { customer, verification: None }
    }

    /// A verification of a customer.
    #[must_use]
    pub fn verification(customer: CustomerId, verification: VerificationId) -> Self {
        Self { customer, verification: Some(verification) }
    }
}

impl fmt::Display for EntityKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.verification {
            None => write!(f, "{}", self.customer),
            Some(verification) => write!(f, "{} {verification}", self.customer),
        }
    }
}

/// A position in one log. Positions grow from event to event, and mean nothing in another log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Position(u64);

impl Position {
    /// Before the first event of a log.
    pub const START: Self = Self(0);

    /// From the log's own number, at most `i64::MAX`.
    pub const fn new(number: u64) -> Self {
        Self(number)
    }

    /// The log's own number, for storing and for gauges.
    pub const fn get(self) -> u64 {
        self.0
    }

    /// How many positions after `earlier` this one is; zero when it is not after.
    pub const fn ahead_of(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The identity of a log: a random UUID made with it, and kept when the log is copied.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Epoch(Uuid);

impl Epoch {
    /// The epoch of a new log.
    #[must_use]
    pub fn random() -> Self {
        Self(Uuid::new_v4())
    }

    /// The epoch with this UUID.
    pub const fn from_uuid(uuid: Uuid) -> Self {
        Self(uuid)
    }

    /// The UUID.
    pub const fn as_uuid(&self) -> &Uuid {
        &self.0
    }
}

impl fmt::Display for Epoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The epochs whose positions a log accepts: its own, and those of its ancestors up to the last position they share.
///
/// A copied log keeps its epoch. A log restored from a backup that goes on by itself starts a new epoch and names the backup's
/// as an ancestor, so that tokens of the lost events are recognized.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lineage {
    /// The log's own epoch; new tokens carry it.
    pub epoch: Epoch,
    /// Earlier epochs, each with the last position they share with this log.
    pub ancestors: Vec<(Epoch, Position)>,
}

impl Lineage {
    /// The lineage of a log without ancestors.
    #[must_use]
    pub fn new(epoch: Epoch) -> Self {
        Self { epoch, ancestors: Vec::new() }
    }

    /// Whether `position` of the log with this `epoch` is the same position here.
    pub fn includes(&self, epoch: Epoch, position: Position) -> bool {
        epoch == self.epoch || self.ancestors.iter().any(|(ancestor, end)| *ancestor == epoch && position <= *end)
    }
}

/// A short digest of the event at a position, to detect that two logs disagree about it. It protects against mistakes, not
/// against an attacker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Fingerprint(u64);

impl Fingerprint {
    /// At [`Position::START`], where there is no event.
    pub const NONE: Self = Self(0);

    /// The digest of an observation's id and customer (FNV-1a, 64 bits: stable, and the same on every machine).
    #[must_use]
    pub fn of(id: &ObservationId, customer: &CustomerId) -> Self {
        const OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
        const PRIME: u64 = 0x0000_0100_0000_01b3;
        let bytes = id.as_str().bytes().chain([0]).chain(customer.as_str().bytes());
        Self(bytes.fold(OFFSET, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(PRIME)))
    }

    pub(crate) const fn from_bits(bits: u64) -> Self {
        Self(bits)
    }

    pub(crate) const fn to_bits(self) -> u64 {
        self.0
    }
}

/// Which customers are meant: those in either list, or everyone when both are empty.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Scope {
    /// By Grid's id.
    pub customers: Vec<CustomerId>,
    /// By the platform's id.
    pub platform_customers: Vec<PlatformCustomerId>,
}

impl Scope {
    /// Everyone.
    pub const ALL: Self = Self { customers: Vec::new(), platform_customers: Vec::new() };

    /// Whether everyone is meant.
    pub fn is_all(&self) -> bool {
        self.customers.is_empty() && self.platform_customers.is_empty()
    }

    /// Whether this customer is meant.
    pub fn includes(&self, customer: &CustomerId, platform_customer: Option<&PlatformCustomerId>) -> bool {
        self.is_all()
            || self.customers.contains(customer)
            || platform_customer.is_some_and(|id| self.platform_customers.contains(id))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_refuse_what_cannot_be_one() {
        assert_eq!(CustomerId::parse(""), Err(InvalidId::Empty));
        assert_eq!(CustomerId::parse("a\nb"), Err(InvalidId::ControlCharacter));
        assert_eq!(CustomerId::parse(&"x".repeat(257)), Err(InvalidId::TooLong { limit: 256 }));
        assert_eq!(CustomerId::parse("Customer:1").unwrap().as_str(), "Customer:1");
    }

    #[test]
    fn a_lineage_answers_for_its_ancestors_only_as_far_as_they_are_shared() {
        let (own, old, foreign) = (Epoch::random(), Epoch::random(), Epoch::random());
        let lineage = Lineage { epoch: own, ancestors: vec![(old, Position::new(7))] };
        assert!(lineage.includes(own, Position::new(100)));
        assert!(lineage.includes(old, Position::new(7)));
        assert!(!lineage.includes(old, Position::new(8)));
        assert!(!lineage.includes(foreign, Position::START));
    }

    #[test]
    fn a_fingerprint_is_stable_and_tells_events_apart() {
        let customer = CustomerId::trusted("Customer:1");
        let first = Fingerprint::of(&ObservationId::trusted("Webhook:1"), &customer);
        // Tokens outlive processes and versions: this value may not change.
        assert_eq!(first.to_bits(), 0x9b8d_f2d3_3523_4690);
        assert_ne!(first, Fingerprint::of(&ObservationId::trusted("Webhook:2"), &customer));
    }
}
