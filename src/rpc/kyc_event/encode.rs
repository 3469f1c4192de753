//! Events and statuses as messages of the API.

use bytes::{BufMut as _, Bytes, BytesMut};
use prost::Message as _;

use super::resume::token;
use crate::grid::model;
use crate::kyc::event::{Asker, Event, Observation, Outcome, Problem, Source, Subject};
use crate::kyc::head::Head;
use crate::kyc::id::{Epoch, ObservationId};
use crate::pb;
use crate::rpc::open_enum::Word as _;
use crate::rpc::{field_path, timestamp};

/// Tag and wire type of `WatchKycStatusResponse.resume_token`: field 1, length-delimited.
const RESUME_TOKEN_KEY: u8 = 0x0a;

/// The encoded response that delivers an event: the same bytes for all watchers.
pub(super) fn response(epoch: Epoch, event: &Event) -> Bytes {
    let pb::KycEvent { resume_token, event } = kyc_event(epoch, event);
    let event = event.map(|event| match event {
        pb::kyc_event::Event::StatusChange(change) => pb::watch_kyc_status_response::Event::StatusChange(change),
        pb::kyc_event::Event::VerificationUpdate(update) => {
            pb::watch_kyc_status_response::Event::VerificationUpdate(update)
        }
    });
    encode(resume_token, event)
}

/// An encoded response of one stream.
pub(super) fn encode(resume_token: String, event: Option<pb::watch_kyc_status_response::Event>) -> Bytes {
    pb::WatchKycStatusResponse { resume_token, event }.encode_to_vec().into()
}

/// A response with another token, appended: of a field that occurs twice the last one counts (protobuf, "Last One Wins").
pub(super) fn with_token(response: &Bytes, token: &str) -> Bytes {
    let mut bytes = BytesMut::with_capacity(response.len() + token.len() + 2);
    bytes.put_slice(response);
    bytes.put_u8(RESUME_TOKEN_KEY);
    prost::encoding::encode_varint(token.len() as u64, &mut bytes);
    bytes.put_slice(token.as_bytes());
    bytes.freeze()
}

/// An event in a list.
pub(super) fn kyc_event(epoch: Epoch, event: &Event) -> pb::KycEvent {
    let mark = event.mark();
    let Event { position: _, observation, outcome, previous, cause, recorded_at } = event;
    let record = pb::KycEventRecord {
        event_id: observation.id.as_str().to_owned(),
        outcome: outcome_number(*outcome),
        source: source(observation.origin.source()).into(),
        webhook_id: webhook_id(observation.origin.source(), &observation.id),
        cause_event_id: cause.as_ref().map(|id| id.as_str().to_owned()).unwrap_or_default(),
        occurred_at: Some(timestamp::to_pb(event.happened_at())),
        recorded_at: Some(timestamp::to_pb(*recorded_at)),
    };
    let previous_raw = previous.as_ref().map(Subject::status_word).unwrap_or_default().to_owned();
    let Observation { id: _, customer, platform_customer, subject, updated_at: _, origin: _ } = observation;
    let customer_id = customer.as_str().to_owned();
    let platform_customer_id = platform_customer.as_ref().map(|id| id.as_str().to_owned()).unwrap_or_default();
    let event = match subject {
        Subject::Customer { status, deleted } => pb::kyc_event::Event::StatusChange(pb::KycStatusChange {
            record: Some(record),
            customer_id,
            platform_customer_id,
            previous_status: kyc_status(&previous_raw),
            previous_status_raw: previous_raw,
            status: kyc_status(status.as_str()),
            status_raw: status.as_str().to_owned(),
            is_decision: status.is_decision(),
            is_deleted: *deleted,
        }),
        Subject::Verification { id, status, problems } => {
            pb::kyc_event::Event::VerificationUpdate(pb::VerificationUpdate {
                record: Some(record),
                verification_id: id.as_str().to_owned(),
                customer_id,
                platform_customer_id,
                previous_status: verification_status(&previous_raw),
                previous_status_raw: previous_raw,
                status: verification_status(status.as_str()),
                status_raw: status.as_str().to_owned(),
                is_decision: status.is_decision(),
                issues: problems.iter().map(issue).collect(),
            })
        }
    };
    pb::KycEvent { resume_token: token(epoch, mark), event: Some(event) }
}

/// A row of a snapshot.
pub(super) fn snapshot_entry(head: &Head) -> pb::SnapshotEntry {
    let entry = match &head.subject {
        Subject::Customer { .. } => pb::snapshot_entry::Entry::Customer(customer_status(head)),
        Subject::Verification { id, status, problems } => {
            pb::snapshot_entry::Entry::Verification(pb::VerificationState {
                verification_id: id.as_str().to_owned(),
                customer_id: head.customer.as_str().to_owned(),
                platform_customer_id: platform_customer_id(head),
                status: verification_status(status.as_str()),
                status_raw: status.as_str().to_owned(),
                is_decision: status.is_decision(),
                issues: problems.iter().map(issue).collect(),
                record: Some(record_of_head(head)),
            })
        }
    };
    pb::SnapshotEntry { entry: Some(entry) }
}

/// A customer's current status.
pub(super) fn customer_status(head: &Head) -> pb::CustomerKycStatus {
    let word = head.subject.status_word();
    pb::CustomerKycStatus {
        customer_id: head.customer.as_str().to_owned(),
        platform_customer_id: platform_customer_id(head),
        status: kyc_status(word),
        status_raw: word.to_owned(),
        is_decision: head.subject.is_decision(),
        is_deleted: head.subject.is_deleted(),
        record: Some(record_of_head(head)),
    }
}

fn platform_customer_id(head: &Head) -> String {
    head.platform_customer.as_ref().map(|id| id.as_str().to_owned()).unwrap_or_default()
}

fn record_of_head(head: &Head) -> pb::KycEventRecord {
    let event_id = head.observation.as_str().to_owned();
    let webhook_id = webhook_id(head.source, &head.observation);
    pb::KycEventRecord {
        event_id,
        outcome: pb::KycEventOutcome::Change.into(),
        source: source(head.source).into(),
        webhook_id,
        cause_event_id: String::new(),
        occurred_at: Some(timestamp::to_pb(head.changed_at)),
        recorded_at: Some(timestamp::to_pb(head.recorded_at)),
    }
}

fn issue(problem: &Problem) -> pb::VerificationIssue {
    let Problem { kind, field } = problem;
    let field = field.as_deref().unwrap_or_default();
    // The log does not record which resource the field belongs to; the path tells it well enough.
    let field_path = field_path::of_problem(None, field);
    pb::VerificationIssue { r#type: kind.to_string(), field: field.to_owned(), field_path }
}

fn outcome_number(outcome: Outcome) -> i32 {
    let outcome = match outcome {
        Outcome::Change => pb::KycEventOutcome::Change,
        Outcome::Confirmation => pb::KycEventOutcome::Confirmation,
        Outcome::Superseded => pb::KycEventOutcome::Superseded,
        Outcome::Unresolved => pb::KycEventOutcome::Unresolved,
    };
    outcome.into()
}

fn source(source: Source) -> pb::KycEventSource {
    match source {
        Source::Webhook => pb::KycEventSource::Webhook,
        Source::Asked(Asker::Call) => pb::KycEventSource::Answer,
        Source::Asked(Asker::Resolver) => pb::KycEventSource::Resolver,
        Source::Asked(Asker::Reconciler) => pb::KycEventSource::Reconciler,
    }
}

fn webhook_id(source: Source, observation: &ObservationId) -> String {
    match source {
        Source::Webhook => observation.as_str().to_owned(),
        Source::Asked(_) => String::new(),
    }
}

fn kyc_status(word: &str) -> i32 {
    model::KycStatus::from(word).value().into()
}

fn verification_status(word: &str) -> i32 {
    model::VerificationStatus::from(word).value().into()
}
