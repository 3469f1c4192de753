//! Parses the data of webhooks about KYC: the fields of a customer or a verification that gridgate keeps.

use std::borrow::Cow;

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::super::loose::{Loose, is_object};
use crate::grid::model::{CustomerType, Time, is_exact};
use crate::kyc::event::{Observation, Problem, Subject};
use crate::kyc::id::{CustomerId, ObservationId, PlatformCustomerId, VerificationId};
use crate::kyc::status::{KycStatus, VerificationStatus};

/// A webhook's parsed content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content {
    /// The status of a customer or of a verification.
    Status {
        /// The observation to record.
        observation: Box<Observation>,
        /// Whether the type names another status than the data. The data counts: it is the whole customer or
        /// verification, with its own `updatedAt`, and the log's rules resolve doubtful cases.
        type_disagrees: bool,
    },
    /// It is about KYC, and its data is unreadable.
    Unreadable(Unreadable),
    /// A test of the endpoint (`TEST`).
    Test,
    /// A bulk import ended (`BULK_UPLOAD.*`). It says nothing of any customer's status.
    BulkUpload,
    /// Not about KYC.
    Other,
}

/// The parts that gridgate keeps of a webhook with unreadable data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unreadable {
    /// Why the data is unreadable.
    pub reason: Reason,
    /// The paths of the fields in its data, without their values.
    pub field_names: Vec<String>,
    /// The customer that it is about, if its id is readable.
    pub customer: Option<CustomerId>,
}

/// Why the data of a webhook about KYC is unreadable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Reason {
    /// There is none.
    #[error("it has no data")]
    NoData,
    /// It is not an object, or has a field twice.
    #[error("its data is not an object, or has a field twice")]
    NotAnObject,
    /// A field that is needed is not there.
    #[error("`{0}` is missing")]
    Missing(&'static str),
    /// A required field is invalid.
    #[error("`{0}` is invalid")]
    Invalid(&'static str),
}

/// A webhook around its data.
#[derive(Clone, Copy)]
pub(super) struct Envelope<'a> {
    pub(super) id: &'a ObservationId,
    pub(super) timestamp: Option<Timestamp>,
    pub(super) data: Option<&'a RawValue>,
}

/// Why data could not be understood, and the customer it is about if that could be read.
pub(super) struct Failure {
    pub(super) reason: Reason,
    pub(super) customer: Option<CustomerId>,
}

impl From<Reason> for Failure {
    fn from(reason: Reason) -> Self {
        Self { reason, customer: None }
    }
}

/// What is read of a customer (OpenAPI `CustomerOneOf`).
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Customer<'a> {
    #[serde(borrow, default)]
    id: Loose<'a>,
    #[serde(borrow, default)]
    platform_customer_id: Loose<'a>,
    #[serde(borrow, default)]
    customer_type: Loose<'a>,
    #[serde(borrow, default)]
    kyc_status: Loose<'a>,
    #[serde(borrow, default)]
    kyb_status: Loose<'a>,
    #[serde(borrow, default)]
    updated_at: Loose<'a>,
    #[serde(borrow, default)]
    is_deleted: Loose<'a>,
    /// Where a customer's id would stand in data that is not the customer itself.
    #[serde(borrow, default)]
    customer_id: Loose<'a>,
}

/// What is read of a verification (OpenAPI `Verification`).
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Verification<'a> {
    #[serde(borrow, default)]
    id: Loose<'a>,
    #[serde(borrow, default)]
    customer_id: Loose<'a>,
    #[serde(borrow, default)]
    verification_status: Loose<'a>,
    #[serde(borrow, default)]
    errors: Option<&'a RawValue>,
    #[serde(borrow, default)]
    updated_at: Loose<'a>,
}

/// What is read of a verification's errors (OpenAPI `VerificationError`); `reason` is free text, and left alone.
#[derive(Deserialize)]
struct VerificationError<'a> {
    #[serde(borrow, default, rename = "type")]
    error_type: Loose<'a>,
    #[serde(borrow, default)]
    field: Loose<'a>,
}

/// Reads the data of a `CUSTOMER.*`; `event` is what follows the dot.
pub(super) fn customer(envelope: Envelope<'_>, event: &str) -> Result<Content, Failure> {
    let Envelope { id: webhook, timestamp, data } = envelope;
    let Customer {
        id,
        platform_customer_id,
        customer_type,
        kyc_status,
        kyb_status,
        updated_at,
        is_deleted,
        customer_id,
    } = object(data)?;
    let customer = customer_in(&id, "id").map_err(|reason| {
        let elsewhere = customer_in(&customer_id, "customerId").ok().filter(|_| id == Loose::Nothing);
        Failure { reason, customer: elsewhere }
    })?;
    let of_customer = |reason| Failure { reason, customer: Some(customer.clone()) };
    let said_by_type = event.strip_prefix("KYC_").or_else(|| event.strip_prefix("KYB_"));
    let said_by_type = said_by_type.filter(|word| KycStatus::KNOWN.contains(word));
    // One that cannot be read hides no status: it is as good as none.
    let customer_type = word_in(&customer_type, "customerType").ok().flatten().map(CustomerType::from);
    let said_by_data = match customer_type {
        Some(CustomerType::Individual) => word_in(&kyc_status, "kycStatus"),
        Some(CustomerType::Business) => word_in(&kyb_status, "kybStatus"),
        Some(CustomerType::Other(_)) | None => match word_in(&kyc_status, "kycStatus") {
            Ok(None) => word_in(&kyb_status, "kybStatus"),
            kyc_status => kyc_status,
        },
    };
    let said_by_data = said_by_data.map_err(of_customer)?;
    let word = said_by_data.or(said_by_type).ok_or_else(|| of_customer(Reason::Missing("kycStatus or kybStatus")))?;
    let deleted = match &is_deleted {
        Loose::Truth(deleted) => *deleted,
        Loose::Nothing => false,
        Loose::Text(text) if text == "true" => true,
        Loose::Text(text) if text == "false" => false,
        Loose::Text(_) | Loose::Other => return Err(of_customer(Reason::Invalid("isDeleted"))),
    };
    let platform_customer =
        text(&platform_customer_id).filter(|id| is_exact(id)).and_then(|id| PlatformCustomerId::parse(id).ok());
    let subject = Subject::Customer { status: KycStatus::from_word(word), deleted };
    let observation =
        Observation::webhook(webhook.clone(), timestamp, customer, platform_customer, subject, time(&updated_at));
    Ok(status(observation, said_by_type.is_some_and(|by_type| by_type != word)))
}

/// Reads the data of a `VERIFICATION.*`; `event` is what follows the dot.
pub(super) fn verification(envelope: Envelope<'_>, event: &str) -> Result<Content, Failure> {
    let Envelope { id: webhook, timestamp, data } = envelope;
    let Verification { id, customer_id, verification_status, errors, updated_at } = object(data)?;
    let customer = customer_in(&customer_id, "customerId")?;
    let of_customer = |reason| Failure { reason, customer: Some(customer.clone()) };
    let id = match &id {
        Loose::Nothing => Err(Reason::Missing("id")),
        Loose::Text(id) if is_exact(id) => VerificationId::parse(id).map_err(|_| Reason::Invalid("id")),
        Loose::Text(_) | Loose::Truth(_) | Loose::Other => Err(Reason::Invalid("id")),
    };
    let id = id.map_err(of_customer)?;
    let said_by_type = Some(event).filter(|word| VerificationStatus::KNOWN.contains(word));
    let said_by_data = word_in(&verification_status, "verificationStatus").map_err(of_customer)?;
    let word = said_by_data.or(said_by_type).ok_or_else(|| of_customer(Reason::Missing("verificationStatus")))?;
    let subject = Subject::verification(id, VerificationStatus::from_word(word), problems(errors));
    let observation = Observation::webhook(webhook.clone(), timestamp, customer, None, subject, time(&updated_at));
    Ok(status(observation, said_by_type.is_some_and(|by_type| by_type != word)))
}

fn status(observation: Observation, type_disagrees: bool) -> Content {
    Content::Status { observation: Box::new(observation), type_disagrees }
}

fn object<'a, T: Deserialize<'a>>(data: Option<&'a RawValue>) -> Result<T, Reason> {
    let data = data.ok_or(Reason::NoData)?.get();
    if !is_object(data) {
        return Err(Reason::NotAnObject);
    }
    serde_json::from_str(data).map_err(|_| Reason::NotAnObject)
}

fn customer_in(id: &Loose<'_>, name: &'static str) -> Result<CustomerId, Reason> {
    match id {
        Loose::Nothing => Err(Reason::Missing(name)),
        Loose::Text(id) if is_exact(id) => CustomerId::parse(id).map_err(|_| Reason::Invalid(name)),
        Loose::Text(_) | Loose::Truth(_) | Loose::Other => Err(Reason::Invalid(name)),
    }
}

/// A word of one of Grid's vocabularies; an empty one is none.
fn word_in<'l>(word: &'l Loose<'_>, name: &'static str) -> Result<Option<&'l str>, Reason> {
    match word {
        Loose::Nothing => Ok(None),
        Loose::Text(word) if word.is_empty() => Ok(None),
        Loose::Text(word) if is_plain(word, "_-.") => Ok(Some(word)),
        Loose::Text(_) | Loose::Truth(_) | Loose::Other => Err(Reason::Invalid(name)),
    }
}

/// The verification's problems; unreadable ones are left out.
fn problems(errors: Option<&RawValue>) -> Vec<Problem> {
    let errors = errors.and_then(|errors| serde_json::from_str::<Vec<&RawValue>>(errors.get()).ok());
    let errors = errors.unwrap_or_default();
    errors.into_iter().filter_map(problem).collect()
}

fn problem(error: &RawValue) -> Option<Problem> {
    let VerificationError { error_type, field } =
        serde_json::from_str(error.get()).ok().filter(|_| is_object(error.get()))?;
    let error_type = text(&error_type).filter(|word| is_plain(word, "_-."))?;
    let field = text(&field).filter(|path| is_plain(path, "_-.[]"));
    Some(Problem::new(error_type, field))
}

/// Whether a text is a code or a path, not free text: ASCII letters, digits, and these marks only.
fn is_plain(text: &str, marks: &str) -> bool {
    text.chars().all(|c| c.is_ascii_alphanumeric() || marks.contains(c))
}

fn text<'l>(value: &'l Loose<'_>) -> Option<&'l str> {
    match value {
        Loose::Text(text) => Some(Cow::as_ref(text)).filter(|text: &&str| !text.is_empty()),
        Loose::Nothing | Loose::Truth(_) | Loose::Other => None,
    }
}

/// An RFC 3339 time of the years 1 to 9999; any other value is absent.
pub(super) fn time(value: &Loose<'_>) -> Option<Timestamp> {
    text(value)?.parse().ok().map(Time::clamped)
}
