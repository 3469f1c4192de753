//! Update masks: which fields of a message are sent, and which lists are sent empty.
//!
//! The mask is applied by reflection, so a field that the protos gain is known here at once.

use std::collections::BTreeSet;
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
    /// What is sent of a list: nothing of an empty one, unless the mask names it.
    pub(super) fn list<T>(&self, path: &str, list: Vec<T>) -> Option<Vec<T>> {
        if list.is_empty() && !self.0.contains(path) { None } else { Some(list) }
    }
}

/// Reduces `message`, called `name` in the protos, to what `mask` names; without a mask all that is populated is kept.
///
/// A path that does not exist, or names a field without a value, is noted: Grid can't clear a field.
pub(super) fn apply<M: Message + Default>(
    name: &str,
    message: M,
    mask: Option<prost_types::FieldMask>,
    violations: &mut Violations,
) -> Masked<M> {
    let paths = mask.map(|mask| mask.paths).unwrap_or_default();
    if paths.is_empty() {
        return Masked { message, emptied: Emptied::default() };
    }
    match reduce(name, &message, &paths, violations) {
        Some((message, emptied)) => Masked { message, emptied },
        None => {
            violations.add("update_mask", "can't be applied");
            Masked { message: M::default(), emptied: Emptied::default() }
        }
    }
}

fn reduce<M: Message + Default>(
    name: &str,
    message: &M,
    paths: &[String],
    violations: &mut Violations,
) -> Option<(M, Emptied)> {
    let descriptor = POOL.as_ref()?.get_message_by_name(name)?;
    let whole = DynamicMessage::decode(descriptor.clone(), message.encode_to_vec().as_slice()).ok()?;
    let mut kept = DynamicMessage::new(descriptor);
    let mut emptied = BTreeSet::new();
    for path in paths {
        match keep(path, &whole, &mut kept) {
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

/// Copies what `path` names from `whole` to `kept`, making the messages on the way.
fn keep(path: &str, whole: &DynamicMessage, kept: &mut DynamicMessage) -> Result<Kept, &'static str> {
    let mut segments = path.split('.').peekable();
    let (mut whole, mut kept) = (Some(whole), kept);
    let mut descriptor: MessageDescriptor = kept.descriptor();
    while let Some(segment) = segments.next() {
        let field = descriptor.get_field_by_name(segment).ok_or("is not a field that can be updated")?;
        let value = whole.and_then(|message| populated(message, &field));
        if segments.peek().is_none() {
            return match value {
                Some(value) => {
                    kept.set_field(&field, value.clone());
                    Ok(Kept::Value)
                }
                None if field.is_list() => Ok(Kept::EmptyList),
                None => Err("has no value in the request, and Grid can't clear a field"),
            };
        }
        let nested = field.kind().as_message().filter(|_| !field.is_list()).cloned();
        descriptor = nested.ok_or("goes on after a field that is no message")?;
        whole = value.and_then(Value::as_message);
        kept = kept.get_field_mut(&field).as_message_mut().ok_or("is not a field that can be updated")?;
    }
    Err("is empty")
}

fn populated<'a>(message: &'a DynamicMessage, field: &FieldDescriptor) -> Option<&'a Value> {
    if !message.has_field(field) {
        return None;
    }
    message.fields().find_map(|(known, value)| (known.number() == field.number()).then_some(value))
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
        let mut violations = Violations::default();
        let mask = prost_types::FieldMask { paths: paths.iter().map(|&path| path.to_owned()).collect() };
        (apply("gridgate.v1.CustomerUpdate", update(), Some(mask), &mut violations), violations)
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
        assert_eq!(emptied.list::<String>(path, vec![]), Some(vec![]));
        assert_eq!(emptied.list::<String>("currencies", vec![]), Some(vec![]));
        assert_eq!(emptied.list::<String>("individual.edd.source_of_funds_categories", vec![]), None);
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
        ] {
            let (_, violations) = masked(&[path]);
            assert_eq!(violations.list().len(), 1, "{path:?}");
            assert_eq!(violations.list()[0].field, "update_mask");
            assert!(violations.list()[0].description.contains(&format!("{path:?}")), "{violations:?}");
        }
    }
}
