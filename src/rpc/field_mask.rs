//! Update masks: which fields of a message are sent, and which lists are sent empty.
//!
//! The mask is applied by reflection, so a field that the protos gain is known here at once.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt;
use std::sync::LazyLock;

use prost::Message;
use prost_reflect::{DescriptorPool, DynamicMessage, FieldDescriptor, MessageDescriptor, ReflectMessage, Value};

use super::Violations;
use crate::pb;

/// Our own descriptors. They were compiled with this program, so they can be read; a test makes sure.
pub(super) static POOL: LazyLock<Option<DescriptorPool>> =
    LazyLock::new(|| DescriptorPool::decode(pb::FILE_DESCRIPTOR_SET).ok());

/// A message reduced to what its mask names.
pub(super) struct Masked<M> {
    /// What is sent, if it is populated.
    pub(super) message: M,
    /// Paths of the lists that are sent although they are empty.
    pub(super) emptied: Emptied,
}

/// Paths, relative to the masked message, of the lists that are sent although they are empty.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Emptied(BTreeSet<String>);

impl Emptied {
    /// Whether a list is sent although it is empty.
    pub(super) fn has(&self, path: impl fmt::Display) -> bool {
        !self.0.is_empty() && self.0.contains(&path.to_string())
    }
}

/// Reduces `message`, called `name` in the protos, to what `mask` names; without a mask all that is populated is kept.
///
/// A path that does not exist, or names a field without a value, is noted: Grid can't clear a field. So is one into another
/// branch of a oneof than the message has.
pub(super) fn apply<M: Message + Default>(
    name: &str,
    message: M,
    mask: Option<prost_types::FieldMask>,
    violations: &mut Violations,
) -> Masked<M> {
    apply_to(name, None, message, mask, violations)
}

/// The same for a message whose oneof, where it is not set, is known to be about `branch`.
pub(super) fn apply_to<M: Message + Default>(
    name: &str,
    branch: Option<&str>,
    message: M,
    mask: Option<prost_types::FieldMask>,
    violations: &mut Violations,
) -> Masked<M> {
    let paths = mask.map(|mask| mask.paths).unwrap_or_default();
    if paths.is_empty() {
        return Masked { message, emptied: Emptied::default() };
    }
    match reduce(name, branch, &message, &paths, violations) {
        Some((message, emptied)) => Masked { message, emptied },
        None => {
            violations.add("update_mask", "can't be applied");
            Masked { message: M::default(), emptied: Emptied::default() }
        }
    }
}

fn reduce<M: Message + Default>(
    name: &str,
    branch: Option<&str>,
    message: &M,
    paths: &[String],
    violations: &mut Violations,
) -> Option<(M, Emptied)> {
    let descriptor = POOL.as_ref()?.get_message_by_name(name)?;
    let whole = DynamicMessage::decode(descriptor.clone(), message.encode_to_vec().as_slice()).ok()?;
    let mut kept = DynamicMessage::new(descriptor);
    let mut emptied = BTreeSet::new();
    for path in paths {
        match keep(path, branch, &whole, &mut kept) {
            Ok(Kept::Value) => {}
            Ok(Kept::EmptyList) => {
                emptied.insert(path.clone());
            }
            Err(description) => violations.add("update_mask", format!("{path:?} {description}")),
        }
    }
    Some((M::decode(kept.encode_to_vec().as_slice()).ok()?, Emptied(emptied)))
}

enum Kept {
    Value,
    EmptyList,
}

/// Copies what `path` names from `whole` to `kept`, making the messages on the way. Nothing is made for a path that can't
/// be right.
fn keep(
    path: &str,
    mut branch: Option<&str>,
    whole: &DynamicMessage,
    mut kept: &mut DynamicMessage,
) -> Result<Kept, Cow<'static, str>> {
    check(path, &kept.descriptor())?;
    let mut segments = path.split('.').peekable();
    let mut whole = Some(whole);
    while let Some(segment) = segments.next() {
        let field = kept.descriptor().get_field_by_name(segment).ok_or(UNKNOWN)?;
        // Setting one branch of a oneof would clear the other.
        if let Some(other) = other_branch(&field, whole, kept, branch.take()) {
            return Err(format!("contradicts {other}: a request is about one of the two").into());
        }
        let value = whole.and_then(|message| populated(message, &field));
        if segments.peek().is_none() {
            return match value {
                Some(value) => {
                    kept.set_field(&field, value.clone());
                    Ok(Kept::Value)
                }
                None if field.is_list() => Ok(Kept::EmptyList),
                None => Err(NO_VALUE.into()),
            };
        }
        whole = value.and_then(Value::as_message);
        kept = kept.get_field_mut(&field).as_message_mut().ok_or(UNKNOWN)?;
    }
    Err("is empty".into())
}

const UNKNOWN: &str = "is not a field that can be updated";
const NO_VALUE: &str = "has no value in the request, and Grid can't clear a field";

/// Whether a path leads to a field: through messages of the API alone, since a list and a time come whole.
fn check(path: &str, message: &MessageDescriptor) -> Result<(), &'static str> {
    let (segment, rest) = path.split_once('.').map_or((path, None), |(segment, rest)| (segment, Some(rest)));
    let field = message.get_field_by_name(segment).ok_or(UNKNOWN)?;
    let Some(rest) = rest else { return Ok(()) };
    match field.kind().as_message() {
        Some(nested) if !field.is_list() && nested.package_name() == message.package_name() => check(rest, nested),
        _ => Err("goes on after a field that comes whole"),
    }
}

/// The branch that the field's oneof has instead of the field: in the message, as `implied`, or by an earlier path.
fn other_branch(
    field: &FieldDescriptor,
    whole: Option<&DynamicMessage>,
    kept: &DynamicMessage,
    implied: Option<&str>,
) -> Option<String> {
    let oneof = field.containing_oneof()?;
    let set = |message: &DynamicMessage| oneof.fields().find(|branch| message.has_field(branch));
    let chosen = whole
        .and_then(set)
        .or_else(|| oneof.fields().find(|branch| Some(branch.name()) == implied))
        .or_else(|| set(kept))?;
    (chosen != *field).then(|| chosen.name().to_owned())
}

/// The value of a field; none for a message that says nothing.
fn populated<'a>(message: &'a DynamicMessage, field: &FieldDescriptor) -> Option<&'a Value> {
    if !message.has_field(field) {
        return None;
    }
    let (_, value) = message.fields().find(|(known, _)| known.number() == field.number())?;
    let is_of_api = |inner: &DynamicMessage| inner.descriptor().package_name() == message.descriptor().package_name();
    match value {
        Value::Message(inner) if is_of_api(inner) => says_something(inner).then_some(value),
        _ => Some(value),
    }
}

fn says_something(message: &DynamicMessage) -> bool {
    message.fields().any(|(field, _)| populated(message, &field).is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn update() -> pb::CustomerUpdate {
        pb::CustomerUpdate {
            currencies: vec!["USD".into()],
            email: Some(String::new()),
            address: Some(pb::Address {
                line1: Some("1 Road".into()),
                city: Some("Town".into()),
                ..Default::default()
            }),
            details: Some(pb::customer_update::Details::Individual(pb::IndividualInput {
                full_name: Some("A B".into()),
                edd: Some(pb::CustomerEdd { pep_status: Some("NONE".into()), ..Default::default() }),
                ..Default::default()
            })),
            ..Default::default()
        }
    }

    fn masked(paths: &[&str]) -> (Masked<pb::CustomerUpdate>, Violations) {
        masked_as(None, update(), paths)
    }

    fn masked_as(
        branch: Option<&str>,
        update: pb::CustomerUpdate,
        paths: &[&str],
    ) -> (Masked<pb::CustomerUpdate>, Violations) {
        let mut violations = Violations::default();
        let mask = prost_types::FieldMask { paths: paths.iter().map(|&path| path.to_owned()).collect() };
        (apply_to("gridgate.v1.CustomerUpdate", branch, update, Some(mask), &mut violations), violations)
    }

    #[test]
    fn no_mask_keeps_what_is_populated() {
        assert_eq!(masked(&[]).0.message, update());
    }

    #[test]
    fn a_mask_keeps_what_it_names() {
        let (masked, violations) = masked(&["address.city", "individual.edd", "email"]);
        assert!(violations.list().is_empty(), "{violations:?}");
        let details = pb::customer_update::Details::Individual(pb::IndividualInput {
            edd: Some(pb::CustomerEdd { pep_status: Some("NONE".into()), ..Default::default() }),
            ..Default::default()
        });
        let address = pb::Address { city: Some("Town".into()), ..Default::default() };
        let expected = pb::CustomerUpdate {
            email: Some(String::new()),
            address: Some(address),
            details: Some(details),
            ..Default::default()
        };
        assert_eq!(masked.message, expected);
    }

    #[test]
    fn an_empty_list_that_is_named_is_sent() {
        let path = "business.business_info.countries_of_operation";
        let mut violations = Violations::default();
        let mask = prost_types::FieldMask { paths: vec![path.to_owned(), "currencies".to_owned()] };
        let Masked { message, emptied } =
            apply("gridgate.v1.CustomerUpdate", pb::CustomerUpdate::default(), Some(mask), &mut violations);
        assert!(violations.list().is_empty());
        assert!(emptied.has(path));
        assert!(emptied.has("currencies"));
        assert!(!emptied.has("individual.edd.source_of_funds_categories"));
        assert!(matches!(
            message.details,
            Some(pb::customer_update::Details::Business(pb::BusinessInput { business_info: Some(_) }))
        ));
    }

    #[test]
    fn paths_that_can_t_be_right_are_named() {
        for path in [
            "",
            "*",
            "nope",
            "email.x",
            "phone_number",
            "individual.birth_date",
            "business",
            "currencies.x",
            "address..city",
            "agreement_consents.type",
            "end_user_terms_consent.accepted_at.seconds",
            "details",
        ] {
            let (_, violations) = masked(&[path]);
            assert_eq!(violations.list().len(), 1, "{path:?}");
            assert_eq!(violations.list()[0].field, "update_mask");
            assert!(violations.list()[0].description.contains(&format!("{path:?}")), "{violations:?}");
        }
    }

    #[test]
    fn a_path_into_another_branch_is_named_and_drops_nothing() {
        const PERSON: &str = "individual.edd.source_of_funds_categories";
        const COMPANY: &str = "business.business_info.countries_of_operation";
        let empty = pb::CustomerUpdate::default;
        let cases = [
            (None, update(), vec!["individual.full_name", COMPANY], COMPANY),
            (Some("business"), update(), vec!["individual.full_name", COMPANY], COMPANY),
            (Some("individual"), empty(), vec![COMPANY], COMPANY),
            (Some("business"), empty(), vec![PERSON, COMPANY], PERSON),
            (None, empty(), vec![PERSON, COMPANY], COMPANY),
            (None, empty(), vec![COMPANY, PERSON], PERSON),
            (Some("individual"), empty(), vec!["business"], "business"),
        ];
        for (branch, update, paths, bad) in cases {
            let (_, violations) = masked_as(branch, update, &paths);
            let [violation] = violations.list() else { panic!("{paths:?}: {violations:?}") };
            assert!(violation.description.starts_with(&format!("{bad:?} contradicts ")), "{violation:?}");
        }
        let (masked, violations) = masked_as(Some("individual"), empty(), &[PERSON, "individual.birth_date", PERSON]);
        assert_eq!(violations.list().len(), 1, "no value: {violations:?}");
        assert!(masked.emptied.has(PERSON));
    }

    #[test]
    fn paths_may_overlap_and_repeat() {
        for paths in [
            ["individual.edd", "individual.edd.pep_status", "individual.full_name"],
            ["individual.full_name", "individual.edd.pep_status", "individual"],
            ["individual", "individual", "individual.full_name"],
        ] {
            let (masked, violations) = masked(&paths);
            assert!(violations.list().is_empty(), "{violations:?}");
            assert_eq!(masked.message, pb::CustomerUpdate { details: update().details, ..Default::default() });
        }
    }

    #[test]
    fn a_message_that_says_nothing_has_no_value() {
        let nothing = pb::CustomerUpdate {
            address: Some(pb::Address::default()),
            details: Some(pb::customer_update::Details::Business(pb::BusinessInput {
                business_info: Some(pb::BusinessInfo::default()),
            })),
            ..Default::default()
        };
        for path in ["address", "business", "business.business_info"] {
            let (_, violations) = masked_as(None, nothing.clone(), &[path]);
            assert!(violations.list()[0].description.contains("has no value"), "{path}: {violations:?}");
        }
        let at_the_beginning = pb::CustomerUpdate {
            end_user_terms_consent: Some(pb::EndUserTermsConsent {
                accepted_at: Some(prost_types::Timestamp::default()),
                ..Default::default()
            }),
            ..Default::default()
        };
        for path in ["end_user_terms_consent", "end_user_terms_consent.accepted_at"] {
            let (masked, violations) = masked_as(None, at_the_beginning.clone(), &[path]);
            assert!(violations.list().is_empty(), "1970 is a time: {violations:?}");
            assert_eq!(masked.message, at_the_beginning);
        }
    }
}
