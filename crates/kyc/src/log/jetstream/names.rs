//! Names in NATS: of streams, of the subjects of entities, of keys, and message ids.
//!
//! Ids may hold dots, wildcards and spaces, which have a meaning in NATS; so they are encoded as base64url.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::options::OpenError;
use crate::id::{EntityKey, ObservationId};

/// The names of a log's streams.
#[derive(Debug, Clone)]
pub(super) struct Names {
    pub(super) prefix: String,
}

impl Names {
    pub(super) fn new(prefix: &str) -> Result<Self, OpenError> {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
        if prefix.is_empty() || prefix.len() > 32 || !prefix.bytes().all(plain) {
            return Err(OpenError::Prefix);
        }
        Ok(Self { prefix: prefix.to_owned() })
    }

    pub(super) fn events(&self) -> String {
        format!("{}-events", self.prefix)
    }

    pub(super) fn heads(&self) -> String {
        format!("{}-heads", self.prefix)
    }

    /// The subject of an entity's events.
    pub(super) fn event_subject(&self, entity: &EntityKey) -> String {
        format!("{}.{}", self.prefix, of_entity(entity))
    }

    /// The subject of an entity's head.
    pub(super) fn head_subject(&self, entity: &EntityKey) -> String {
        format!("{}.head.{}", self.prefix, of_entity(entity))
    }

    /// A subject of messages that are no events.
    pub(super) fn filler_subject(&self, name: &str) -> String {
        format!("{}.gap.{name}", self.prefix)
    }

    pub(super) fn bucket(&self, name: &str) -> String {
        format!("{}-{name}", self.prefix)
    }
}

/// The last token of a customer's own subject. A verification's begins with another letter.
const CUSTOMER: &str = "status";

/// `<base64url(customer)>.<entity>`: the end of the subjects of an entity's events and head.
fn of_entity(entity: &EntityKey) -> String {
    let customer = URL_SAFE_NO_PAD.encode(entity.customer.as_str());
    match &entity.verification {
        None => format!("{customer}.{CUSTOMER}"),
        Some(verification) => format!("{customer}.v{}", URL_SAFE_NO_PAD.encode(verification.as_str())),
    }
}

/// The key of an id.
pub(super) fn key(id: &ObservationId) -> String {
    URL_SAFE_NO_PAD.encode(id.as_str())
}

/// The id of a key.
pub(super) fn id_of_key(key: &str) -> Option<ObservationId> {
    let bytes = URL_SAFE_NO_PAD.decode(key).ok()?;
    ObservationId::parse(std::str::from_utf8(&bytes).ok()?).ok()
}

/// The message id of an observation: its own id, if that can be a header.
pub(super) fn message_id(id: &ObservationId) -> String {
    const ENCODED: &str = "base64:";
    let text = id.as_str();
    if text.bytes().all(|byte| byte.is_ascii_graphic()) && !text.starts_with(ENCODED) {
        text.to_owned()
    } else {
        format!("{ENCODED}{}", URL_SAFE_NO_PAD.encode(text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::{CustomerId, VerificationId};

    fn id(text: &str) -> ObservationId {
        ObservationId::parse(text).unwrap()
    }

    #[test]
    fn whatever_an_id_holds_a_subject_has_two_tokens() {
        for text in ["Customer:1", "a.b", "*", ">", " ", "ü", &"x".repeat(256)] {
            let customer = CustomerId::parse(text).unwrap();
            let own = EntityKey::customer(customer.clone());
            let verification = EntityKey::verification(customer, VerificationId::parse(text).unwrap());
            for subject in [of_entity(&own), of_entity(&verification)] {
                assert_eq!(subject.split('.').count(), 2, "{subject}");
                let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
                assert!(subject.bytes().all(plain), "{subject}");
            }
            assert_ne!(of_entity(&own), of_entity(&verification));
        }
    }

    #[test]
    fn message_ids_are_as_different_as_ids() {
        assert_eq!(message_id(&id("Webhook:019542f5")), "Webhook:019542f5");
        let texts = ["a", " a", "a ", "base64:IGE", "IGE", "ü"];
        let ids: std::collections::HashSet<_> = texts.iter().map(|text| message_id(&id(text))).collect();
        assert_eq!(ids.len(), texts.len());
        assert!(ids.iter().all(|id| id.bytes().all(|byte| byte.is_ascii_graphic())));
    }

    #[test]
    fn a_key_gives_its_id_back() {
        assert_eq!(id_of_key(&key(&id("Webhook:ü .>"))), Some(id("Webhook:ü .>")));
        assert_eq!(id_of_key("?"), None);
    }
}
