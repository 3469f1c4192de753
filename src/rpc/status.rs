//! The only place where an error becomes a `tonic::Status`. `docs/ERRORS.md` is its table.
//!
//! A status carries `google.rpc.Status` details: `ErrorInfo` always; `BadRequest` and `gridgate.v1.FieldErrors` for bad
//! fields; `RetryInfo` (and `grpc-retry-pushback-ms`, gRFC A6) where it is known when to come back; `ResourceInfo` for
//! what a call was about. Encoded they stay under [`MAX_DETAILS`].

mod bare;
mod details;
mod existing;
mod identity;
mod load;
mod log;
mod table;

use std::time::Duration;

use heck::{ToShoutySnakeCase as _, ToSnakeCase as _};
use jiff::Timestamp;
use tonic::{Code, Status};

use super::error::{Error, Resource, Violations};
use super::field_path;
use super::refused::MalformedTimeout;
use crate::grid::{self, Operation, Refusal};
use crate::pb;
pub use bare::{Direction, code_name, explained};
pub use details::MAX_DETAILS;
use details::{BadField, Details};
pub use identity::{denied, method_unknown, policy_changed};
pub use load::{not_buffered, overloaded, too_many_streams};
pub use table::code;

/// `ErrorInfo.domain` of an error whose reason is Grid's own code.
pub const GRID_DOMAIN: &str = "grid.lightspark.com";
/// `ErrorInfo.domain` of an error whose reason is one of [`reason`].
pub const GRIDGATE_DOMAIN: &str = "gridgate";

/// The reasons of the domain [`GRIDGATE_DOMAIN`].
pub mod reason {
    /// The request can never be right; Grid was not asked.
    pub const INVALID_REQUEST: &str = "INVALID_REQUEST";
    /// Grid answered with an error and no code.
    pub const GRID_ERROR: &str = "GRID_ERROR";
    /// Grid answered with a redirect.
    pub const GRID_REDIRECTED: &str = "GRID_REDIRECTED";
    /// Grid could not be reached; it did not act.
    pub const GRID_UNREACHABLE: &str = "GRID_UNREACHABLE";
    /// Grid has been failing, so nothing was sent.
    pub const GRID_CIRCUIT_OPEN: &str = "GRID_CIRCUIT_OPEN";
    /// Too many requests to Grid are under way, so nothing was sent.
    pub const GRID_SATURATED: &str = "GRID_SATURATED";
    /// Grid did not answer a read.
    pub const GRID_NO_ANSWER: &str = "GRID_NO_ANSWER";
    /// Grid's answer to a read can't be understood.
    pub const GRID_UNREADABLE: &str = "GRID_UNREADABLE";
    /// A mutation was sent and its answer was lost: it may have been carried out.
    pub const OUTCOME_UNKNOWN: &str = "OUTCOME_UNKNOWN";
    /// The caller's stream of messages ended early; Grid has no complete file.
    pub const UPLOAD_BROKEN_OFF: &str = "UPLOAD_BROKEN_OFF";
    /// Uploads under way hold all the memory there is for uploads.
    pub const UPLOADS_BUSY: &str = "UPLOADS_BUSY";
    /// A resume token is of another log, or none at all.
    pub const RESUME_TOKEN_FOREIGN: &str = "RESUME_TOKEN_FOREIGN";
    /// The log no longer holds what follows the place that was asked for.
    pub const RESUME_TOKEN_EXPIRED: &str = "RESUME_TOKEN_EXPIRED";
    /// This replica has not seen the end of the log for too long.
    pub const REPLICA_BEHIND: &str = "REPLICA_BEHIND";
    /// The event log can't be read or written now.
    pub const LOG_UNAVAILABLE: &str = "LOG_UNAVAILABLE";
    /// The event log holds what can't be understood.
    pub const LOG_CORRUPT: &str = "LOG_CORRUPT";
    /// Grid has no such customer.
    pub const CUSTOMER_UNKNOWN: &str = "CUSTOMER_UNKNOWN";
    /// Grid wants fewer requests.
    pub const GRID_RATE_LIMITED: &str = "GRID_RATE_LIMITED";
    /// Grid refused to say a customer's status, or said it in a way that can't be understood.
    pub const GRID_REFUSED: &str = "GRID_REFUSED";
    /// As many calls as can be are served.
    pub const OVERLOADED: &str = "OVERLOADED";
    /// As many streams as can be are open.
    pub const TOO_MANY_STREAMS: &str = "TOO_MANY_STREAMS";
    /// The caller's deadline passed.
    pub const DEADLINE_EXCEEDED: &str = "DEADLINE_EXCEEDED";
    /// The request's message, or the next part of it, did not come in time.
    pub const REQUEST_TOO_SLOW: &str = "REQUEST_TOO_SLOW";
    /// The request's message is larger than one may be.
    pub const MESSAGE_TOO_LARGE: &str = "MESSAGE_TOO_LARGE";
    /// The answer is larger than one may be.
    pub const RESPONSE_TOO_LARGE: &str = "RESPONSE_TOO_LARGE";
    /// The call has no message, or more than the one that the method takes.
    pub const NOT_ONE_MESSAGE: &str = "NOT_ONE_MESSAGE";
    /// The request's message can't be decoded.
    pub const MESSAGE_UNDECODABLE: &str = "MESSAGE_UNDECODABLE";
    /// The request's message is compressed in a way that is not known here.
    pub const ENCODING_UNKNOWN: &str = "ENCODING_UNKNOWN";
    /// The health of a service was asked for that does not exist.
    pub const SERVICE_UNKNOWN: &str = "SERVICE_UNKNOWN";
    /// The caller broke its request off.
    pub const REQUEST_BROKEN_OFF: &str = "REQUEST_BROKEN_OFF";
    /// The caller's `grpc-timeout` is not what gRPC allows.
    pub const MALFORMED_TIMEOUT: &str = "MALFORMED_TIMEOUT";
    /// The event log is not open yet.
    pub const STARTING: &str = "STARTING";
    /// gridgate is being shut down, and was not going to end this call otherwise.
    pub const SHUTTING_DOWN: &str = "SHUTTING_DOWN";
    /// Its connection has had its time.
    pub const CONNECTION_AGED: &str = "CONNECTION_AGED";
    /// The call brings nothing that says who makes it.
    pub const CREDENTIALS_MISSING: &str = "CREDENTIALS_MISSING";
    /// What the call brings to say who makes it is wrong.
    pub const CREDENTIALS_INVALID: &str = "CREDENTIALS_INVALID";
    /// The policy does not name the caller.
    pub const CALLER_UNKNOWN: &str = "CALLER_UNKNOWN";
    /// Only a policy grants the method, and there is none.
    pub const POLICY_NEEDED: &str = "POLICY_NEEDED";
    /// The policy does not let the caller call this method.
    pub const METHOD_NOT_ALLOWED: &str = "METHOD_NOT_ALLOWED";
    /// There is no such method.
    pub const METHOD_UNKNOWN: &str = "METHOD_UNKNOWN";
    /// The policy does not let the caller see all that the request is about.
    pub const WATCH_NOT_ALLOWED: &str = "WATCH_NOT_ALLOWED";
    /// The caller has used up the rate that the policy gives it.
    pub const RATE_LIMITED: &str = "RATE_LIMITED";
    /// Too many calls with wrong credentials came from the same address.
    pub const TOO_MANY_FAILURES: &str = "TOO_MANY_FAILURES";
    /// What the policy lets the caller see was changed while a stream ran.
    pub const POLICY_CHANGED: &str = "POLICY_CHANGED";
}

/// How long a caller should wait before another upload, when uploads hold all their memory.
const UPLOADS_BUSY_RETRY: Duration = Duration::from_secs(1);

impl From<Error> for Status {
    fn from(error: Error) -> Self {
        match error {
            Error::Invalid(violations) => invalid(&violations),
            Error::Grid { error, about } => grid(&error, about.map(|about| *about)),
            Error::UploadsBusy => Details::new(GRIDGATE_DOMAIN, reason::UPLOADS_BUSY)
                .retry(Some(UPLOADS_BUSY_RETRY))
                .status(Code::ResourceExhausted, "too many uploads are under way"),
            Error::BrokenStream(status) => status,
            Error::Log(error) => log::status(&error),
            Error::Token(error) => log::foreign(&error.to_string()),
            Error::Behind { resume_token } => log::behind(resume_token),
            Error::Expired { oldest_resume_token } => log::expired(oldest_resume_token),
            Error::Source { error, about } => log::source(&error, *about),
            Error::NotWatchable { filter, description } => identity::not_watchable(filter, &description),
        }
    }
}

/// The status of a call whose deadline passed before it was answered.
#[must_use]
pub fn deadline_exceeded() -> Status {
    Details::new(GRIDGATE_DOMAIN, reason::DEADLINE_EXCEEDED)
        .status(Code::DeadlineExceeded, "the deadline passed before the call was answered")
}

/// The status of a call whose future was polled after completion (a bug).
#[must_use]
pub fn polled_after_completion() -> Status {
    Status::internal("the call was answered already")
}

/// The status of a call that is refused for its `grpc-timeout`.
#[must_use]
pub fn malformed_timeout(malformed: &MalformedTimeout) -> Status {
    Details::new(GRIDGATE_DOMAIN, reason::MALFORMED_TIMEOUT).status(Code::InvalidArgument, &malformed.to_string())
}

/// The status of a call that comes before the event log is open.
#[must_use]
pub fn starting() -> Status {
    Details::new(GRIDGATE_DOMAIN, reason::STARTING).status(Code::Unavailable, "gridgate is starting")
}

/// The status of a call without an end of its own, when the server leaves.
#[must_use]
pub fn shutting_down() -> Status {
    Details::new(GRIDGATE_DOMAIN, reason::SHUTTING_DOWN).status(Code::Unavailable, "gridgate is shutting down")
}

/// The status of a call without an end of its own, when its connection has had its time.
#[must_use]
pub fn connection_aged() -> Status {
    Details::new(GRIDGATE_DOMAIN, reason::CONNECTION_AGED)
        .status(Code::Unavailable, "the connection is as old as it may get; the next call goes over a new one")
}

/// The status of a call that was not done when the grace period of a shutdown was over. Nobody knows any more what
/// becomes of a request that is on its way to Grid, so it is not UNAVAILABLE, which meshes repeat.
#[must_use]
pub fn cut_at_shutdown() -> Status {
    Details::new(GRIDGATE_DOMAIN, reason::OUTCOME_UNKNOWN)
        .status(Code::Unknown, "gridgate was shut down before the call was done")
}

fn invalid(violations: &Violations) -> Status {
    let fields = violations
        .list()
        .iter()
        .map(|violation| BadField {
            path: violation.field.clone(),
            description: violation.description.clone(),
            reason: String::new(),
            grid: None,
        })
        .collect::<Vec<_>>();
    let message = match violations.list() {
        [only] => format!("{} {}", only.field, only.description),
        several => format!("{} fields are not valid", several.len()),
    };
    Details::new(GRIDGATE_DOMAIN, reason::INVALID_REQUEST).fields(fields).status(Code::InvalidArgument, &message)
}

fn grid(error: &grid::Error, about: Option<Resource>) -> Status {
    let code = table::code(error);
    report(error, code);
    let operation = error.operation();
    let details = match error {
        grid::Error::Answered(refusal) => answered(refusal).retry(wait(refusal)),
        grid::Error::Redirected { status, .. } => {
            Details::new(GRIDGATE_DOMAIN, reason::GRID_REDIRECTED).metadata("http_status", status.to_string())
        }
        grid::Error::Unreachable { .. } => Details::new(GRIDGATE_DOMAIN, reason::GRID_UNREACHABLE),
        grid::Error::CircuitOpen { retry_after, .. } => {
            Details::new(GRIDGATE_DOMAIN, reason::GRID_CIRCUIT_OPEN).retry(Some(*retry_after))
        }
        grid::Error::Saturated { .. } => Details::new(GRIDGATE_DOMAIN, reason::GRID_SATURATED),
        grid::Error::ReadLost { retry_after, .. } => {
            Details::new(GRIDGATE_DOMAIN, reason::GRID_NO_ANSWER).retry(*retry_after)
        }
        grid::Error::OutcomeUnknown { answered, .. } => {
            let details = Details::new(GRIDGATE_DOMAIN, reason::OUTCOME_UNKNOWN);
            answered.iter().fold(details, |details, status| details.metadata("http_status", status.to_string()))
        }
        grid::Error::Unreadable { .. } => Details::new(GRIDGATE_DOMAIN, reason::GRID_UNREADABLE),
        grid::Error::UploadBrokenOff { .. } => Details::new(GRIDGATE_DOMAIN, reason::UPLOAD_BROKEN_OFF),
        grid::Error::DeadlineExceeded { may_have_acted, .. } => {
            Details::new(GRIDGATE_DOMAIN, reason::DEADLINE_EXCEEDED)
                .metadata("may_have_acted", may_have_acted.to_string())
        }
    };
    let about = match code {
        Code::NotFound | Code::FailedPrecondition => about,
        Code::AlreadyExists => Some(existing::resource(operation, about)),
        _ => None,
    };
    details.metadata("operation", operation.name().to_owned()).resource(about).status(code, &message(error))
}

fn answered(refusal: &Refusal) -> Details {
    let details = match &refusal.code {
        Some(code) => Details::new(GRID_DOMAIN, code),
        None => Details::new(GRIDGATE_DOMAIN, reason::GRID_ERROR),
    };
    let operation = refusal.operation;
    let fields = refusal.field_errors.iter().map(|error| bad_field(refusal, error));
    let file = refusal.precheck_errors.iter().map(|word| bad_file(operation, word));
    let more = refusal.more.iter().map(|(name, text)| (format!("details_{}", name.to_snake_case()), text.clone()));
    details
        .fields(fields.chain(file).collect())
        .extras(more.collect())
        .metadata("http_status", refusal.status.to_string())
}

/// Why Grid rejected an uploaded file automatically, before a review.
fn bad_file(operation: Operation, word: &str) -> BadField {
    const GRID_FIELD: &str = "file";
    let said = match word {
        "dataNotReadable" => ": the data on it can't be read",
        "screenshot" => ": it is a screenshot",
        "grayscale" => ": it is not in colour",
        "documentExpired" => ": it has expired",
        // A word of Grid's that is newer than this.
        _ => "",
    };
    let path = field_path::to_api(operation, GRID_FIELD);
    let grid = pb::FieldError {
        field: path.clone(),
        grid_field: GRID_FIELD.to_owned(),
        message: Some(word.to_owned()),
        ..Default::default()
    };
    let reason = word.to_shouty_snake_case();
    BadField { path, description: format!("{word}{said}"), reason, grid: Some(grid) }
}

fn bad_field(refusal: &Refusal, error: &grid::model::FieldError) -> BadField {
    let grid::model::FieldError { field, message, constraint } = error;
    let path = field_path::to_api(refusal.operation, field);
    let message = message.as_deref().map(|message| in_words(refusal, message));
    let grid::model::FieldConstraint { format, pattern, allowed, min_length, max_length } =
        constraint.clone().unwrap_or_default();
    let grid = pb::FieldError {
        field: path.clone(),
        grid_field: field.clone(),
        message: message.clone(),
        format,
        pattern,
        allowed_values: allowed,
        min_length,
        max_length,
    };
    let description = message.clone().unwrap_or_else(|| "is not valid".to_owned());
    BadField { path, description, reason: String::new(), grid: Some(grid) }
}

fn in_words(refusal: &Refusal, text: &str) -> String {
    field_path::in_words(refusal.operation, text, &refusal.field_errors)
}

/// When to come back: what Grid said in `Retry-After`, or until when the resource is locked.
fn wait(refusal: &Refusal) -> Option<Duration> {
    let locked = refusal.locked_until.and_then(|until| Duration::try_from(until.duration_since(Timestamp::now())).ok());
    refusal.retry_after.or(locked)
}

/// Words for the caller. Grid's own are scrubbed already; the transport's reasons stay in the log.
fn message(error: &grid::Error) -> String {
    match error {
        grid::Error::Answered(refusal) => {
            let (who, nothing) = match is_our_credentials(refusal) {
                true => ("Grid refused gridgate's credentials", String::new()),
                false => ("Grid", format!(" answered {}", refusal.status)),
            };
            let said = refusal.message.as_deref();
            let said = said.map_or(nothing, |message| format!(": {}", in_words(refusal, message)));
            format!("{who}{said}")
        }
        grid::Error::Redirected { .. } => "Grid answered with a redirect, which is not followed".to_owned(),
        grid::Error::Unreachable { .. } => "Grid can't be reached; nothing was done".to_owned(),
        grid::Error::CircuitOpen { .. } => "Grid has been failing, so it was not asked; nothing was done".to_owned(),
        grid::Error::Saturated { .. } => "too many calls to Grid are under way; nothing was done".to_owned(),
        grid::Error::ReadLost { .. } => "Grid did not answer".to_owned(),
        grid::Error::OutcomeUnknown { answered: Some(status), .. } => format!(
            "Grid answered {status}, and its answer can't be understood: the request was most likely carried out; look before \
             repeating it"
        ),
        grid::Error::OutcomeUnknown { answered: None, .. } => {
            "the request was sent to Grid and its answer was lost: it may have been carried out; look before repeating it"
                .to_owned()
        }
        grid::Error::Unreadable { .. } => "Grid's answer can't be understood".to_owned(),
        grid::Error::UploadBrokenOff { .. } => "the stream of messages ended early; Grid has no complete file".to_owned(),
        grid::Error::DeadlineExceeded { may_have_acted: true, .. } => {
            "the deadline passed; the request was sent to Grid and may have been carried out".to_owned()
        }
        grid::Error::DeadlineExceeded { may_have_acted: false, .. } => "the deadline passed; nothing was done".to_owned(),
    }
}

fn is_our_credentials(refusal: &Refusal) -> bool {
    refusal.status == 401 && table::code_of_refusal(refusal) == Code::Internal
}

/// Says once what went wrong: loudly what an operator has to mend, quietly what is the caller's affair.
fn report(error: &grid::Error, code: Code) {
    let operation = error.operation().name();
    if let grid::Error::Answered(refusal) = error
        && is_our_credentials(refusal)
    {
        tracing::error!(operation, %error, "Grid refuses our credentials: check GRID_CLIENT_ID and GRID_CLIENT_SECRET");
    } else if matches!(code, Code::Internal | Code::Unknown | Code::Unavailable) {
        tracing::warn!(operation, ?code, %error, "a call to Grid failed");
    } else {
        tracing::debug!(operation, ?code, %error, "a call to Grid was not carried out");
    }
}

#[cfg(test)]
mod tests;
