//! Publishing a message, and what the answer means.
//!
//! nats-server gives different answers in the same situation: a stream on one server compares the expected sequence before it looks
//! at the message id, a stream on several does so in the opposite order. What is uncertain stays uncertain here.

use std::time::Duration;

use async_nats::header::{HeaderMap, NATS_EXPECTED_LAST_SUBJECT_SEQUENCE, NATS_EXPECTED_STREAM, NATS_MESSAGE_ID};
use async_nats::jetstream::ErrorCode;
use async_nats::jetstream::publish::PublishAck;
use async_nats::jetstream::response::Response;
use async_nats::{Client, Request, RequestErrorKind};
use bytes::Bytes;

use crate::log::store::LogError;

/// A message that is published only if its subject has not moved on.
#[derive(Debug, Clone)]
pub(super) struct Publish {
    /// The stream that is meant; another one with this subject refuses.
    pub(super) stream: String,
    pub(super) subject: String,
    /// The stream recognizes copies by it, within its duplicate window.
    pub(super) message_id: Option<String>,
    /// The sequence of the last message with this subject; 0: there is none.
    pub(super) expected: u64,
    /// Identifies the writer, which so recognizes its own message when the answer was lost.
    pub(super) writer: Option<String>,
    /// A `traceparent`.
    pub(super) trace: Option<String>,
    pub(super) payload: Bytes,
}

impl Publish {
    /// A message with nothing but a payload, on condition that its subject has none.
    pub(super) fn first(stream: String, subject: String, payload: Bytes) -> Self {
        Self { stream, subject, message_id: None, expected: 0, writer: None, trace: None, payload }
    }
}

/// The header of [`Publish::writer`].
pub(super) const WRITER: &str = "Gridgate-Writer";

/// The header of [`Publish::trace`]: W3C's name, so that other readers of the stream know it.
pub(super) const TRACE: &str = "traceparent";

/// The result of a publish.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Published {
    /// Durable, at this sequence.
    There(u64),
    /// A message with this id is durable, at this sequence.
    Duplicate(u64),
    /// The subject has a newer message, or one is under way; or, on one server, the id is there already.
    Moved,
    /// The stream has reached its size limit.
    Full,
    /// It may be there, or arrive later.
    Unknown(String),
    /// It is not there, and will not arrive.
    Refused(String),
}

/// Publishes, and waits for the answer for at most `wait`.
pub(super) async fn publish(client: &Client, publish: &Publish, wait: Duration) -> Published {
    let Publish { stream, subject, message_id, expected, writer, trace, payload } = publish;
    let mut headers = HeaderMap::new();
    headers.insert(NATS_EXPECTED_STREAM, stream.as_str());
    headers.insert(NATS_EXPECTED_LAST_SUBJECT_SEQUENCE, expected.to_string().as_str());
    if let Some(id) = message_id {
        headers.insert(NATS_MESSAGE_ID, id.as_str());
    }
    if let Some(writer) = writer {
        headers.insert(WRITER, writer.as_str());
    }
    if let Some(trace) = trace {
        headers.insert(TRACE, trace.as_str());
    }
    let request = Request::new().headers(headers).payload(payload.clone()).timeout(Some(wait));
    let answer = match client.send_request(subject.clone(), request).await {
        Ok(answer) => answer,
        Err(error) => {
            return match error.kind() {
                RequestErrorKind::NoResponders => {
                    Published::Refused("the stream has no leader, or JetStream was switched off".to_owned())
                }
                RequestErrorKind::MaxPayloadExceeded => {
                    Published::Refused("the message is larger than the servers allow (max_payload)".to_owned())
                }
                RequestErrorKind::InvalidSubject => Published::Refused(error.kind().to_string()),
                RequestErrorKind::TimedOut | RequestErrorKind::Other => Published::Unknown(error.kind().to_string()),
            };
        }
    };
    match serde_json::from_slice::<Response<PublishAck>>(&answer.payload) {
        Ok(Response::Ok(PublishAck { sequence, duplicate: true, .. })) => Published::Duplicate(sequence),
        Ok(Response::Ok(PublishAck { sequence, duplicate: false, .. })) => Published::There(sequence),
        Ok(Response::Err { error }) => refusal(error.error_code(), &error.to_string()),
        Err(_) => Published::Unknown("the answer cannot be read".to_owned()),
    }
}

fn refusal(code: ErrorCode, text: &str) -> Published {
    const MOVED: [ErrorCode; 2] =
        [ErrorCode::STREAM_WRONG_LAST_SEQUENCE, ErrorCode::STREAM_WRONG_LAST_SEQUENCE_CONSTANT];
    const FULL: [ErrorCode; 2] = [ErrorCode::STORAGE_RESOURCES_EXCEEDED, ErrorCode::STREAM_MAX_STREAM_BYTES_EXCEEDED];
    if MOVED.contains(&code) {
        Published::Moved
    } else if FULL.contains(&code) || (code == ErrorCode::STREAM_STORE_FAILED && text.contains("maximum bytes")) {
        Published::Full
    } else if code == ErrorCode::STREAM_DUPLICATE_MESSAGE_CONFLICT {
        // The first copy may arrive, or not.
        Published::Unknown("a copy is under way".to_owned())
    } else {
        // This includes failures of the store, after which nothing is certain.
        Published::Unknown(format!("NATS answered with error {}", code.0))
    }
}

/// The waits after each try of a compare-and-set that conflicts with another replica's, which servers do not show yet: doubling from
/// 10 ms, seven tries in all.
pub(super) fn waits() -> impl Iterator<Item = Duration> {
    (0..6).map(|n| Duration::from_millis(10) * (1 << n)).chain([Duration::ZERO])
}

/// Every try conflicted.
pub(super) fn contended(what: &str) -> LogError {
    LogError::Unavailable { reason: format!("another replica keeps changing {what}") }
}

pub(super) fn unavailable(error: impl std::fmt::Display) -> LogError {
    LogError::Unavailable { reason: format!("JetStream: {error}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_certain_is_never_taken_for_a_duplicate() {
        assert_eq!(refusal(ErrorCode(10071), "wrong last sequence: 5"), Published::Moved);
        assert_eq!(refusal(ErrorCode(10164), "wrong last sequence"), Published::Moved);
        assert_eq!(refusal(ErrorCode(10077), "maximum bytes exceeded"), Published::Full);
        assert!(matches!(refusal(ErrorCode(10077), "write failed"), Published::Unknown(_)));
        for code in [10158, 10008, 10023, 0, 10999] {
            assert!(matches!(refusal(ErrorCode(code), "?"), Published::Unknown(_)), "{code}");
        }
    }
}
