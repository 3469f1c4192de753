//! The statuses of denied calls.

use tonic::{Code, Status};

use super::details::Details;
use super::{GRIDGATE_DOMAIN, reason};
use crate::identity::Denial;

/// The status of a denied call. It does not say why credentials are invalid: that would only help an attacker who guesses
/// them.
#[must_use]
pub fn denied(denial: &Denial) -> Status {
    match denial {
        Denial::CredentialsMissing => details(reason::CREDENTIALS_MISSING).status(
            Code::Unauthenticated,
            "nothing says who is calling: send a bearer token, or connect with a client certificate",
        ),
        Denial::CredentialsInvalid { why: _ } => {
            details(reason::CREDENTIALS_INVALID).status(Code::Unauthenticated, "the credentials are not valid")
        }
        Denial::CallerUnknown { identity, source: _ } => details(reason::CALLER_UNKNOWN)
            .status(Code::PermissionDenied, &format!("the policy does not name {identity}")),
        Denial::PolicyNeeded => details(reason::POLICY_NEEDED).status(
            Code::PermissionDenied,
            "this method can redirect every webhook, so only a policy grants it: start gridgate with \
             GRIDGATE_IDENTITY_POLICY_FILE, and let the policy name the method for its caller (docs/IDENTITY.md)",
        ),
        Denial::MethodNotAllowed { caller, by_name_only } => {
            let how = if *by_name_only {
                ": only its exact name in the policy grants it, a pattern with * does not"
            } else {
                ""
            };
            details(reason::METHOD_NOT_ALLOWED)
                .metadata("caller", caller.name().to_owned())
                .status(Code::PermissionDenied, &format!("{} may not call this method{how}", caller.name()))
        }
        Denial::MethodUnknown { caller: _ } => method_unknown(),
        Denial::RateLimited { caller, retry_after } => details(reason::RATE_LIMITED)
            .metadata("caller", caller.name().to_owned())
            .retry(Some(*retry_after))
            .status(Code::ResourceExhausted, &format!("{} has used up its rate of calls", caller.name())),
        Denial::TooManyFailures { retry_after } => details(reason::TOO_MANY_FAILURES)
            .retry(Some(*retry_after))
            .status(Code::ResourceExhausted, "too many calls without valid credentials"),
    }
}

/// The status of a call to a method that does not exist.
#[must_use]
pub fn method_unknown() -> Status {
    details(reason::METHOD_UNKNOWN).status(Code::Unimplemented, "there is no such method")
}

/// The status of a stream whose caller may now see other things than when it began.
#[must_use]
pub fn policy_changed() -> Status {
    details(reason::POLICY_CHANGED)
        .status(Code::Unavailable, "what this caller may see has changed: call again with the last token")
}

/// The status of a request for more than its caller may see.
pub(super) fn not_watchable(filter: &'static str, description: &str) -> Status {
    details(reason::WATCH_NOT_ALLOWED)
        .metadata("filter", filter.to_owned())
        .status(Code::PermissionDenied, &format!("{filter} {description}"))
}

fn details(reason: &str) -> Details {
    Details::new(GRIDGATE_DOMAIN, reason)
}
