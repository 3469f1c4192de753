//! The witness: what Grid's answers to callers say of a status goes into the log too.
//!
//! It never delays a call and never fails one. What an answer said goes into a queue of bounded length, and is recorded a
//! moment later; where the queue is full, or the log away, it is counted and let go, and the reconciler finds it. An
//! answer that says what is known costs no write.
//!
//! One caller's calls, made one after the other, raise no doubt among themselves, although what the first one heard may not
//! be recorded yet when the second one asks: see `Lane::basis`.

mod counters;

use std::hash::{BuildHasher as _, RandomState};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use futures_util::future::join_all;
use hashlink::LruCache;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tracing::{Instrument as _, Span};

use self::counters::Counters;
pub use self::counters::WitnessCounts;
use super::ask;
use super::event::{Asker, Basis, Observation, Outcome, Subject};
use super::head::Head;
use super::id::{CustomerId, EntityKey, Position};
use super::log::{EventLog, LogError, Recorded};
use super::source::{CustomerAnswer, VerificationAnswer};

/// How many statuses are recorded at once. Those of one customer are recorded one after the other.
const LANES: usize = 16;
/// How many may wait in each lane: a few pages of a list, at about 400 bytes a row.
const WAITING: usize = 256;
/// How many changes a lane remembers, to tell what was asked after them. Only the latest matter.
const REMEMBERED: usize = 256;

/// Something in an answer of Grid that has a status.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Seen {
    /// A customer. Without a status it says nothing, unless it is deleted: then the last status known stays.
    Customer(CustomerAnswer),
    /// A verification.
    Verification(VerificationAnswer),
}

impl Seen {
    fn customer(&self) -> &CustomerId {
        match self {
            Self::Customer(answer) => &answer.id,
            Self::Verification(answer) => &answer.customer,
        }
    }

    fn entity(&self) -> EntityKey {
        match self {
            Self::Customer(answer) => EntityKey::customer(answer.id.clone()),
            Self::Verification(answer) => {
                EntityKey { customer: answer.customer.clone(), verification: Some(answer.id.clone()) }
            }
        }
    }
}

/// Takes down what answers say.
pub struct Witness {
    log: Arc<dyn EventLog>,
    queues: Box<[mpsc::Sender<Sighting>]>,
    /// Guards the other ends of the queues, until they are taken by [`run`](Self::run).
    lanes: Mutex<Vec<mpsc::Receiver<Sighting>>>,
    hasher: RandomState,
    counters: Counters,
}

impl std::fmt::Debug for Witness {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Witness").field("counts", &self.counts()).finish_non_exhaustive()
    }
}

impl Witness {
    /// A witness for this log. Nothing is recorded before [`run`](Self::run).
    #[must_use]
    pub fn new(log: Arc<dyn EventLog>) -> Self {
        let (queues, lanes): (Vec<_>, Vec<_>) = (0..LANES).map(|_| mpsc::channel(WAITING)).unzip();
        let (lanes, queues) = (Mutex::new(lanes), queues.into_boxed_slice());
        Self { log, queues, lanes, hasher: RandomState::new(), counters: Counters::default() }
    }

    /// Says that Grid is about to be asked; to be called before the request is sent.
    #[must_use]
    pub fn question(&self) -> Question<'_> {
        Question { witness: self, basis: self.log.basis(), asked: Instant::now() }
    }

    /// What became of what was seen.
    #[must_use]
    pub fn counts(&self) -> WitnessCounts {
        self.counters.counts()
    }

    /// Records what is seen, until `stop`, and then what waits still. To be run once.
    pub async fn run(&self, stop: CancellationToken) {
        let lanes = std::mem::take(&mut *self.lanes.lock().unwrap_or_else(PoisonError::into_inner));
        let lanes = lanes.into_iter().map(|queue| Lane::new(&self.log, &self.counters).run(queue, &stop));
        join_all(lanes).await;
    }

    fn take(&self, sighting: Sighting) {
        let lane = self.hasher.hash_one(sighting.seen.customer()) % LANES as u64;
        let queue = usize::try_from(lane).ok().and_then(|lane| self.queues.get(lane));
        let taken = queue.is_some_and(|queue| queue.try_send(sighting).is_ok());
        if !taken {
            self.counters.dropped();
        }
    }
}

/// A question to Grid, and what was known when it was asked.
#[derive(Debug, Clone, Copy)]
pub struct Question<'a> {
    witness: &'a Witness,
    basis: Basis,
    asked: Instant,
}

impl Question<'_> {
    /// Says what was in Grid's answer. Returns at once.
    pub fn answered(&self, seen: Seen) {
        let Self { witness, basis, asked } = *self;
        witness.take(Sighting { seen, basis, asked, answered: Instant::now(), call: Span::current() });
    }
}

/// What was in an answer, and when that was.
struct Sighting {
    seen: Seen,
    basis: Basis,
    asked: Instant,
    answered: Instant,
    /// The span of the call that was answered. It ends with the call: it is never entered again.
    call: Span,
}

/// A head that an answer moved.
#[derive(Debug, Clone, Copy)]
struct Change {
    answered: Instant,
    position: Position,
}

/// What some of the customers' sightings go through, one after the other.
struct Lane<'a> {
    log: &'a Arc<dyn EventLog>,
    counters: &'a Counters,
    changes: LruCache<EntityKey, Change>,
    failing: bool,
}

impl<'a> Lane<'a> {
    fn new(log: &'a Arc<dyn EventLog>, counters: &'a Counters) -> Self {
        Self { log, counters, changes: LruCache::new(REMEMBERED), failing: false }
    }

    async fn run(mut self, mut queue: mpsc::Receiver<Sighting>, stop: &CancellationToken) {
        loop {
            tokio::select! {
                sighting = queue.recv() => match sighting {
                    Some(sighting) => {
                        let span = tracing::info_span!(parent: &sighting.call, "witness");
                        self.record(sighting).instrument(span).await;
                    }
                    None => return,
                },
                // What waits is still taken; nothing more comes.
                () = stop.cancelled(), if !queue.is_closed() => queue.close(),
            }
        }
    }

    async fn record(&mut self, sighting: Sighting) {
        let entity = sighting.seen.entity();
        let result = self.try_record(&entity, sighting).await;
        if let Err(error) = &result
            && !self.failing
        {
            tracing::warn!(%entity, %error, "what Grid answered to a call could not be recorded");
        }
        self.failing = result.is_err();
        match result {
            Ok(Some(Recorded::New { .. } | Recorded::Duplicate { .. })) => self.counters.recorded(),
            Ok(Some(Recorded::Redundant)) => self.counters.redundant(),
            Ok(None) => self.counters.silent(),
            Err(_) => self.counters.failed(),
        }
    }

    /// None: the answer says no status.
    async fn try_record(&mut self, entity: &EntityKey, sighting: Sighting) -> Result<Option<Recorded>, LogError> {
        // Brings the head into memory too, where an answer that says nothing new is told without the writer.
        let head = self.log.head(entity).await?;
        let basis = self.basis(entity, head.as_deref(), &sighting);
        let Sighting { seen, basis: _, asked: _, answered, call: _ } = sighting;
        let Some(observation) = observed(basis, seen, head.as_deref()) else { return Ok(None) };
        let recorded = self.log.record(observation).await?;
        if let Recorded::New { position, outcome: Outcome::Change } = recorded {
            self.changes.insert(entity.clone(), Change { answered, position });
        }
        Ok(Some(recorded))
    }

    /// What was known when the question was asked.
    ///
    /// It may have been asked before the log had an answer that had come in already. Where the head is what that answer made
    /// of it, and it was asked after that answer was in, it was asked after everything that the head rests on. A doubt that
    /// was raised meanwhile is none of that: it may be about something later.
    fn basis(&mut self, entity: &EntityKey, head: Option<&Head>, sighting: &Sighting) -> Basis {
        let basis = sighting.basis;
        let (Some(head), Some(change)) = (head, self.changes.get(entity)) else { return basis };
        let rests_on_it = head.seen.last == change.position && change.answered <= sighting.asked;
        let doubted = head.doubt.as_ref().is_some_and(|doubt| doubt.position > basis.knowing);
        if rests_on_it && !doubted { Basis { knowing: basis.knowing.max(change.position), ..basis } } else { basis }
    }
}

fn observed(basis: Basis, seen: Seen, head: Option<&Head>) -> Option<Observation> {
    match seen {
        Seen::Customer(CustomerAnswer { id, platform_customer, status: None, deleted: true, updated_at }) => {
            let gone = ask::gone(Asker::Call, basis, head?)?;
            Some(Observation {
                customer: id,
                platform_customer: platform_customer.or(gone.platform_customer),
                updated_at,
                ..gone
            })
        }
        Seen::Customer(answer) => ask::observed(Asker::Call, basis, answer),
        Seen::Verification(VerificationAnswer { id, customer, status, problems, updated_at }) => {
            let subject = Subject::verification(id, status, problems);
            Some(Observation::asked(Asker::Call, basis, customer, None, subject, updated_at))
        }
    }
}
