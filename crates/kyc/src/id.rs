//! Names of things: customers, verifications, observations, and places in the log.
//!
//! Ids are shared strings, so that an event that a thousand streams hold is one copy of its text.

use std::fmt;
use std::sync::Arc;

use uuid::Uuid;

/// Why a text is not an id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidId {
    /// It is empty.
    #[error("the id is empty")]
    Empty,
    /// It is longer than any id may be.
    #[error("the id is longer than {limit} bytes")]
    TooLong {
        /// The most bytes an id of this kind may have.
        limit: usize,
    },
    /// It has a control character in it.
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
            /// The most bytes an id of this kind may have.
            pub const MAX_BYTES: usize = $limit;

            /// Takes a text as an id.
            ///
            /// # Errors
            /// When it is empty, too long, or contains a control character.
            pub fn parse(text: &str) -> Result<Self, InvalidId> {
                check(text, Self::MAX_BYTES)?;
                Ok(Self(Arc::from(text)))
            }

            /// An id that was checked when it was written down.
            #[allow(dead_code)]
            pub(crate) fn trusted(text: &str) -> Self {
                Self(Arc::from(text))
            }

            /// Its text.
            #[must_use]
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
    /// What tells copies of one observation apart from another: a webhook's id, or one minted here for an answer.
    ObservationId, 256
}

impl ObservationId {
    /// A new id for something Grid answered, which has none of its own.
    #[must_use]
    pub fn mint() -> Self {
        let mut buffer = Uuid::encode_buffer();
        let uuid: &str = Uuid::now_v7().hyphenated().encode_lower(&mut buffer);
        Self(Arc::from(["Answer:", uuid].concat()))
    }
}

/// What a status belongs to: a customer itself, or one of its verifications.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct EntityKey {
    /// The customer.
    pub customer: CustomerId,
    /// The verification of that customer; none for the customer's own status.
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

/// A place in one log: after the event recorded there. Positions grow, and mean nothing in another log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Position(u64);

impl Position {
    /// The place before the first event a log ever held.
    pub const START: Self = Self(0);

    /// The place a log counts as `number`; numbers past `i64::MAX` do not occur.
    #[must_use]
    pub const fn new(number: u64) -> Self {
        Self(number)
    }

    /// The log's own number for it, for storing and for gauges.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }

    /// How many places lie between `earlier` and this one; zero when it is not earlier.
    #[must_use]
    pub const fn ahead_of(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Tells one log from another: a random UUID made with the log, and kept when it is copied elsewhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Epoch(Uuid);

impl Epoch {
    /// The epoch of a new log.
    #[must_use]
    pub fn random() -> Self {
        Self(Uuid::new_v4())
    }

    /// The epoch with this UUID.
    #[must_use]
    pub const fn from_uuid(uuid: Uuid) -> Self {
        Self(uuid)
    }

    /// Its UUID.
    #[must_use]
    pub const fn as_uuid(&self) -> &Uuid {
        &self.0
    }
}

impl fmt::Display for Epoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Which epochs a log answers for: its own, and those of the logs it was copied from, up to where each ended.
///
/// A log that is copied keeps its epoch. One that is restored from a backup, and then goes on by itself, starts an
/// epoch of its own and names the backup's as an ancestor, so that tokens of what was lost are told apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lineage {
    /// The log's own epoch, which new tokens carry.
    pub epoch: Epoch,
    /// Earlier epochs, each with the last position they share with this log.
    pub ancestors: Vec<(Epoch, Position)>,
}

impl Lineage {
    /// The lineage of a log that was copied from nowhere.
    #[must_use]
    pub fn new(epoch: Epoch) -> Self {
        Self { epoch, ancestors: Vec::new() }
    }

    /// Whether `position` of a log with this `epoch` is the same place in this one.
    #[must_use]
    pub fn includes(&self, epoch: Epoch, position: Position) -> bool {
        epoch == self.epoch || self.ancestors.iter().any(|(ancestor, end)| *ancestor == epoch && position <= *end)
    }
}

/// A short digest of the event at a position, to notice that two logs disagree about it. It guards against mix-ups, not
/// against an adversary.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Fingerprint(u64);

impl Fingerprint {
    /// What stands at [`Position::START`], where there is no event.
    pub const NONE: Self = Self(0);

    /// The digest of the observation with this id about this entity (FNV-1a, 64 bits: stable, and the same everywhere).
    #[must_use]
    pub fn of(id: &ObservationId, customer: &CustomerId) -> Self {
        const OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
        const PRIME: u64 = 0x0000_0100_0000_01b3;
        let bytes = id.as_str().bytes().chain([0]).chain(customer.as_str().bytes());
        Self(bytes.fold(OFFSET, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(PRIME)))
    }

    /// The digest with these bits.
    #[must_use]
    pub(crate) const fn from_bits(bits: u64) -> Self {
        Self(bits)
    }

    /// Its bits.
    #[must_use]
    pub(crate) const fn to_bits(self) -> u64 {
        self.0
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
