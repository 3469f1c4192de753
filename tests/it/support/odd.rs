//! Answers of Grid's in which one thing is not as documented, and what is expected of each.

use serde_json::{Map, Value, json};

use super::api::{Rpc, Sends};
use super::equivalent;

/// An answer with one odd thing in it.
#[derive(Debug)]
pub struct Odd {
    /// What is odd, for messages.
    pub what: String,
    /// JSON pointer to it, without the indexes of lists.
    pub place: String,
    pub answer: Value,
    /// An answer as documented that has to be read alike.
    pub like: Value,
}

/// Every field of an answer in turn: absent, `null`, of every other type, and each whole number in every other notation.
pub fn variations(rpc: &Rpc, answer: &Value) -> Vec<Odd> {
    let mut pointers = Vec::new();
    // The rows of lists are answers of other RPCs.
    fields(answer, if rpc.sends == Sends::Query { 1 } else { usize::MAX }, "", &mut pointers);
    // What the configuration passes on is passed on as it is.
    let placed = equivalent::answer(rpc, answer).placed;
    let passed_on = |pointer: &str| {
        rpc.answers == "platform_config" && !placed.iter().any(|leaf| leaf.pointer.starts_with(pointer))
    };
    // Counts that are not there are zero.
    pointers.retain(|pointer| pointer != "/progress" && !is_identity(rpc, pointer) && !passed_on(pointer));
    pointers.iter().flat_map(|pointer| of_field(answer, pointer)).collect()
}

fn of_field(answer: &Value, pointer: &str) -> Vec<Odd> {
    let field = answer.pointer(pointer).unwrap();
    let (parent, name) = pointer.rsplit_once('/').unwrap();
    let mut without = answer.clone();
    without.pointer_mut(parent).unwrap().as_object_mut().unwrap().remove(name);
    let changed = |value: &Value| {
        let mut changed = answer.clone();
        *changed.pointer_mut(pointer).unwrap() = value.clone();
        changed
    };
    let place = pointer.split('/').filter(|part| part.parse::<usize>().is_err()).collect::<Vec<_>>().join("/");
    let odd = |value: &Value, like: &Value| Odd {
        what: format!("{pointer}: {value}"),
        place: place.clone(),
        answer: changed(value),
        like: like.clone(),
    };
    let mut variations = vec![
        Odd {
            what: format!("without {pointer}"),
            place: place.clone(),
            answer: without.clone(),
            like: without.clone(),
        },
        odd(&Value::Null, &without),
    ];
    // A whole number can be a cursor; what says why a row of an import failed is read in several forms.
    let of_import =
        |names: &[&str]| pointer.starts_with("/errors/") && names.iter().any(|name| pointer.ends_with(name));
    let is_odd = |value: &&Value| match value {
        Value::Number(number) => {
            !(of_import(&["/code", "/correlationId"]) || (pointer == "/nextCursor" && number.is_i64()))
        }
        Value::String(_) => !of_import(&["/error"]),
        _ => true,
    };
    variations.extend(others(field).iter().filter(is_odd).map(|value| odd(value, &without)));
    // Beyond 2^53 a `Value` of this number would be another number; unit tests have those.
    if let Some(number) = field.as_i64().filter(|number| number.unsigned_abs() < 1 << 53) {
        #[allow(clippy::cast_precision_loss, reason = "it is exact")]
        let float = json!(number as f64);
        assert!(float.to_string().contains('.'), "{float}");
        variations.extend([float, json!(number.to_string())].iter().map(|value| odd(value, answer)));
    }
    variations
}

/// What a field with this value is never documented to be.
fn others(field: &Value) -> Vec<Value> {
    match field {
        Value::String(text) => {
            let mut others =
                vec![json!(7), json!(7.25), json!(true), json!({}), json!({ "odd": [1] }), json!([]), json!(["x"])];
            if text.parse::<jiff::Timestamp>().is_ok() {
                others.extend([json!("yesterday"), json!("0000-01-01T00:00:00Z")]);
            }
            others
        }
        Value::Number(_) => {
            vec![json!("odd"), json!(7.25), json!(-1e300), json!(1u64 << 63), json!(true), json!({}), json!([1])]
        }
        Value::Bool(_) => vec![json!("odd"), json!(7), json!({}), json!([])],
        Value::Object(_) => vec![json!(7), json!("odd"), json!(true), json!([]), json!([{}])],
        Value::Array(_) => vec![json!(7), json!("odd"), json!(true), json!({}), json!([7.25]), json!([null])],
        Value::Null => Vec::new(),
    }
}

/// A message as JSON, without the names of what the configuration or a currency lost: only an odd one has them, and the
/// configuration's own tests look at them.
pub fn without_losses(message: &impl serde::Serialize) -> Value {
    let mut json = serde_json::to_value(message).unwrap();
    let mut forget = |place: &str| {
        if let Some(Value::Object(fields)) = json.pointer_mut(place) {
            fields.remove("omittedFields");
        }
    };
    forget("/platformConfig");
    (0..10).for_each(|place| forget(&format!("/platformConfig/supportedCurrencies/{place}")));
    json
}

/// Fields without which an answer is none: a success that is not about the thing may come from anywhere.
pub fn is_identity(rpc: &Rpc, pointer: &str) -> bool {
    let is_owner = |pointer: &str| pointer.starts_with("/beneficialOwners/") && pointer.ends_with("/id");
    let needed = ["/id", "/jobId", "/kycUrl", "/version", "/data", "/payloadToSign", "/requestId"];
    let is_agreement = |pointer: &str| rpc.name == "ListAgreements" && pointer.ends_with("/type");
    (needed.contains(&pointer) && rpc.answers != "platform_config") || is_owner(pointer) || is_agreement(pointer)
}

/// Pointers to all fields of all objects, down to this depth.
pub fn fields(value: &Value, depth: usize, at: &str, pointers: &mut Vec<String>) {
    match value {
        _ if depth == 0 => {}
        Value::Object(object) => of_object(object, depth, at, pointers),
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                fields(item, depth - 1, &format!("{at}/{index}"), pointers);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn of_object(object: &Map<String, Value>, depth: usize, at: &str, pointers: &mut Vec<String>) {
    for (name, value) in object {
        let at = format!("{at}/{name}");
        // What is in the details of an import's error is passed on as it is.
        let depth = if name == "details" { 1 } else { depth };
        fields(value, depth - 1, &at, pointers);
        pointers.push(at);
    }
}
