//! What a webhook says.
//!
//! Only what is kept is read: ids, statuses, times. Nothing else in a body can hide a decision by being of another shape
//! than today, and no personal data is copied out of it. Unknown types and fields are no error. Of texts that come from
//! a body, only those that have a place in the event log get out of here; serde's error messages, which repeat values,
//! do not.

mod data;

pub use data::{Content, Reason, Unreadable};

use std::fmt;

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::value::RawValue;

use self::data::{Envelope, customer, verification};
use super::field_names::field_names;
use super::loose::{Loose, is_object};
use super::signature::Verified;
use crate::grid::model::{Mended, is_exact, mend};
use crate::kyc::id::ObservationId;

/// The type of a test of the endpoint.
const TEST: &str = "TEST";

/// The longest type that is kept; Grid's longest has 44 bytes.
const MAX_TYPE_BYTES: usize = 128;

/// A webhook whose envelope was parsed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// Its id, which identifies copies.
    pub id: ObservationId,
    /// Its type.
    pub webhook_type: WebhookType,
    /// When Grid sent it.
    pub timestamp: Option<Timestamp>,
    /// Its parsed content.
    pub content: Content,
}

/// Why a body is not a webhook's. It is signed, so something is wrong with Grid or with us.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum NotAWebhook {
    /// It is not a JSON object, also when it is read tolerantly, or has a field twice.
    #[error("the body is not a JSON object, or has a field twice")]
    NotAnObject,
    /// It has no id that can be one.
    #[error("the body has no `id` that is a text of 1 to {} bytes", ObservationId::MAX_BYTES)]
    NoId,
    /// It has no type that is certain.
    #[error("the body has no `type` that is a text of 1 to {MAX_TYPE_BYTES} bytes of Unicode")]
    NoType,
}

/// The type of a webhook, such as `CUSTOMER.KYC_APPROVED`: 1 to 128 bytes of Unicode without control characters.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct WebhookType(Box<str>);

impl WebhookType {
    /// Whether the answer lets money in (Grid's API, "incoming payment webhook"). Only this type does. It counts however
    /// it is written: acknowledging it by mistake approves a payment.
    #[must_use]
    pub fn awaits_approval(&self) -> bool {
        self.0.trim().eq_ignore_ascii_case("INCOMING_PAYMENT.PENDING")
    }

    /// Its text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// A type of which a part was no Unicode could be any, also one whose answer lets money in.
    fn parse(text: &str) -> Option<Self> {
        let fits = text.len() <= MAX_TYPE_BYTES && !text.chars().any(char::is_control);
        (fits && is_exact(text)).then(|| Self(text.into()))
    }
}

impl fmt::Display for WebhookType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Reads what a webhook says.
///
/// # Errors
/// When its body is not a JSON object with an id and a type.
pub fn parse(webhook: &Verified) -> Result<Delivery, NotAWebhook> {
    let body = webhook.body();
    let strict = std::str::from_utf8(body).map_err(|_| NotAWebhook::NotAnObject).and_then(read);
    let is_no_json = match &strict {
        Ok(Delivery { content: Content::Unreadable(unreadable), .. }) => unreadable.reason == Reason::NotAnObject,
        Ok(_) => false,
        Err(error) => *error == NotAWebhook::NotAnObject,
    };
    if !is_no_json {
        return strict;
    }
    match mended(body) {
        Some(text) => read(&text),
        None => strict,
    }
}

/// The JSON of a body whose text is not all Unicode, or that has other flaws which leave no doubt of what it says. One
/// that breaks off, goes on after its end or has a field twice, of itself or of its `data`, says nothing for certain.
fn mended(body: &[u8]) -> Option<String> {
    let Mended { value, is_cut_off, doubles, has_trailer } = mend(body)?;
    let is_unclear = doubles.iter().any(|object| object.as_deref().is_none_or(|field| field == "data"));
    (!is_cut_off && !is_unclear && !has_trailer).then(|| value.to_string())
}

fn read(text: &str) -> Result<Delivery, NotAWebhook> {
    if !is_object(text) {
        return Err(NotAWebhook::NotAnObject);
    }
    let body: Body<'_> = serde_json::from_str(text).map_err(|_| NotAWebhook::NotAnObject)?;
    let Body { id, webhook_id, webhook_type, timestamp, data } = body;
    // `id` alone identifies a webhook: another field could be the same in two webhooks, and the second
    // would be lost. A test is not recorded, so there the older name suffices.
    let is_test = matches!(&webhook_type, Loose::Text(text) if text == TEST);
    let id = if is_test && id == Loose::Nothing { webhook_id } else { id };
    let Loose::Text(id) = id else { return Err(NotAWebhook::NoId) };
    // An id of which a part was no Unicode could be that of several.
    let id = ObservationId::parse(&id).ok().filter(|id| is_exact(id.as_str())).ok_or(NotAWebhook::NoId)?;
    let Loose::Text(webhook_type) = webhook_type else { return Err(NotAWebhook::NoType) };
    let webhook_type = WebhookType::parse(&webhook_type).ok_or(NotAWebhook::NoType)?;
    let timestamp = data::time(&timestamp);
    let envelope = Envelope { id: &id, timestamp, data };
    let content = match webhook_type.as_str().split_once('.') {
        Some(("CUSTOMER", event)) => about_kyc(customer(envelope, event), data),
        Some(("VERIFICATION", event)) => about_kyc(verification(envelope, event), data),
        Some(("BULK_UPLOAD", _)) => Content::BulkUpload,
        None if is_test => Content::Test,
        Some(_) | None => Content::Other,
    };
    Ok(Delivery { id, webhook_type, timestamp, content })
}

#[derive(Deserialize)]
struct Body<'a> {
    #[serde(borrow, default)]
    id: Loose<'a>,
    /// What a `TEST` had instead of `id` before June 2026.
    #[serde(borrow, default, rename = "webhookId")]
    webhook_id: Loose<'a>,
    #[serde(borrow, default, rename = "type")]
    webhook_type: Loose<'a>,
    #[serde(borrow, default)]
    timestamp: Loose<'a>,
    #[serde(borrow, default)]
    data: Option<&'a RawValue>,
}

fn about_kyc(read: Result<Content, data::Failure>, data: Option<&RawValue>) -> Content {
    read.unwrap_or_else(|data::Failure { reason, customer }| {
        let field_names = data.map(|data| field_names(data.get())).unwrap_or_default();
        Content::Unreadable(Unreadable { reason, field_names, customer })
    })
}

#[cfg(test)]
mod tests;
