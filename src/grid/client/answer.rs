//! Reading a complete answer: the JSON of a success, the error of a refusal.

use std::time::Duration;

use jiff::Timestamp;
use reqwest::header::{DATE, RETRY_AFTER};
use serde::de::{DeserializeOwned, IgnoredAny};
use serde_json::error::Category;

use super::scrub::Scrubber;
use super::transport::Answer;
use crate::grid::model::{ErrorBody, ErrorDetails, FieldConstraint, FieldError};
use crate::grid::{Operation, Refusal};

const MAX_MESSAGE: usize = 1024;
const MAX_FIELD_MESSAGE: usize = 512;
const MAX_FIELD_PATH: usize = 256;
const MAX_CODE: usize = 64;
const MAX_FIELD_ERRORS: usize = 100;
/// A longer wait is as good as none to a caller, and need not fit every representation of a duration.
const MAX_RETRY_AFTER: Duration = Duration::from_secs(24 * 60 * 60);
const MAX_ALLOWED_VALUES: usize = 300;
const MAX_PRECHECKS: usize = 20;
const MAX_MORE: usize = 16;

/// Why a successful answer's body can't be used.
#[derive(Debug)]
pub(in crate::grid) enum Misread {
    /// It is not JSON: cut off, or not Grid's at all. Asking again may help.
    Garbled(String),
    /// It is JSON of another shape than documented. Asking again won't help.
    Unfit(String),
}

impl Answer {
    /// The body as JSON: always an object, since serde would read a list as a struct whose fields are all there may be.
    pub(in crate::grid) fn json<T: DeserializeOwned>(&self) -> Result<T, Misread> {
        if self.body().trim_ascii_start().first() != Some(&b'{') {
            return Err(match serde_json::from_slice::<IgnoredAny>(self.body()) {
                Ok(IgnoredAny) => Misread::Unfit("JSON, but no object".to_owned()),
                Err(_) => Misread::Garbled("no JSON".to_owned()),
            });
        }
        serde_json::from_slice(self.body()).map_err(|error| {
            // The error's own words would quote the answer.
            let place = format!("line {}, column {}", error.line(), error.column());
            match error.classify() {
                Category::Data => Misread::Unfit(format!("unexpected JSON at {place}")),
                Category::Io | Category::Syntax | Category::Eof => Misread::Garbled(format!("no JSON at {place}")),
            }
        })
    }

    /// When Grid answered, by its own clock, to the second (`Date`, RFC 9110 section 6.6.1).
    pub(super) fn date(&self) -> Option<Timestamp> {
        let date = httpdate::parse_http_date(self.headers().get(DATE)?.to_str().ok()?).ok()?;
        Timestamp::try_from(date).ok()
    }

    /// `Retry-After` as a time from now: seconds, or an HTTP date (RFC 9110 section 10.2.3), which is measured
    /// against Grid's own `Date` where it sent one, so that a clock that is off here does not matter. At most a day.
    pub(super) fn retry_after(&self) -> Option<Duration> {
        let value = self.headers().get(RETRY_AFTER)?.to_str().ok()?.trim();
        if let Ok(seconds) = value.parse() {
            return Some(Duration::from_secs(seconds).min(MAX_RETRY_AFTER));
        }
        let until = Timestamp::try_from(httpdate::parse_http_date(value).ok()?).ok()?;
        let now = self.date().unwrap_or_else(Timestamp::now);
        Some(Duration::try_from(until.duration_since(now)).unwrap_or_default().min(MAX_RETRY_AFTER))
    }

    /// The error that Grid answered, without what it repeats of the request. A body that is no error of Grid's makes a
    /// refusal with nothing but the status.
    pub(super) fn refusal(&self, operation: Operation, scrubber: &Scrubber) -> Refusal {
        let ErrorBody { code, reason, precheck_errors, details } = ErrorBody::read(self.body());
        let ErrorDetails { errors, locked_until, more } = details;
        let field_error = |error| {
            let FieldError { field, message, constraint } = error;
            FieldError {
                field: bounded(&field, MAX_FIELD_PATH),
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
            field_errors: errors.into_iter().take(MAX_FIELD_ERRORS).map(field_error).collect(),
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
