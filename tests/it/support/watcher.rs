//! A stream as its reader sees it.

use gridgate::pb;
use gridgate::pb::WatchKycStatusResponse;
use gridgate::pb::snapshot_entry::Entry;
use gridgate::pb::watch_kyc_status_response::Event;
use tonic::{Status, Streaming};

use crate::support::soon;

/// Reads one stream.
pub struct Watcher {
    stream: Streaming<WatchKycStatusResponse>,
}

impl Watcher {
    pub fn new(stream: Streaming<WatchKycStatusResponse>) -> Self {
        Self { stream }
    }

    /// The next response; none at the end.
    pub async fn next(&mut self) -> Result<Option<WatchKycStatusResponse>, Status> {
        soon("a response, or the end", self.stream.message()).await
    }

    /// The next response, which has to come.
    pub async fn response(&mut self) -> WatchKycStatusResponse {
        self.next().await.unwrap().expect("the stream goes on")
    }

    /// The next response but heartbeats, in words.
    pub async fn hear(&mut self) -> String {
        loop {
            let said = words(&self.response().await);
            if said != "heartbeat" {
                return said;
            }
        }
    }

    /// The next responses but heartbeats, in words.
    pub async fn hear_several(&mut self, count: usize) -> Vec<String> {
        let mut heard = Vec::new();
        while heard.len() < count {
            heard.push(self.hear().await);
        }
        heard
    }

    /// Responses but heartbeats until this one, in words; and its token.
    pub async fn hear_until(&mut self, last: &str) -> (Vec<String>, String) {
        let mut heard = Vec::new();
        loop {
            let response = self.response().await;
            let said = words(&response);
            if said == last {
                return (heard, response.resume_token);
            }
            if said != "heartbeat" {
                heard.push(said);
            }
        }
    }

    /// The rest, in words, and how it ends.
    pub async fn hear_all(&mut self) -> (Vec<String>, Option<Status>) {
        let mut heard = Vec::new();
        loop {
            match self.next().await {
                Ok(Some(response)) => heard.push(words(&response)),
                Ok(None) => return (heard, None),
                Err(status) => return (heard, Some(status)),
            }
        }
    }
}

fn name(id: &str) -> &str {
    id.split_once(':').map_or(id, |(_, name)| name)
}

/// A response, in words: `a PENDING` is a change, `row a PENDING` one of the snapshot.
pub fn words(response: &WatchKycStatusResponse) -> String {
    assert!(!response.resume_token.is_empty(), "each response has a token");
    match response.event.as_ref().expect("each says something") {
        Event::StatusChange(change) => change_in_words(change),
        Event::VerificationUpdate(update) => update_in_words(update),
        Event::SnapshotEntry(row) => match row.entry.as_ref().unwrap() {
            Entry::Customer(row) => {
                let deleted = if row.is_deleted { " deleted" } else { "" };
                format!("row {} {}{deleted}", name(&row.customer_id), row.status_raw)
            }
            Entry::Verification(row) => {
                format!("row {}/{} {}", name(&row.customer_id), name(&row.verification_id), row.status_raw)
            }
        },
        Event::Synced(_) => "synced".to_owned(),
        Event::Heartbeat(_) => "heartbeat".to_owned(),
        Event::GoingAway(bye) => format!("bye {:?}", bye.reason()),
    }
}

fn change_in_words(change: &pb::KycStatusChange) -> String {
    let deleted = if change.is_deleted { " deleted" } else { "" };
    let outcome = outcome(change.record.as_ref());
    format!("{} {}{deleted}{outcome}", name(&change.customer_id), change.status_raw)
}

fn update_in_words(update: &pb::VerificationUpdate) -> String {
    let (customer, verification) = (name(&update.customer_id), name(&update.verification_id));
    format!("{customer}/{verification} {}{}", update.status_raw, outcome(update.record.as_ref()))
}

fn outcome(record: Option<&pb::KycEventRecord>) -> String {
    match record.unwrap().outcome() {
        pb::KycEventOutcome::Change => String::new(),
        other => format!(" ({other:?})"),
    }
}

/// An event of a list, in words.
pub fn listed(event: &pb::KycEvent) -> String {
    assert!(!event.resume_token.is_empty(), "each event has a token");
    match event.event.as_ref().unwrap() {
        pb::kyc_event::Event::StatusChange(change) => change_in_words(change),
        pb::kyc_event::Event::VerificationUpdate(update) => update_in_words(update),
    }
}
