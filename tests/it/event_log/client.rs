//! A watcher as far as the log goes: snapshot, changes from the ring or from pages, tokens, reconnects.

use std::collections::HashMap;
use std::sync::Arc;

use futures_util::FutureExt;
use gridgate::kyc::event::{Event, Outcome, Subject};
use gridgate::kyc::hub::{Cursor, Step};
use gridgate::kyc::id::{EntityKey, Position};
use gridgate::kyc::log::{EventLog, LogError, Scope};
use gridgate::kyc::token::{Mark, ResumeToken};

use super::suite::all_heads;

/// What a watcher has heard, and where it would go on.
pub struct Client {
    pub scope: Scope,
    /// The token of the last message, as text.
    token: Option<String>,
    /// What it holds to be so.
    pub known: HashMap<EntityKey, Subject>,
    /// The changes it was sent since it last began with a snapshot, and where that was.
    pub changes: Vec<Arc<Event>>,
    pub begun: Position,
    pub expired: usize,
    cursor: Option<Cursor>,
    /// Rows of the snapshot that are newer than the position it was fixed at: not to be repeated.
    newer: HashMap<EntityKey, Position>,
}

impl Client {
    pub fn new(scope: Scope) -> Self {
        Self {
            scope,
            token: None,
            known: HashMap::new(),
            changes: Vec::new(),
            begun: Position::START,
            expired: 0,
            cursor: None,
            newer: HashMap::new(),
        }
    }

    /// Loses the connection.
    pub fn disconnect(&mut self) {
        self.cursor = None;
    }

    /// Takes at most `limit` changes, connecting first where that is needed; true when there is nothing more.
    pub async fn take(&mut self, log: &Arc<EventLog>, limit: usize) -> bool {
        let end = log.hub().end().position;
        if self.cursor.is_none() {
            self.connect(log).await;
        }
        let mut taken = 0;
        while taken < limit {
            let cursor = self.cursor.as_mut().unwrap();
            if cursor.catch_up().position >= end {
                self.token = Some(token(log, cursor.considered()));
                return true;
            }
            let mut batch = Vec::new();
            match cursor.next_batch(&mut batch, limit - taken).now_or_never() {
                None => assert!(cursor.catch_up().position >= end, "it waits although there is something ahead of it"),
                Some(Step::Closed) => panic!("nobody closed the log"),
                Some(Step::Events) => {
                    let considered = cursor.considered();
                    let events = batch.iter().map(|entry| Arc::clone(entry.event())).collect();
                    taken += self.deliver(log, events, considered);
                }
                Some(Step::Behind) => {
                    let page = log.read(cursor.considered().position, &self.scope, limit - taken).await;
                    match page {
                        Ok(page) => {
                            cursor.advance(page.considered);
                            taken += self.deliver(log, page.events, page.considered);
                        }
                        Err(LogError::Expired { .. }) => self.start_over(),
                        Err(error) => panic!("{error}"),
                    }
                    if self.cursor.is_none() {
                        self.connect(log).await;
                    }
                }
            }
        }
        false
    }

    fn deliver(&mut self, log: &Arc<EventLog>, events: Vec<Arc<Event>>, considered: Mark) -> usize {
        let mut sent = 0;
        for event in events {
            let seen = &event.observation;
            assert!(self.scope.includes(&seen.customer, seen.platform_customer.as_ref()));
            let key = seen.entity();
            let in_snapshot = self.newer.get(&key).is_some_and(|position| event.position <= *position);
            if event.outcome == Outcome::Change && !in_snapshot {
                self.known.insert(key, seen.subject.clone());
                self.changes.push(event);
                sent += 1;
            }
        }
        self.token = Some(token(log, considered));
        sent
    }

    async fn connect(&mut self, log: &Arc<EventLog>) {
        let after = match self.token.as_deref().map(|token| ResumeToken::parse(token).unwrap()) {
            Some(ResumeToken::After { epoch, mark }) => match log.admit(epoch, mark).await {
                Ok(()) => Some(mark),
                Err(LogError::Expired { .. }) => {
                    self.start_over();
                    None
                }
                Err(error) => panic!("{error}"),
            },
            Some(ResumeToken::Snapshot { .. }) | None => None,
        };
        let after = match after {
            Some(after) => after,
            None => {
                let fixed = log.hub().end();
                for head in all_heads(log, &self.scope, 3).await {
                    self.known.insert(head.entity(), head.subject.clone());
                    if head.position > fixed.position {
                        self.newer.insert(head.entity(), head.position);
                    }
                }
                self.begun = fixed.position;
                fixed
            }
        };
        self.token = Some(token(log, after));
        self.cursor = Some(log.hub().watch(&self.scope, after));
    }

    fn start_over(&mut self) {
        let Self { scope, expired, .. } = self;
        *self = Self { expired: *expired + 1, ..Self::new(scope.clone()) };
    }
}

fn token(log: &Arc<EventLog>, mark: Mark) -> String {
    ResumeToken::After { epoch: log.lineage().epoch, mark }.encode()
}
