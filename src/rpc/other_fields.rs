//! Fields of Grid's that this API does not name, on their way out and back: JSON as `google.protobuf.Struct`.
//!
//! A field survives the way out and back unchanged, or does not go out: one that a Struct cannot hold exactly is left out as
//! a whole and named, so that no caller sends back half of it.

use std::collections::BTreeMap;

use prost_types::value::Kind;
use prost_types::{ListValue, Struct};
use serde_json::{Map, Number, Value};

use super::Violations;
use crate::grid::model::OtherFields;

/// How deep values nest. A level of JSON is up to three levels of messages, of which decoders take a hundred.
const MAX_DEPTH: usize = 16;
/// How many bytes the other fields of one message have, as JSON.
const MAX_BYTES: usize = 256 * 1024;
/// The whole numbers up to here are those that a double holds exactly.
const MAX_EXACT: u64 = 1 << f64::MANTISSA_DIGITS;

/// The most characters that the name of a field has.
const MAX_NAME: usize = 64;
/// Names that are never passed on, for what is said of them.
const RESERVED: &str = "or is __proto__, prototype or constructor";

/// The bytes that are left for other fields in one message.
pub(super) struct Room(usize);

impl Room {
    /// The room of a message.
    pub(super) fn of_message() -> Self {
        Self(MAX_BYTES)
    }
}

/// Fields on their way out, and the names of those that a Struct cannot hold.
pub(super) fn to_pb(fields: OtherFields, room: &mut Room) -> (Option<Struct>, Vec<String>) {
    let (mut held, mut omitted) = (BTreeMap::new(), Vec::new());
    for (name, value) in fields.0 {
        // The length of its JSON is counted; it is serialised only here, and only for rarely requested fields.
        let bytes = name.len() + value.to_string().len();
        match value_to_pb(&value, MAX_DEPTH) {
            Some(value) if bytes <= room.0 && is_name(&name) => {
                room.0 -= bytes;
                held.insert(name, value);
            }
            Some(_) | None => omitted.push(name),
        }
    }
    ((!held.is_empty()).then_some(Struct { fields: held }), omitted)
}

fn value_to_pb(value: &Value, depth: usize) -> Option<prost_types::Value> {
    let depth = depth.checked_sub(1)?;
    let kind = match value {
        Value::Null => Kind::NullValue(0),
        Value::Bool(truth) => Kind::BoolValue(*truth),
        Value::Number(number) => Kind::NumberValue(exact(number)?),
        Value::String(text) => Kind::StringValue(undamaged(text)?),
        Value::Array(list) => {
            let values = list.iter().map(|value| value_to_pb(value, depth)).collect::<Option<_>>()?;
            Kind::ListValue(ListValue { values })
        }
        Value::Object(object) => {
            let field = |(name, value): (&String, _)| Some((inner_name(name)?, value_to_pb(value, depth)?));
            Kind::StructValue(Struct { fields: object.iter().map(field).collect::<Option<_>>()? })
        }
    };
    Some(prost_types::Value { kind: Some(kind) })
}

/// Whether a part of a text was lost when it was read.
pub(super) fn is_damaged(text: &str) -> bool {
    text.contains(char::REPLACEMENT_CHARACTER)
}

fn undamaged(text: &str) -> Option<String> {
    (!is_damaged(text)).then(|| text.to_owned())
}

/// Whether other fields can have this name at the top, next to those that this API names: nothing in it means more than
/// itself, such as a path, or reads like another letter.
fn is_name(name: &str) -> bool {
    (1..=MAX_NAME).contains(&name.len())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        && !is_of_prototypes(name)
}

/// A name within a value, where it may be handed on.
fn inner_name(name: &str) -> Option<String> {
    undamaged(name).filter(|name| !is_of_prototypes(name))
}

/// Whether a name is, or leads to, what JavaScript takes for the object that others inherit from: fields of that one would
/// appear in every object.
fn is_of_prototypes(name: &str) -> bool {
    name.split(['.', '[', ']', '"', '\'']).any(|part| matches!(part, "__proto__" | "prototype" | "constructor"))
}

/// A number as a double, where that is the same number. One with more digits may have been rounded already: a whole
/// one as great as that, and a fraction.
fn exact(number: &Number) -> Option<f64> {
    let double = number.as_f64().filter(|double| double.is_finite())?;
    if double.fract() == 0.0 {
        return (double.abs() < MAX_EXACT as f64).then_some(double);
    }
    let shortest = format!("{:e}", double.abs());
    let digits = shortest.bytes().take_while(|&byte| byte != b'e').filter(u8::is_ascii_digit).count();
    (digits <= f64::DIGITS as usize).then_some(double)
}

/// Converts additional fields for Grid. Fields that this API names (`named`) are rejected in every spelling, since here
/// they would bypass validation. Violations are reported for the field at `path`.
pub(super) fn from_pb(
    fields: Option<Struct>,
    named: &[&str],
    path: &str,
    room: &mut Room,
    violations: &mut Violations,
) -> OtherFields {
    let mut read = Map::new();
    for (name, value) in fields.unwrap_or_default().fields {
        if named.iter().any(|named| folded(named) == folded(&name)) {
            violations.add(path, "has a field that this API names: set that one, or leave it out if it is output only");
            continue;
        }
        if !is_name(&name) {
            violations
                .add(path, format!("has a field whose name is not 1 to {MAX_NAME} of A-Z, a-z, 0-9 and _, {RESERVED}"));
            continue;
        }
        let Some(value) = value_from_pb(value, MAX_DEPTH) else {
            violations.add(
                path,
                format!(
                    "has a value that nests more than {MAX_DEPTH} deep, is not set, is no finite number, or has a field with a \
                     name that is not passed on, {RESERVED}"
                ),
            );
            continue;
        };
        let bytes = name.len() + value.to_string().len();
        match room.0.checked_sub(bytes) {
            Some(left) => room.0 = left,
            None => violations.add(path, format!("is too large: there are {MAX_BYTES} bytes for all other fields")),
        }
        read.insert(name, value);
    }
    OtherFields(read)
}

/// A name without what readers of JSON may ignore in it.
fn folded(name: &str) -> String {
    name.chars().filter(|character| character.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

fn value_from_pb(value: prost_types::Value, depth: usize) -> Option<Value> {
    let depth = depth.checked_sub(1)?;
    Some(match value.kind? {
        Kind::NullValue(_) => Value::Null,
        Kind::BoolValue(truth) => Value::Bool(truth),
        Kind::NumberValue(double) => Value::Number(number(double)?),
        Kind::StringValue(text) => Value::String(text),
        Kind::ListValue(ListValue { values }) => {
            Value::Array(values.into_iter().map(|value| value_from_pb(value, depth)).collect::<Option<_>>()?)
        }
        Kind::StructValue(Struct { fields }) => {
            let field = |(name, value): (String, _)| Some((inner_name(&name)?, value_from_pb(value, depth)?));
            Value::Object(fields.into_iter().map(field).collect::<Option<_>>()?)
        }
    })
}

/// A double as JSON; a whole one without a fraction, as Grid wrote it.
fn number(double: f64) -> Option<Number> {
    if double.fract() == 0.0 && double.abs() < MAX_EXACT as f64 {
        return Some(Number::from(double as i64));
    }
    Number::from_f64(double)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn fields(value: Value) -> OtherFields {
        let Value::Object(fields) = value else { panic!("no object") };
        OtherFields(fields)
    }

    fn nested(depth: usize) -> Value {
        (1..depth).fold(json!(1), |inner, _| json!([inner]))
    }

    #[test]
    fn what_goes_out_comes_back_as_it_was() {
        let grid = fields(json!({
            "embeddedWalletConfig": { "appName": "Acme", "otpLength": 6, "logoUrl": null, "on": true, "": [] },
            "feeConfigs": [{ "variableFeeBps": 30, "share": 0.1, "least": -9_007_199_254_740_991_i64 }, {}, [[1.5]]],
            "deep": nested(16),
        }));
        let (held, omitted) = to_pb(grid.clone(), &mut Room::of_message());
        assert_eq!(omitted, Vec::<String>::new());
        let mut violations = Violations::default();
        assert_eq!(from_pb(held, &[], "other", &mut Room::of_message(), &mut violations), grid);
        assert!(violations.list().is_empty());
    }

    #[test]
    fn what_a_struct_cannot_hold_is_named() {
        let grid = fields(json!({
            "deep": nested(17), "great": 9_007_199_254_740_993_u64, "greater": [{ "a": u64::MAX }], "small": 1,
            "large": "x".repeat(MAX_BYTES),
        }));
        let (held, omitted) = to_pb(grid, &mut Room::of_message());
        assert_eq!(held.unwrap().fields.into_keys().collect::<Vec<_>>(), ["small"]);
        assert_eq!(omitted, ["deep", "great", "greater", "large"]);
        assert_eq!(to_pb(OtherFields::default(), &mut Room::of_message()), (None, vec![]));
    }

    #[test]
    fn a_field_with_a_name_of_its_own_has_no_way_round_its_checks() {
        for name in ["webhookEndpoint", "webhook_endpoint", "WebhookEndpoint", "webhook-endpoint", "WEBHOOKENDPOINT"] {
            refused(&json!({ name: "https://evil.example/" }));
        }
    }

    #[test]
    fn what_was_damaged_or_rounded_on_its_way_is_named() {
        let grid = fields(json!({
            "text": { "a": ["A\u{fffd}B"] }, "name": [{ "a\u{fffd}": 1 }], "third": 0.333_333_333_333_333_3, "tenth": 0.1,
            "tiny": 1.5e-300, "a.b": 1, "": 2, "x": { "__proto__": {} },
        }));
        let (held, omitted) = to_pb(grid, &mut Room::of_message());
        assert_eq!(held.unwrap().fields.into_keys().collect::<Vec<_>>(), ["tenth", "tiny"]);
        assert_eq!(omitted, ["", "a.b", "name", "text", "third", "x"]);
    }

    #[test]
    fn a_name_that_means_more_than_itself_is_refused() {
        let long = "x".repeat(65);
        for name in
            ["webhookEndpoint.x", "\u{ff57}ebhookEndpoint", "", "a b", "a[0]", "é", &long, "__proto__", "prototype"]
        {
            refused(&json!({ name: 1 }));
        }
        for name in ["__proto__", "prototype", "constructor", "constructor.prototype", "a[__proto__]", "\u{fffd}"] {
            refused(&json!({ "a": { name: 1 } }));
            refused(&json!({ "a": [[{ "b": { name: {} } }]] }));
        }
    }

    #[track_caller]
    fn refused(others: &Value) {
        fn to_pb(value: &Value) -> prost_types::Value {
            let kind = match value {
                Value::Object(object) => Kind::StructValue(Struct {
                    fields: object.iter().map(|(name, value)| (name.clone(), to_pb(value))).collect(),
                }),
                Value::Array(list) => Kind::ListValue(ListValue { values: list.iter().map(to_pb).collect() }),
                _ => Kind::BoolValue(true),
            };
            prost_types::Value { kind: Some(kind) }
        }
        let Some(Kind::StructValue(sent)) = to_pb(others).kind else { panic!("no object") };
        let mut violations = Violations::default();
        let read = from_pb(Some(sent), &["webhookEndpoint"], "other", &mut Room::of_message(), &mut violations);
        assert_eq!((read, violations.list().len()), (OtherFields::default(), 1), "{others}");
    }

    #[test]
    fn what_can_be_no_json_is_refused() {
        let value = |kind| Struct { fields: BTreeMap::from([("a".to_owned(), prost_types::Value { kind })]) };
        for kind in [None, Some(Kind::NumberValue(f64::NAN)), Some(Kind::NumberValue(f64::INFINITY))] {
            let mut violations = Violations::default();
            from_pb(Some(value(kind)), &[], "other", &mut Room::of_message(), &mut violations);
            assert_eq!(violations.list().len(), 1);
        }
    }
}
