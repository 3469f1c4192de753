//! What becomes of a webhook, and what Grid is answered.

use axum::response::{IntoResponse, Response};
use http::StatusCode;
use http::header::{CONNECTION, CONTENT_TYPE, HeaderValue};

use super::signature::InvalidSignature;

macro_rules! outcomes {
    ($($(#[$doc:meta])* $name:ident = $status:literal, $word:literal, $message:literal;)+) => {
        /// What became of a webhook. Each has one answer; those of the relay are passed on as they come, and not here.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Outcome {
            $($(#[$doc])* $name,)+
        }

        impl Outcome {
            /// Every outcome.
            pub const ALL: &'static [Self] = &[$(Self::$name),+];

            /// A word for it, for logs and metrics.
            #[must_use]
            pub fn word(self) -> &'static str {
                match self { $(Self::$name => $word,)+ }
            }

            /// The HTTP status it is answered with.
            #[must_use]
            pub fn status(self) -> StatusCode {
                let status = match self { $(Self::$name => $status,)+ };
                StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
            }

            /// The body it is answered with, in the form of Grid's own errors (`status`, `code`, `message`).
            fn body(self) -> &'static str {
                match self {
                    $(Self::$name => concat!(
                        "{\"status\":", $status, ",\"code\":\"", $word, "\",\"message\":\"", $message, "\"}"
                    ),)+
                }
            }
        }
    };
}

outcomes! {
    /// It is in the log, durably.
    Recorded = 200, "recorded", "Recorded.";
    /// A copy of it was in the log already, for certain. Grid stops sending it.
    Duplicate = 409, "duplicate", "This webhook was recorded before.";
    /// It is about KYC and could not be understood; what may be kept of it is in quarantine, durably.
    Quarantined = 200, "quarantined", "The data could not be understood; kept for inquiry.";
    /// A copy of it was in quarantine already.
    QuarantinedBefore = 409, "quarantined_before", "This webhook was kept for inquiry before.";
    /// A test of the endpoint.
    Tested = 200, "tested", "The endpoint works.";
    /// It is not about KYC, its response has no effect, and no relay is configured.
    Acknowledged = 200, "acknowledged", "Not about KYC; acknowledged, and not processed.";
    /// A payment asks for approval, and no relay is configured. It must not be approved by accident.
    PaymentUndecided = 503, "payment_undecided", "No relay is configured to decide on payments.";
    /// The relay took too long.
    RelayTimedOut = 503, "relay_timed_out", "The relay did not respond in time.";
    /// The relay could not be reached.
    RelayUnreachable = 503, "relay_unreachable", "The relay is unreachable.";
    /// The relay's response was unreadable or over the size limit.
    RelayBroken = 503, "relay_broken", "The relay's response was unreadable or too large.";
    /// No signature.
    SignatureMissing = 401, "signature_missing", "X-Grid-Signature is missing.";
    /// More than one signature.
    SignatureRepeated = 401, "signature_repeated", "There is more than one X-Grid-Signature.";
    /// A malformed signature.
    SignatureMalformed = 401, "signature_malformed", "X-Grid-Signature is malformed.";
    /// A signature of an unknown version.
    SignatureVersionUnknown = 401, "signature_version_unknown", "X-Grid-Signature is of an unknown version.";
    /// A signature by none of the keys, or of another body.
    SignatureMismatch = 401, "signature_mismatch", "The signature is not of this body by an active key.";
    /// Correctly signed, but not a webhook.
    NotAWebhook = 400, "not_a_webhook", "The body is not a JSON object with an id and a type.";
    /// The body is too large.
    TooLarge = 413, "too_large", "The body is too large.";
    /// The body came too slowly.
    BodyTimedOut = 408, "body_timed_out", "The body took too long.";
    /// The connection broke before the end of the body.
    BodyIncomplete = 400, "body_incomplete", "The body is incomplete.";
    /// Other bodies use all the memory for bodies.
    Busy = 503, "busy", "Too many bodies are being read; try again.";
    /// The log is not open yet.
    Starting = 503, "starting", "The event log is not open yet; try again.";
    /// The log did not confirm that it is recorded.
    LogUnavailable = 503, "log_unavailable", "It could not be recorded now; try again.";
    /// The log did not confirm in time that it is recorded.
    LogTimedOut = 503, "log_timed_out", "It was not recorded in time; try again.";
    /// Another method than POST.
    WrongMethod = 405, "wrong_method", "Webhooks are sent by POST.";
    /// Another path than the one for webhooks.
    WrongPath = 404, "wrong_path", "No such path.";
}

impl Outcome {
    /// Whether the rest of the request is not worth reading, so that the connection ends with the answer.
    fn ends_connection(self) -> bool {
        matches!(self, Self::TooLarge | Self::BodyTimedOut | Self::BodyIncomplete | Self::Busy)
    }
}

impl From<InvalidSignature> for Outcome {
    fn from(invalid: InvalidSignature) -> Self {
        match invalid {
            InvalidSignature::Missing => Self::SignatureMissing,
            InvalidSignature::Several => Self::SignatureRepeated,
            InvalidSignature::Malformed => Self::SignatureMalformed,
            InvalidSignature::UnknownVersion => Self::SignatureVersionUnknown,
            InvalidSignature::Mismatch => Self::SignatureMismatch,
        }
    }
}

impl IntoResponse for Outcome {
    fn into_response(self) -> Response {
        let mut response = (self.status(), self.body()).into_response();
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        if self.ends_connection() {
            headers.insert(CONNECTION, HeaderValue::from_static("close"));
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_answer_is_json_and_says_its_status_and_its_word() {
        for outcome in Outcome::ALL {
            let body: serde_json::Value = serde_json::from_str(outcome.body()).unwrap();
            assert_eq!(body["status"], outcome.status().as_u16(), "{outcome:?}");
            assert_eq!(body["code"], outcome.word());
            assert!(body["message"].as_str().unwrap().len() > 5);
        }
    }

    #[test]
    fn only_what_is_kept_or_needs_no_keeping_is_acknowledged() {
        use Outcome::{Acknowledged, Duplicate, Quarantined, QuarantinedBefore, Recorded, Tested};
        for outcome in Outcome::ALL {
            let expected = match outcome.status().as_u16() {
                200 => &[Recorded, Quarantined, Tested, Acknowledged][..],
                409 => &[Duplicate, QuarantinedBefore][..],
                _ => continue,
            };
            assert!(expected.contains(outcome), "{outcome:?}");
        }
    }
}
