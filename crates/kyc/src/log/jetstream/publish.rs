//! One publish, and what its answer means.
//!
//! nats-server says the same thing in different ways: a stream of one replica compares the expected sequence before it
//! looks at the message id, one of several does it the other way round. What is uncertain stays uncertain here.

use std::time::Duration;

use async_nats::header::{HeaderMap, NATS_EXPECTED_LAST_SUBJECT_SEQUENCE, NATS_EXPECTED_STREAM, NATS_MESSAGE_ID};
use async_nats::jetstream::publish::PublishAck;
use async_nats::jetstream::response::Response;
use async_nats::{Client, Request, RequestErrorKind};
use bytes::Bytes;

use async_nats::jetstream::ErrorCode;

/// A message that is published only if its subject has not moved on.
#[derive(Debug, Clone)]
pub(super) struct Publish {
    /// The stream that is meant; another one that listens to the subject refuses.
    pub(super) stream: String,
    /// The subject.
    pub(super) subject: String,
    /// Tells copies apart from others, for as long as the stream remembers.
    pub(super) message_id: Option<String>,
    /// The sequence of the last message of this subject; 0: there is none.
    pub(super) expected: u64,
    /// Which writer this is, for recognizing one's own message when its answer was lost.
    pub(super) writer: Option<String>,
    /// The trace that it belongs to, as the value of the header.
    pub(super) trace: Option<String>,
    /// The message.
    pub(super) payload: Bytes,
}

/// The header that says which writer wrote a message.
pub(super) const WRITER: &str = "Gridgate-Writer";

/// The header that says which trace a message belongs to: W3C's own, so that whatever else reads the stream knows it.
pub(super) const TRACE: &str = "traceparent";

/// What became of a publish.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Published {
    /// It is there, durably, at this sequence.
    There(u64),
    /// A message with this id is there, durably, at this sequence.
    Duplicate(u64),
    /// The subject has moved on, or another message for it is on its way; or, with one replica, the id is there already.
    Moved,
    /// The stream is at its size limit.
    Full,
    /// Whether it is there, or will be, is not known.
    Unknown(String),
    /// It is not there, and will not be.
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
        // A first copy is on its way. It may arrive, or not.
        Published::Unknown("a copy is on its way".to_owned())
    } else {
        // Among these are failures of the store, after which nothing is certain.
        Published::Unknown(format!("NATS answered with error {}", code.0))
    }
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
