//! One stream, and what it owes its reader by the model.

use std::collections::BTreeMap;

use gridgate::kyc::id::{CustomerId, EntityKey, VerificationId};
use gridgate::pb::snapshot_entry::Entry;
use gridgate::pb::watch_kyc_status_response::Event as Said;
use gridgate::pb::{KycEventRecord, SnapshotEntry, WatchKycStatusResponse};
use proptest::prelude::*;
use proptest::sample::Index;
use tonic::{Code, Status};

use super::model::{Filter, Model};
use crate::support::watcher::Watcher;
use crate::watch::errors::{metadata, reason};
use crate::watch::requests::{Asking as _, from_earliest};
use crate::watch::rig::Rig;

/// How a stream begins.
#[derive(Debug, Clone)]
pub enum Begin {
    Now {
        with_snapshot: bool,
    },
    Earliest,
    /// With some token that somebody was given.
    Token(Index),
}

pub fn begin() -> impl Strategy<Value = Begin> {
    prop_oneof![
        2 => any::<bool>().prop_map(|with_snapshot| Begin::Now { with_snapshot }),
        1 => Just(Begin::Earliest),
        4 => any::<Index>().prop_map(Begin::Token),
    ]
}

/// What a token was said to mean when it was given.
#[derive(Debug, Clone)]
pub struct Token {
    text: String,
    filter: Filter,
    means: Means,
}

#[derive(Debug, Clone, Copy)]
enum Means {
    /// Everything before this place was said; between the two, nothing is for this filter.
    After { said: usize, considered: usize },
    /// The snapshot begins again.
    Snapshot,
}

/// A stream that has begun.
pub struct Session {
    stream: Watcher,
    filter: Filter,
    /// Everything from here on that matches is still to be said.
    next: usize,
    /// The end of the log when the stream began.
    begun_at: usize,
    synced: bool,
    snapshot: Option<Snapshot>,
}

/// What a snapshot said, until it is synced.
#[derive(Default)]
struct Snapshot {
    /// The place of the change that each row contains.
    rows: BTreeMap<EntityKey, usize>,
    /// The places of changes that came before `synced`.
    changes: Vec<usize>,
}

impl Session {
    /// Begins a stream. None: it was refused, and rightly.
    pub async fn begin(rig: &Rig, model: &Model, filter: &Filter, begin: &Begin, tokens: &[Token]) -> Option<Session> {
        let now = model.events.len();
        let (filter, request, from, snapshot) = match begin {
            Begin::Now { with_snapshot } => {
                let request = filter.request();
                (
                    filter.clone(),
                    gridgate::pb::WatchKycStatusRequest { with_snapshot: *with_snapshot, ..request },
                    now,
                    *with_snapshot,
                )
            }
            Begin::Earliest => {
                let request = gridgate::pb::WatchKycStatusRequest { start: from_earliest().start, ..filter.request() };
                (filter.clone(), request, model.gone, false)
            }
            Begin::Token(_) if tokens.is_empty() => return None,
            Begin::Token(index) => {
                let token = index.get(tokens);
                let request = token.filter.request().resumed(&token.text);
                match token.means {
                    Means::Snapshot => {
                        let request = gridgate::pb::WatchKycStatusRequest { with_snapshot: true, ..request };
                        (token.filter.clone(), request, now, true)
                    }
                    Means::After { said, considered: _ } => (token.filter.clone(), request, said, false),
                }
            }
        };
        let stream = match rig.try_watch(request).await {
            Ok(stream) => stream,
            Err(status) => {
                assert!(from < model.gone, "refused although everything is kept: {status}");
                assert_expired(&status);
                return None;
            }
        };
        if let Begin::Token(index) = begin
            && let Means::After { considered, .. } = index.get(tokens).means
        {
            assert!(considered >= model.gone, "what follows that token is no longer kept");
        }
        let snapshot = snapshot.then(Snapshot::default);
        Some(Session { stream, filter, next: from, begun_at: now, synced: false, snapshot })
    }

    /// The place of the next event that has to be said.
    fn next_wanted(&self, model: &Model) -> Option<usize> {
        (self.next..model.events.len()).find(|&place| self.filter.wants(&model.events[place]))
    }

    /// Whether there is a response that has to come.
    pub fn is_owed(&self, model: &Model) -> bool {
        !self.synced || self.next_wanted(model).is_some()
    }

    /// Reads one response and holds it against the model. None: the stream ended, and rightly.
    pub async fn read(&mut self, model: &Model) -> Option<Token> {
        let response = match self.stream.next().await {
            Ok(response) => response.expect("no goodbye was due"),
            Err(status) => {
                assert!(self.next < model.gone, "broken off although everything is kept: {status}");
                assert_expired(&status);
                return None;
            }
        };
        let WatchKycStatusResponse { resume_token, event } = response;
        let mut considered = model.events.len();
        match event.unwrap() {
            Said::StatusChange(change) => {
                considered = self.hear(model, &change.record.unwrap(), &change.previous_status_raw);
            }
            Said::VerificationUpdate(update) => {
                considered = self.hear(model, &update.record.unwrap(), &update.previous_status_raw);
            }
            Said::SnapshotEntry(row) => self.row(model, row),
            Said::Synced(_) => self.hear_synced(model),
            // Its token says as much as that of what came before it, or more.
            Said::Heartbeat(_) => {}
            Said::GoingAway(bye) => panic!("{bye:?}"),
        }
        let (text, filter) = (resume_token, self.filter.clone());
        let means = match self.snapshot {
            Some(_) => Means::Snapshot,
            None => Means::After { said: self.next, considered },
        };
        Some(Token { text, filter, means })
    }

    /// An event; says where the log goes on after it.
    fn hear(&mut self, model: &Model, record: &KycEventRecord, previous: &str) -> usize {
        let after = self.snapshot.as_ref().and_then(|snapshot| snapshot.changes.last()).copied().unwrap_or(self.next);
        let place = model.place_of(&record.event_id, after);
        let event = &model.events[place];
        assert!(self.filter.wants(event), "not asked for: {event:?}");
        assert_eq!(previous, model.word_before(place), "what was before");
        if let Some(snapshot) = &mut self.snapshot {
            assert!(snapshot.changes.last().is_none_or(|&last| last < place), "in the order of the log");
            snapshot.changes.push(place);
        } else {
            assert_eq!(Some(place), self.next_wanted(model), "each once, and in the order of the log");
        }
        self.next = place + 1;
        self.next
    }

    fn row(&mut self, model: &Model, row: SnapshotEntry) {
        let snapshot = self.snapshot.as_mut().expect("asked for, and not complete");
        assert!(snapshot.changes.is_empty(), "rows come first");
        let (customer, verification, record) = match row.entry.unwrap() {
            Entry::Customer(row) => (row.customer_id, None, row.record),
            Entry::Verification(row) => (row.customer_id, Some(row.verification_id), row.record),
        };
        let key = EntityKey {
            customer: CustomerId::parse(&customer).unwrap(),
            verification: verification.map(|id| VerificationId::parse(&id).unwrap()),
        };
        let id = record.unwrap().event_id;
        let changes = model.changes_of(&key);
        let mut by_id = changes.iter().copied().filter(|&place| model.events[place].observation.id.as_str() == id);
        let place = by_id.next_back().expect("a row says what a change made so");
        let latest = changes.iter().copied().filter(|&change| change < self.begun_at).max();
        assert!(Some(place) >= latest, "a row is no older than the call");
        assert!(self.filter.wants_subject(&model.events[place].observation.subject));
        assert!(self.filter.wants_entity(&key));
        assert!(snapshot.rows.insert(key, place).is_none(), "each row once");
    }

    fn hear_synced(&mut self, model: &Model) {
        assert!(!self.synced, "synced comes once");
        self.synced = true;
        match self.snapshot.take() {
            None => {
                let missing = self.next_wanted(model).filter(|&place| place < self.begun_at);
                assert_eq!(missing, None, "synced before all was said that had been recorded");
            }
            Some(snapshot) => self.check(model, &snapshot),
        }
    }

    /// Rows and changes together are what is so.
    fn check(&mut self, model: &Model, snapshot: &Snapshot) {
        // A row can contain more than the position that the snapshot is of; then all comes before `synced` up to there.
        let said = snapshot.changes.iter().chain(snapshot.rows.values());
        let end = said.map(|place| place + 1).chain([self.begun_at]).max().unwrap_or_default();
        for key in model.entities().into_iter().filter(|key| self.filter.wants_entity(key)) {
            let own = |place: &usize| model.events[*place].observation.entity() == key;
            let heard: Vec<_> = snapshot.changes.iter().copied().filter(own).collect();
            let row = snapshot.rows.get(&key).copied();
            let from = row.map_or(self.begun_at, |place| self.begun_at.max(place + 1));
            let expected: Vec<_> =
                (from..end).filter(|&place| own(&place) && self.filter.wants(&model.events[place])).collect();
            assert_eq!(heard, expected, "the changes that the row of {key} does not contain");
            let before = model.changes_of(&key).into_iter().filter(|&place| place < self.begun_at).max();
            let wanted =
                before.is_some_and(|place| self.filter.wants_subject(&model.events[place].observation.subject));
            let changed_since = model.changes_of(&key).last().is_some_and(|&last| last >= self.begun_at);
            let known = self.filter.names(&key) || model.is_known_to_the_platform(&key, self.begun_at);
            assert!(row.is_some() || !wanted || !known || changed_since, "{key} is missing in the snapshot");
        }
        self.next = end;
    }

    /// Everything was said: what is left is to say goodbye.
    pub async fn hear_nothing_but_goodbye(&mut self, model: &Model) {
        match self.stream.next().await {
            Ok(Some(WatchKycStatusResponse { event: Some(Said::GoingAway(_)), .. })) => {
                assert!(self.stream.next().await.unwrap().is_none(), "the goodbye is the last word");
            }
            Ok(other) => panic!("said more than there was: {other:?}"),
            Err(status) => assert!(self.next < model.gone, "{status}"),
        }
    }
}

fn assert_expired(status: &Status) {
    assert_eq!(reason(status), (Code::OutOfRange, "RESUME_TOKEN_EXPIRED".to_owned()));
    assert!(!metadata(status, "oldest_resume_token").is_empty());
}
