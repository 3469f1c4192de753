//! Responses as JSON, a line each, for other programs.

use super::follow::View;
use crate::pb;
use prost::Message as _;
use prost_reflect::{DescriptorError, DescriptorPool, DynamicMessage, MessageDescriptor};
use std::io::{self, Write};

const RESPONSE: &str = "gridgate.v1.WatchKycStatusResponse";

/// The JSON of a response is protobuf's own (<https://protobuf.dev/programming-guides/json/>), as `buf curl` prints it.
pub(super) struct JsonLines<W> {
    out: W,
    response: MessageDescriptor,
}

impl<W: Write> JsonLines<W> {
    /// Writes to `out`.
    ///
    /// # Errors
    /// The descriptors that were compiled in cannot be read.
    pub(super) fn new(out: W) -> Result<Self, JsonError> {
        let pool = DescriptorPool::decode(pb::FILE_DESCRIPTOR_SET)?;
        let response = pool.get_message_by_name(RESPONSE).ok_or(JsonError::NoResponse)?;
        Ok(Self { out, response })
    }
}

/// Why nothing can be printed.
#[derive(Debug, thiserror::Error)]
pub(super) enum JsonError {
    #[error("the descriptors of the API cannot be read")]
    Descriptors(#[from] DescriptorError),
    #[error("the API has no {RESPONSE}")]
    NoResponse,
}

impl<W: Write + Send> View for JsonLines<W> {
    fn show(&mut self, response: &pb::WatchKycStatusResponse) -> io::Result<()> {
        let message = DynamicMessage::decode(self.response.clone(), response.encode_to_vec().as_slice());
        let message = message.map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
        let mut line = serde_json::to_vec(&message)?;
        line.push(b'\n');
        self.out.write_all(&line)?;
        self.out.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pb::watch_kyc_status_response::Event;

    #[test]
    fn a_response_is_one_line_of_protobufs_json() {
        let mut out = Vec::new();
        let change = pb::KycStatusChange {
            customer_id: "Customer:1".to_owned(),
            status: pb::KycStatus::Approved.into(),
            status_raw: "APPROVED".to_owned(),
            is_decision: true,
            record: Some(pb::KycEventRecord {
                recorded_at: Some(prost_types::Timestamp { seconds: 0, nanos: 500_000_000 }),
                ..Default::default()
            }),
            ..Default::default()
        };
        let event = Some(Event::StatusChange(change));
        let response = pb::WatchKycStatusResponse { resume_token: "abc".to_owned(), event };
        let mut lines = JsonLines::new(&mut out).unwrap();
        lines.show(&response).unwrap();
        lines.show(&response).unwrap();
        let text = String::from_utf8(out).unwrap();
        let expected = concat!(
            r#"{"resumeToken":"abc","statusChange":{"record":{"recordedAt":"1970-01-01T00:00:00.500Z"},"#,
            r#""customerId":"Customer:1","status":"KYC_STATUS_APPROVED","statusRaw":"APPROVED","isDecision":true}}"#,
        );
        assert_eq!(text.lines().collect::<Vec<_>>(), [expected, expected]);
    }
}
