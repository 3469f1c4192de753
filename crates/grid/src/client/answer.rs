//! Reading a complete answer: the JSON of a success, the error of a refusal.

use std::time::{Duration, SystemTime};

use bytes::Bytes;
use jiff::Timestamp;
use reqwest::StatusCode;
use reqwest::header::{DATE, HeaderMap, RETRY_AFTER};
use serde::de::DeserializeOwned;

use super::scrub::Scrubber;
use crate::model::{Complete, Ending, ErrorBody, ErrorDetails, FieldConstraint, FieldError, Misread, read};
use crate::{Operation, Refusal};

const MAX_MESSAGE: usize = 1024;
const MAX_FIELD_MESSAGE: usize = 512;
const MAX_FIELD_PATH: usize = 256;
const MAX_CODE: usize = 64;
/// A longer wait is as good as none to a caller, and need not fit every representation of a duration.
const MAX_RETRY_AFTER: Duration = Duration::from_secs(24 * 60 * 60);
/// The wait where Grid asks for one and does not say clearly for how long.
const UNCLEAR_RETRY_AFTER: Duration = Duration::from_secs(1);
const MAX_ALLOWED_VALUES: usize = 300;
const MAX_PRECHECKS: usize = 20;
const MAX_MORE: usize = 16;

/// What came back: a complete HTTP response.
pub(crate) struct Answer {
    pub(super) operation: Operation,
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

impl Answer {
    pub(super) fn operation(&self) -> Operation {
        self.operation
    }

    pub(crate) fn status(&self) -> StatusCode {
        self.status
    }

    pub(super) fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    pub(super) fn body(&self) -> &[u8] {
        &self.body
    }

    /// Reads the body as far as possible. A body that breaks off is accepted only for a change, since a read can be made again;
    /// a configuration has to be complete.
    pub(crate) fn json<T: DeserializeOwned + Complete>(&self) -> Result<T, Misread> {
        let is_needed = self.operation().is_read() || self.operation() == Operation::UpdatePlatformConfig;
        read(self.body(), if is_needed { Ending::Needed } else { Ending::Spared })
    }

    /// When Grid answered, by its own clock, to the second (`Date`, RFC 9110 section 6.6.1).
    pub(super) fn date(&self) -> Option<Timestamp> {
        self.http_date().and_then(|date| Timestamp::try_from(date).ok())
    }

    fn http_date(&self) -> Option<SystemTime> {
        httpdate::parse_http_date(self.headers().get(DATE)?.to_str().ok()?).ok()
    }

    /// `Retry-After` as a time from now: seconds, or an HTTP date (RFC 9110 section 10.2.3), which is measured
    /// against Grid's own `Date` where it sent one, so that a clock that is off here does not matter. At most a day. Of
    /// several the longest counts; one that cannot be understood asks for a wait all the same.
    pub(super) fn retry_after(&self) -> Option<Duration> {
        let waits = self.headers().get_all(RETRY_AFTER).iter();
        let wait = waits.map(|value| self.wait_of(value.to_str().unwrap_or_default().trim())).max()?;
        Some(wait.min(MAX_RETRY_AFTER))
    }

    fn wait_of(&self, retry_after: &str) -> Duration {
        if let Ok(until) = httpdate::parse_http_date(retry_after) {
            let now = self.http_date().unwrap_or_else(SystemTime::now);
            return until.duration_since(now).unwrap_or_default();
        }
        let seconds = |part: &str| {
            let part = part.trim();
            let is_number = part.bytes().all(|b| b.is_ascii_digit() || b == b'.');
            part.parse::<f64>().ok().filter(|_| is_number)
        };
        let longest = retry_after.split(',').filter_map(seconds).reduce(f64::max);
        longest.map_or(UNCLEAR_RETRY_AFTER, |seconds| Duration::try_from_secs_f64(seconds).unwrap_or(MAX_RETRY_AFTER))
    }

    /// The error that Grid answered, without what it repeats of the request. A body that is no error of Grid's makes a
    /// refusal with nothing but the status.
    pub(super) fn refusal(&self, operation: Operation, scrubber: &Scrubber) -> Refusal {
        let ErrorBody { code, reason, precheck_errors, details } = ErrorBody::read(self.body());
        let ErrorDetails { errors, locked_until, more } = details;
        let field_error = |error| {
            let FieldError { field, message, constraint } = error;
            FieldError {
                field: if is_path(&field) { field } else { String::new() },
                message: message.map(|message| scrubber.scrub(&message, MAX_FIELD_MESSAGE)),
                constraint: constraint.map(bounded_constraint),
            }
        };
        let more = more.into_iter().filter(|(name, _)| is_code(name) && scrubber.scrub(name, MAX_CODE) == *name);
        Refusal {
            operation,
            status: self.status().as_u16(),
            code: code.map(|code| code.trim().to_owned()).filter(|code| is_code(code)),
            message: reason.map(|reason| scrubber.scrub(&reason, MAX_MESSAGE)),
            field_errors: errors.into_iter().map(field_error).collect(),
            precheck_errors: precheck_errors.into_iter().filter(|word| is_code(word)).take(MAX_PRECHECKS).collect(),
            retry_after: self.retry_after(),
            locked_until,
            more: more.take(MAX_MORE).map(|(name, text)| (name, scrubber.scrub(&text, MAX_FIELD_PATH))).collect(),
        }
    }
}

/// Whether a text is a code and not a sentence.
fn is_code(text: &str) -> bool {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    !text.is_empty() && text.len() <= MAX_CODE && text.chars().all(fits)
}

/// Whether a text is the path of a field, such as `businessInfo.taxId`, `$.roles[0]` or `/roles/0`, and not a value.
fn is_path(text: &str) -> bool {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | '[' | ']' | '$' | '/');
    let is_name = text.trim_start_matches(['$', '.', '/']).starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    is_name && text.len() <= MAX_FIELD_PATH && text.chars().all(fits)
}

fn bounded_constraint(constraint: FieldConstraint) -> FieldConstraint {
    let FieldConstraint { format, pattern, allowed, min_length, max_length } = constraint;
    FieldConstraint {
        format: format.map(|format| bounded(&format, MAX_FIELD_PATH)),
        pattern: pattern.map(|pattern| bounded(&pattern, MAX_FIELD_MESSAGE)),
        allowed: allowed.iter().take(MAX_ALLOWED_VALUES).map(|value| bounded(value, MAX_FIELD_PATH)).collect(),
        min_length,
        max_length,
    }
}

fn bounded(text: &str, max_chars: usize) -> String {
    text.chars().take(max_chars).collect()
}
