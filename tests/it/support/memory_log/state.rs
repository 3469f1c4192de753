//! What the log holds, and each step it takes.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use gridgate::kyc::event::{Event, Observation};
use gridgate::kyc::head::Head;
use gridgate::kyc::id::{CustomerId, EntityKey, ObservationId, PlatformCustomerId, Position};
use gridgate::kyc::log::{Bookmark, Bounds, LogError, Page, Quarantined, Recorded, Scope};
use gridgate::kyc::record::{advance, decide, is_redundant};
use gridgate::kyc::token::Mark;
use jiff::Timestamp;

#[derive(Default)]
pub struct State {
    /// Those that are kept.
    events: Vec<Arc<Event>>,
    ids: HashMap<ObservationId, Position>,
    pub heads: BTreeMap<EntityKey, Arc<Head>>,
    known_as: BTreeSet<(PlatformCustomerId, CustomerId)>,
    trimmed: Option<(Mark, Timestamp)>,
    pub unannounced: Vec<Arc<Event>>,
    pub quarantine: BTreeMap<ObservationId, Quarantined>,
    pub bookmarks: HashMap<Bookmark, Timestamp>,
}

pub fn mark(event: &Event) -> Mark {
    Mark { position: event.position, fingerprint: event.fingerprint() }
}

impl State {
    pub fn bounds(&self) -> Bounds {
        let oldest = self.trimmed.map_or(Mark::START, |(oldest, _)| oldest);
        Bounds { oldest, end: self.events.last().map_or(oldest, |event| mark(event)) }
    }

    pub fn find(&self, id: &ObservationId) -> Option<Position> {
        self.ids.get(id).copied()
    }

    pub fn record(&mut self, mut observation: Observation, now: Timestamp) -> Recorded {
        if let Some(position) = self.find(&observation.id) {
            return Recorded::Duplicate { position };
        }
        let own = self.heads.get(&EntityKey::customer(observation.customer.clone()));
        let own = own.and_then(|head| head.platform_customer.clone());
        let key = observation.entity();
        let head = self.heads.get(&key).cloned();
        let known = head.as_ref().and_then(|head| head.platform_customer.clone());
        let verdict = decide(head.as_deref(), &observation);
        let recorded_at = self.events.last().map_or(now, |last| now.max(last.recorded_at));
        if let Some(head) = head.as_deref().filter(|_| is_redundant(&observation, &verdict)) {
            let confirmed = advance(Some(head), &observation, &verdict, head.seen.last, recorded_at);
            self.heads.insert(key, Arc::new(confirmed));
            return Recorded::Redundant;
        }
        observation.platform_customer = observation.platform_customer.or(own).or(known);
        let end = self.bounds().end.position;
        let position = Position::new(end.ahead_of(Position::START) + 1);
        let next = advance(head.as_deref(), &observation, &verdict, position, recorded_at);
        self.known_as.extend(next.platform_customer.clone().map(|platform| (platform, next.customer.clone())));
        self.heads.insert(key, Arc::new(next));
        self.ids.insert(observation.id.clone(), position);
        let previous = head.map(|head| head.subject.without_problems());
        let outcome = verdict.outcome;
        let event = Event { position, observation, outcome, previous, cause: verdict.settles, recorded_at };
        let event = Arc::new(event);
        self.events.push(Arc::clone(&event));
        self.unannounced.push(event);
        Recorded::New { position, outcome }
    }

    pub fn heads_that(
        &self,
        wanted: impl Fn(&Head) -> bool,
        after: Option<&EntityKey>,
        limit: usize,
    ) -> Vec<Arc<Head>> {
        let follows = |key: &EntityKey| after.is_none_or(|after| key > after);
        let found = self.heads.iter().filter(|(key, head)| follows(key) && wanted(head));
        found.map(|(_, head)| Arc::clone(head)).take(limit).collect()
    }

    pub fn heads_in(&self, scope: &Scope, after: Option<&EntityKey>, limit: usize) -> Vec<Arc<Head>> {
        let known_as = |customer: &CustomerId| {
            scope.platform_customers.iter().any(|id| self.known_as.contains(&(id.clone(), customer.clone())))
        };
        let meant = |id: &PlatformCustomerId| scope.platform_customers.contains(id);
        let wanted = |head: &Head| {
            scope.is_all()
                || scope.customers.contains(&head.customer)
                || known_as(&head.customer) && head.platform_customer.as_ref().is_none_or(meant)
        };
        self.heads_that(wanted, after, limit)
    }

    pub fn page(&self, after: Position, scope: &Scope, limit: usize) -> Result<Page, LogError> {
        let Bounds { oldest, end } = self.bounds();
        if after < oldest.position {
            return Err(LogError::Expired { oldest });
        }
        if after > end.position {
            return Err(LogError::Foreign);
        }
        let included = |seen: &Observation| scope.includes(&seen.customer, seen.platform_customer.as_ref());
        let following = self.events.partition_point(|event| event.position <= after);
        let found = self.events[following..].iter().filter(|event| included(&event.observation));
        let events: Vec<_> = found.take(limit).cloned().collect();
        let considered = if events.len() < limit { end } else { events.last().map_or(end, |event| mark(event)) };
        Ok(Page { events, considered, at_end: considered == end })
    }

    pub fn admit(&self, place: Mark) -> Result<(), LogError> {
        let Bounds { oldest, end } = self.bounds();
        if place.position > end.position {
            return Err(LogError::Foreign);
        }
        if place.position < oldest.position {
            return Err(LogError::Expired { oldest });
        }
        let same = place == oldest || self.events.iter().any(|event| mark(event) == place);
        if same { Ok(()) } else { Err(LogError::Foreign) }
    }

    pub fn mark_at(&self, time: Timestamp) -> Result<Mark, LogError> {
        let oldest = self.bounds().oldest;
        if self.trimmed.is_some_and(|(_, recorded_at)| recorded_at >= time) {
            return Err(LogError::Expired { oldest });
        }
        let earlier = self.events.iter().take_while(|event| event.recorded_at < time);
        Ok(earlier.last().map_or(oldest, |event| mark(event)))
    }

    pub fn trim(&mut self) {
        let Some(last) = self.events.last() else { return };
        self.trimmed = Some((mark(last), last.recorded_at));
        self.events.clear();
        self.ids.clear();
    }
}
