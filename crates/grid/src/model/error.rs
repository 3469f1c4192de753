//! Grid's error body: `{code, reason, details}`, and the older `{status, code, message, details}`.
//!
//! An error is read part by part: a part that is not as documented costs that part, and no other. Written is the newer
//! body; [`ErrorBody::as_old`] is the older one.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Serialize;
use serde::de::{Deserializer as _, MapAccess, Visitor};
use serde_json::Value;
use serde_json::value::RawValue;
use uuid::Uuid;

use super::field;
use super::redact::redacted_debug;
use super::text::{decode, mend};

/// A larger number of a lock's end is milliseconds, a smaller one seconds: the year 5138, and March 1973.
const MOST_SECONDS: f64 = 1e11;

/// The most bad fields that are read.
const MAX_FIELD_ERRORS: usize = 100;

/// Longest text of `details` that is kept. Codes, ids and times are shorter.
const MAX_TOLD: usize = 64;

/// Parts of the names of `details` that hold a person's data, whatever the value looks like.
const PERSONAL: [&str; 15] = [
    "name",
    "birth",
    "tax",
    "mail",
    "phone",
    "address",
    "street",
    "city",
    "postal",
    "identifier",
    "nationality",
    "ssn",
    "passport",
    "documentnumber",
    "accountnumber",
];

/// An error as Grid answers it. Its words may repeat what was sent, so Debug shows the code only.
#[derive(Clone, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ErrorBody {
    /// Grid's code, such as `INVALID_INPUT`.
    pub code: Option<String>,
    /// The problem in words: `reason`, or the older `message`.
    pub reason: Option<String>,
    /// With `DOCUMENT_REJECTED`: what is wrong with the file, such as `screenshot`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub precheck_errors: Vec<String>,
    /// What else Grid says; its shape varies by code.
    #[serde(skip_serializing_if = "ErrorDetails::is_empty")]
    pub details: ErrorDetails,
}
redacted_debug!(ErrorBody { code });

/// The parts of `details`.
#[derive(Clone, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ErrorDetails {
    /// Every bad field at once.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<FieldError>,
    /// With 423: when to come back.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub locked_until: Option<Timestamp>,
    /// Whatever else there is that says nothing of a person, each as text: numbers, truth values, codes, ids and times.
    #[serde(flatten)]
    pub more: BTreeMap<String, String>,
}
redacted_debug!(ErrorDetails { locked_until });

/// One bad field.
#[derive(Clone, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct FieldError {
    /// Dot-notation path of the field, in Grid's names. Empty: the request as a whole.
    pub field: String,
    /// The problem in words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// What a good value looks like.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub constraint: Option<FieldConstraint>,
}
redacted_debug!(FieldError { field });

/// What a good value of a field looks like. Grid may add to it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct FieldConstraint {
    /// A named format, such as `email` or `iso3166-1-alpha-2`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub format: Option<String>,
    /// A regular expression (JavaScript's).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pattern: Option<String>,
    /// Allowed values.
    #[serde(rename = "enum", skip_serializing_if = "Vec::is_empty")]
    pub allowed: Vec<String>,
    /// Least length in characters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min_length: Option<i64>,
    /// Greatest length in characters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_length: Option<i64>,
}

/// The error body as it was until September 2026.
#[derive(Serialize)]
pub struct OldErrorBody<'a> {
    status: u16,
    code: &'a Option<String>,
    message: &'a Option<String>,
    #[serde(skip_serializing_if = "ErrorDetails::is_empty")]
    details: &'a ErrorDetails,
}

impl ErrorBody {
    /// Reads an error body, new or old. What can't be read is absent.
    #[must_use]
    pub fn read(body: &[u8]) -> Self {
        let text = decode(body);
        let is_json = serde_json::from_str::<Value>(&text).is_ok();
        let mended = if is_json { None } else { mend(body).map(|mended| mended.value.to_string()) };
        let body = mended.as_deref().unwrap_or(&text);
        let top = members(body);
        let details = top.get("details").map_or("", |details| details.get());
        let inner = members(details);
        let part = |name: &str| inner.get(name).or_else(|| top.get(name)).copied();
        // Details that are a list or a text can only be what is wrong.
        let errors = part("errors").or(top.get("details").copied().filter(|_| inner.is_empty()));
        let locked_until = part("lockedUntil").and_then(time);
        let is_read = |name: &str| match name {
            "errors" | "precheckErrors" => true,
            "lockedUntil" => locked_until.is_some(),
            _ => false,
        };
        let more = inner.iter().filter(|(name, _)| !is_read(name));
        Self {
            code: top.get("code").and_then(|code| serde_json::from_str::<String>(code.get()).ok()),
            reason: ["reason", "message"].into_iter().find_map(|name| words(top.get(name)?)),
            precheck_errors: part("precheckErrors").map(codes).unwrap_or_default(),
            details: ErrorDetails {
                errors: errors.map(field_errors).unwrap_or_default(),
                locked_until,
                more: more.filter_map(|(name, value)| Some((name.clone(), told(name, value)?))).collect(),
            },
        }
    }

    /// The same as it was written until September 2026, which had the HTTP status in it.
    #[must_use]
    pub fn as_old(&self, status: u16) -> OldErrorBody<'_> {
        let Self { code, reason, precheck_errors: _, details } = self;
        OldErrorBody { status, code, message: reason, details }
    }
}

impl ErrorDetails {
    fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// What is wrong, field by field: a list of fields or of sentences, a single one, or a field's name with what is wrong
/// with it.
fn field_errors(errors: &RawValue) -> Vec<FieldError> {
    if let Some(items) = items(errors) {
        return items.into_iter().take(MAX_FIELD_ERRORS).filter_map(field_error).collect();
    }
    let by_name = members(errors.get());
    if by_name.is_empty() || is_field_error(&by_name) {
        return field_error(errors).into_iter().collect();
    }
    let named = |(field, said): (String, &RawValue)| FieldError { field, message: words(said), constraint: None };
    by_name.into_iter().take(MAX_FIELD_ERRORS).map(named).collect()
}

fn is_field_error(members: &BTreeMap<String, &RawValue>) -> bool {
    ["field", "message", "reason", "constraint"].iter().any(|name| members.contains_key(*name))
}

fn field_error(error: &RawValue) -> Option<FieldError> {
    let members = members(error.get());
    let part = |name: &str| members.get(name).copied();
    let read = FieldError {
        field: part("field").map(|field| texts(field).join(".")).unwrap_or_default(),
        message: part("message").or(part("reason")).and_then(words).or_else(|| words(error)),
        constraint: part("constraint").map(|constraint| field_constraint(&members_of(constraint))),
    };
    Some(read).filter(|read| *read != FieldError::default())
}

fn field_constraint(members: &BTreeMap<String, &RawValue>) -> FieldConstraint {
    let part = |name: &str| members.get(name).copied();
    FieldConstraint {
        format: part("format").and_then(text),
        pattern: part("pattern").and_then(text),
        allowed: part("enum").map(texts).unwrap_or_default(),
        min_length: part("minLength").and_then(whole_number),
        max_length: part("maxLength").and_then(whole_number),
    }
}

/// A part of `details` as text, if it can't be about a person: a number, a truth value, a code, an id or a time. Grid may put
/// whole customers there, which callers of other customers would get to see.
fn told(name: &str, value: &RawValue) -> Option<String> {
    let name = name.to_ascii_lowercase().replace(['_', '-'], "");
    let text = text(value).filter(|text| text.len() <= MAX_TOLD)?;
    let is_string = value.get().starts_with('"');
    let is_harmless = !is_string || is_code(&text) || is_id(&text) || text.parse::<Timestamp>().is_ok();
    Some(text).filter(|_| is_harmless && !PERSONAL.iter().any(|part| name.contains(part)))
}

/// Whether a text is a word for programs, such as `USER_NOT_READY` or `umaAddress`, rather than a name or a number.
fn is_code(text: &str) -> bool {
    let is_capitalised =
        text.starts_with(|c: char| c.is_ascii_uppercase()) && text.contains(|c: char| c.is_ascii_lowercase());
    let digits = text.bytes().filter(u8::is_ascii_digit).count();
    text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
        && !is_capitalised
        && digits < 4
}

/// Whether a text is an id as Grid makes them: `Customer:` and a UUID.
fn is_id(text: &str) -> bool {
    let parts = text.split_once(':');
    parts.is_some_and(|(kind, id)| kind.bytes().all(|b| b.is_ascii_alphabetic()) && Uuid::try_parse(id).is_ok())
}

/// A time as RFC 3339 has it, or since 1970 in seconds or milliseconds.
fn time(value: &RawValue) -> Option<Timestamp> {
    let text = text(value)?;
    let since_1970 = |number: f64| {
        let millis = if number.abs() > MOST_SECONDS { number } else { number * 1000.0 };
        // No time is so far away that the cast could matter: what does not fit is refused.
        #[allow(clippy::cast_possible_truncation, reason = "a cast saturates, and from_millisecond checks")]
        Timestamp::from_millisecond(millis as i64).ok()
    };
    text.parse().ok().or_else(|| since_1970(text.parse().ok()?))
}

/// A whole number, however it is written.
fn whole_number(value: &RawValue) -> Option<i64> {
    field::whole_number(&text(value)?).and_then(|number| number.try_into().ok())
}

/// A sentence, or several as one.
fn words(value: &RawValue) -> Option<String> {
    Some(texts(value).join("; ")).filter(|words| !words.trim().is_empty())
}

/// The texts of a list, or the only one.
fn texts(value: &RawValue) -> Vec<String> {
    match items(value) {
        Some(items) => items.into_iter().filter_map(text).collect(),
        None => text(value).into_iter().collect(),
    }
}

/// Words for programs: the texts of a list, the `code` or `type` of its objects, or the names that are `true` in them.
fn codes(value: &RawValue) -> Vec<String> {
    let items = items(value).unwrap_or_else(|| vec![value]);
    let codes_of = |item: &RawValue| {
        let members = members_of(item);
        let code = || ["code", "type"].into_iter().find_map(|name| text(members.get(name)?));
        let truths = || members.iter().filter(|(_, value)| value.get() == "true").map(|(name, _)| name.clone());
        text(item).or_else(code).map_or_else(|| truths().collect(), |code| vec![code])
    };
    items.into_iter().flat_map(codes_of).collect()
}

/// A string, or a number or a truth value as it is written.
fn text(value: &RawValue) -> Option<String> {
    match value.get().as_bytes().first()? {
        b'"' => serde_json::from_str(value.get()).ok(),
        b'{' | b'[' | b'n' => None,
        _ => Some(value.get().to_owned()),
    }
}

fn items(list: &RawValue) -> Option<Vec<&RawValue>> {
    serde_json::from_str(list.get()).ok()
}

fn members_of(object: &RawValue) -> BTreeMap<String, &RawValue> {
    members(object.get())
}

/// The members of a JSON object, unread, up to where it is no JSON any more. None: it is no object.
fn members(json: &str) -> BTreeMap<String, &RawValue> {
    struct Members<'a, 'm>(&'m mut BTreeMap<String, &'a RawValue>);

    impl<'a> Visitor<'a> for Members<'a, '_> {
        type Value = ();

        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("an object")
        }

        fn visit_map<A: MapAccess<'a>>(self, mut map: A) -> Result<(), A::Error> {
            while let Some((name, value)) = map.next_entry()? {
                self.0.insert(name, value);
            }
            Ok(())
        }
    }

    let mut members = BTreeMap::new();
    // What came before a mistake stays.
    let _ = serde_json::Deserializer::from_str(json).deserialize_map(Members(&mut members));
    members
}
