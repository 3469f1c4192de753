//! What ought to be so.

use std::collections::BTreeMap;
use std::sync::Arc;

use gridgate::kyc::event::{Event, Observation, Outcome, Subject};
use gridgate::kyc::head::Head;
use gridgate::kyc::id::EntityKey;
use gridgate::kyc::log::{EventLog, Recorded};
use gridgate::kyc::record;
use gridgate::pb::{KycEventKind, KycStatus, WatchKycStatusRequest};
use jiff::Timestamp;
use proptest::prelude::*;

use super::CUSTOMERS;

/// What a client wants to hear.
#[derive(Debug, Clone)]
pub struct Filter {
    customers: Vec<usize>,
    platform: Option<usize>,
    kind: Option<KycEventKind>,
    approved_only: bool,
    include_all: bool,
}

pub fn filter() -> impl Strategy<Value = Filter> {
    let kind = prop_oneof![
        4 => Just(None),
        1 => Just(Some(KycEventKind::CustomerStatus)),
        1 => Just(Some(KycEventKind::Verification)),
    ];
    let customers = prop_oneof![2 => Just(vec![]), 1 => prop::collection::vec(0..CUSTOMERS.len(), 1..3)];
    let platform = prop_oneof![3 => Just(None), 1 => (0..CUSTOMERS.len()).prop_map(Some)];
    (customers, platform, kind, prop::bool::weighted(0.2), prop::bool::weighted(0.2)).prop_map(
        |(customers, platform, kind, approved_only, include_all)| Filter {
            customers,
            platform,
            kind,
            approved_only,
            include_all,
        },
    )
}

impl Filter {
    pub fn request(&self) -> WatchKycStatusRequest {
        let Filter { customers, platform, kind, approved_only, include_all } = self;
        WatchKycStatusRequest {
            customer_ids: customers.iter().map(|&of| format!("Customer:{}", CUSTOMERS[of].0)).collect(),
            platform_customer_ids: platform.iter().map(|&of| CUSTOMERS[of].1.to_owned()).collect(),
            kinds: kind.iter().map(|&kind| kind.into()).collect(),
            statuses: approved_only.then(|| KycStatus::Approved.into()).into_iter().collect(),
            include_all: *include_all,
            ..Default::default()
        }
    }

    fn is_of(&self, customer: &str, platform: Option<&str>) -> bool {
        let everyone = self.customers.is_empty() && self.platform.is_none();
        let named = self.customers.iter().any(|&of| customer.ends_with(CUSTOMERS[of].0));
        everyone || named || self.platform.is_some_and(|of| platform == Some(CUSTOMERS[of].1))
    }

    /// Whether it is about this customer by Grid's id, or about everyone.
    pub fn names(&self, key: &EntityKey) -> bool {
        self.is_of(key.customer.as_str(), None)
    }

    pub fn wants_subject(&self, subject: &Subject) -> bool {
        match subject {
            Subject::Customer { status, deleted: _ } => {
                self.kind != Some(KycEventKind::Verification) && (!self.approved_only || status.as_str() == "APPROVED")
            }
            Subject::Verification { .. } => self.kind != Some(KycEventKind::CustomerStatus),
        }
    }

    pub fn wants(&self, event: &Event) -> bool {
        let Observation { customer, platform_customer, subject, .. } = &event.observation;
        (self.include_all || event.outcome == Outcome::Change)
            && self.is_of(customer.as_str(), platform_customer.as_ref().map(|id| id.as_str()))
            && self.wants_subject(subject)
    }

    /// Whether it is about this customer, whatever was known of it when.
    pub fn wants_entity(&self, key: &EntityKey) -> bool {
        let (name, platform) = *CUSTOMERS.iter().find(|(name, _)| key.customer.as_str().ends_with(name)).unwrap();
        self.is_of(name, Some(platform))
    }
}

/// Everything that was ever recorded. A place in the log is how many events come before it.
#[derive(Default)]
pub struct Model {
    pub events: Vec<Event>,
    /// How many of them retention has let go.
    pub gone: usize,
    heads: BTreeMap<EntityKey, Head>,
    /// What the changes say, by themselves.
    statuses: BTreeMap<EntityKey, Subject>,
}

impl Model {
    /// Checks what the log made of an observation, and makes the same of it.
    pub fn record(&mut self, mut observation: Observation, recorded: Recorded, now: Timestamp) {
        let kept = &self.events[self.gone..];
        if let Some(copy) = kept.iter().find(|event| event.observation.id == observation.id) {
            assert_eq!(recorded, Recorded::Duplicate { position: copy.position });
            return;
        }
        let key = observation.entity();
        let head = self.heads.get(&key);
        let verdict = record::decide(head, &observation);
        let position = match recorded {
            Recorded::New { position, outcome } => {
                assert_eq!(outcome, verdict.outcome);
                assert!(self.events.last().is_none_or(|last| last.position < position), "positions grow");
                position
            }
            Recorded::Redundant => {
                assert!(record::is_redundant(&observation, &verdict));
                let seen = head.unwrap().seen.last;
                self.heads.insert(key, record::advance(head, &observation, &verdict, seen, now));
                return;
            }
            Recorded::Duplicate { .. } => panic!("{} was not recorded before", observation.id),
        };
        let known = |key: &EntityKey| self.heads.get(key).and_then(|head| head.platform_customer.clone());
        let own = EntityKey::customer(observation.customer.clone());
        observation.platform_customer = observation.platform_customer.or(known(&own)).or(known(&key));
        let previous = head.map(|head| head.subject.without_problems());
        let next = record::advance(head, &observation, &verdict, position, now);
        let outcome = verdict.outcome;
        self.check_outcome(&key, &observation, outcome);
        self.heads.insert(key, next);
        let cause = verdict.settles;
        self.events.push(Event { position, observation, outcome, previous, cause, recorded_at: now });
    }

    /// What has to be so whatever the rule is in detail.
    fn check_outcome(&mut self, key: &EntityKey, observation: &Observation, outcome: Outcome) {
        let before = self.statuses.get(key);
        let same = before == Some(&observation.subject);
        let undoes = before.is_some_and(|before| {
            before.is_decision() && before.status_word() != observation.subject.status_word()
                || before.is_deleted() && !observation.subject.is_deleted()
        });
        let own = self.events.iter().rfind(|event| event.observation.entity() == *key);
        match (observation.origin.basis(), outcome) {
            (_, Outcome::Confirmation) => assert!(same, "a confirmation says what was known"),
            (None, Outcome::Change) => assert!(!same && !undoes, "a webhook takes no decision back"),
            (Some(_), Outcome::Change) => assert!(!same, "a change says something new"),
            (None, Outcome::Superseded | Outcome::Unresolved) => assert!(!same && before.is_some()),
            (Some(basis), Outcome::Superseded | Outcome::Unresolved) => {
                let last = own.expect("the first of an entity is a change");
                assert!(!same && last.position > basis.knowing, "asked after everything: that is how it is");
            }
        }
        if outcome == Outcome::Change {
            self.statuses.insert(key.clone(), observation.subject.clone());
        }
    }

    /// The time of an answer that said nothing new need not survive a restart; it is never later than it was.
    pub async fn forget_answers(&mut self, log: &Arc<EventLog>) {
        for (key, head) in &mut self.heads {
            let kept = log.head(key).await.unwrap().expect("heads are kept for ever");
            assert!(kept.confirmed_at() <= head.confirmed_at());
            head.confirmed = kept.confirmed.clone();
        }
    }

    pub fn expire(&mut self) {
        self.gone = self.events.len();
    }

    pub fn in_doubt(&self) -> Vec<EntityKey> {
        self.heads.iter().filter(|(_, head)| head.doubt.is_some()).map(|(key, _)| key.clone()).collect()
    }

    /// The place of the event with this id, at `from` or after it: one that was let go may have been recorded again.
    pub fn place_of(&self, event_id: &str, from: usize) -> usize {
        let mut places = from..self.events.len();
        places.find(|&place| self.events[place].observation.id.as_str() == event_id).expect("it is still to be said")
    }

    /// The places of an entity's changes.
    pub fn changes_of(&self, key: &EntityKey) -> Vec<usize> {
        let is_change = |event: &Event| event.outcome == Outcome::Change && event.observation.entity() == *key;
        (0..self.events.len()).filter(|&place| is_change(&self.events[place])).collect()
    }

    /// Whether anything that was recorded before this place says the platform's id of the customer.
    pub fn is_known_to_the_platform(&self, key: &EntityKey, before: usize) -> bool {
        let mut own = self.events[..before].iter().filter(|event| event.observation.customer == key.customer);
        own.any(|event| event.observation.platform_customer.is_some())
    }

    /// The status before an event, as a word; empty for an entity's first.
    pub fn word_before(&self, place: usize) -> &str {
        let key = self.events[place].observation.entity();
        let changes = self.changes_of(&key);
        let before = changes.into_iter().rfind(|&change| change < place);
        before.map_or("", |change| self.events[change].observation.subject.status_word())
    }

    pub fn entities(&self) -> Vec<EntityKey> {
        self.heads.keys().cloned().collect()
    }
}
