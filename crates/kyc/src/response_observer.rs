//! The response observer: records the statuses in Grid's answers to callers.
//!
//! It never delays or fails a call. Each answer goes into a bounded queue and is recorded a moment later. Where the queue is full
//! or the log is away, the answer is counted and dropped, and the reconciler finds its status later. An answer that repeats
//! what is known is noted at once, without a queue or a write.
//!
//! Calls that one caller makes one after the other raise no doubt among themselves, although the first answer may not be
//! recorded yet when the second call is made: see `Lane::basis`.

use std::hash::{BuildHasher as _, RandomState};
use std::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed};
use std::sync::atomic::{AtomicU64, AtomicUsize};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use futures_util::future::join_all;
use hashlink::LruCache;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tracing::{Instrument as _, Span};

use super::ask;
use super::event::{Asker, Basis, Observation, Outcome, Subject};
use super::head::Head;
use super::id::{CustomerId, EntityKey, Position};
use super::log::{EventLog, LogError, Recorded};
use super::source::{CustomerAnswer, VerificationAnswer};

/// How many answers are recorded at once. Those about one customer are recorded one after the other.
const LANES: usize = 16;
/// How many answers may wait in each lane: a few pages of a list, at about 400 bytes a row.
const WAITING: usize = 256;
/// How many changes a lane remembers, to recognize calls made after them. Only the latest matter.
const REMEMBERED: usize = 256;

/// A status in an answer of Grid's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ResponseStatus {
    /// A customer. Without a status it says nothing, unless it is deleted: then the last known status stays.
    Customer(CustomerAnswer),
    /// A verification.
    Verification(VerificationAnswer),
}

impl ResponseStatus {
    fn customer(&self) -> &CustomerId {
        match self {
            Self::Customer(answer) => &answer.id,
            Self::Verification(answer) => &answer.customer,
        }
    }

    fn entity(&self) -> EntityKey {
        match self {
            Self::Customer(answer) => EntityKey::customer(answer.id.clone()),
            Self::Verification(answer) => EntityKey::verification(answer.customer.clone(), answer.id.clone()),
        }
    }
}

/// What became of the statuses in answers, since the start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ResponseCounts {
    /// Recorded as events.
    pub recorded: u64,
    /// Known already.
    pub redundant: u64,
    /// Answers without a status.
    pub silent: u64,
    /// Dropped because the queue was full. The reconciler finds them.
    pub dropped: u64,
    /// Dropped because the log did not record them. The reconciler finds them.
    pub failed: u64,
}

#[derive(Debug, Default)]
struct Counters {
    recorded: AtomicU64,
    redundant: AtomicU64,
    silent: AtomicU64,
    dropped: AtomicU64,
    failed: AtomicU64,
}

/// Records the statuses in answers.
pub struct ResponseObserver {
    log: Arc<EventLog>,
    queues: Box<[Queue]>,
    /// The other ends of the queues, until [`run`](Self::run) takes them.
    lanes: Mutex<Vec<mpsc::Receiver<Queued>>>,
    hasher: RandomState,
    counters: Counters,
}

impl std::fmt::Debug for ResponseObserver {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ResponseObserver").field("counts", &self.counts()).finish_non_exhaustive()
    }
}

impl ResponseObserver {
    /// An observer that records in this log once it [`run`](Self::run)s.
    #[must_use]
    pub fn new(log: Arc<EventLog>) -> Self {
        let queue = |(sender, lane)| (Queue { sender, unfinished: Arc::default() }, lane);
        let (queues, lanes): (Vec<_>, Vec<_>) = (0..LANES).map(|_| queue(mpsc::channel(WAITING))).unzip();
        let (lanes, queues) = (Mutex::new(lanes), queues.into_boxed_slice());
        Self { log, queues, lanes, hasher: RandomState::new(), counters: Counters::default() }
    }

    /// To be called before the request is sent to Grid: notes what is known by now.
    #[must_use]
    pub fn begin(&self) -> PendingCall<'_> {
        PendingCall { observer: self, basis: self.log.basis(), asked: Instant::now() }
    }

    /// What became of the statuses so far.
    pub fn counts(&self) -> ResponseCounts {
        let Counters { recorded, redundant, silent, dropped, failed } = &self.counters;
        let [recorded, redundant, silent, dropped, failed] =
            [recorded, redundant, silent, dropped, failed].map(|counter| counter.load(Relaxed));
        ResponseCounts { recorded, redundant, silent, dropped, failed }
    }

    /// Records answers until `stop`, and then those that still wait. To be called once.
    pub async fn run(&self, stop: CancellationToken) {
        let lanes = std::mem::take(&mut *self.lanes.lock().unwrap_or_else(PoisonError::into_inner));
        let lanes = lanes.into_iter().zip(&self.queues).map(|(waiting, queue)| {
            let (changes, unfinished) = (LruCache::new(REMEMBERED), &queue.unfinished);
            Lane { log: &self.log, counters: &self.counters, unfinished, changes, failing: false }.run(waiting, &stop)
        });
        join_all(lanes).await;
    }

    /// The queue of a customer. None cannot be: there are [`LANES`] of them.
    fn queue(&self, customer: &CustomerId) -> Option<&Queue> {
        let lane = self.hasher.hash_one(customer) % LANES as u64;
        usize::try_from(lane).ok().and_then(|lane| self.queues.get(lane))
    }

    /// Notes a status that is known already. Where an earlier answer still waits, its status may not be known yet, and only the
    /// lane can tell.
    fn note(&self, status: &ResponseStatus, basis: Basis) -> bool {
        let is_idle = self.queue(status.customer()).is_some_and(|queue| queue.unfinished.load(Acquire) == 0);
        let observation = is_idle.then(|| observation(basis, status.clone(), None)).flatten();
        observation.is_some_and(|observation| self.log.note_if_redundant(&observation))
    }

    fn enqueue(&self, queued: Queued) {
        let queue = self.queue(queued.status.customer());
        if !queue.is_some_and(|queue| queue.send(queued)) {
            self.counters.dropped.fetch_add(1, Relaxed);
        }
    }
}

/// The queue of a lane.
struct Queue {
    sender: mpsc::Sender<Queued>,
    /// How many answers are not recorded yet.
    unfinished: Arc<AtomicUsize>,
}

impl Queue {
    /// False: it is full, or its lane has ended.
    fn send(&self, queued: Queued) -> bool {
        // Before the lane can have it, and so have done with it.
        self.unfinished.fetch_add(1, AcqRel);
        let is_sent = self.sender.try_send(queued).is_ok();
        if !is_sent {
            self.unfinished.fetch_sub(1, AcqRel);
        }
        is_sent
    }
}

/// A call to Grid, with what was known before it.
#[derive(Debug, Clone, Copy)]
pub struct PendingCall<'a> {
    observer: &'a ResponseObserver,
    basis: Basis,
    asked: Instant,
}

impl PendingCall<'_> {
    /// Observes a status in Grid's answer: most are known already, and others are queued. Returns at once.
    pub fn observe(&self, status: ResponseStatus) {
        let Self { observer, basis, asked } = *self;
        // Operators know the span by this name.
        let span = tracing::info_span!("witness");
        if span.in_scope(|| observer.note(&status, basis)) {
            observer.counters.redundant.fetch_add(1, Relaxed);
            return;
        }
        observer.enqueue(Queued { status, basis, asked, answered: Instant::now(), span });
    }
}

/// A status in an answer, with the times of its call.
struct Queued {
    status: ResponseStatus,
    basis: Basis,
    asked: Instant,
    answered: Instant,
    /// The span that the lane records it in, a child of the call's.
    span: Span,
}

/// A head that an answer moved.
#[derive(Debug, Clone, Copy)]
struct Change {
    answered: Instant,
    position: Position,
}

/// Records the answers about some of the customers, one after the other.
struct Lane<'a> {
    log: &'a Arc<EventLog>,
    counters: &'a Counters,
    unfinished: &'a AtomicUsize,
    changes: LruCache<EntityKey, Change>,
    failing: bool,
}

impl Lane<'_> {
    async fn run(mut self, mut queue: mpsc::Receiver<Queued>, stop: &CancellationToken) {
        loop {
            tokio::select! {
                queued = queue.recv() => match queued {
                    Some(queued) => {
                        let span = queued.span.clone();
                        self.record(queued).instrument(span).await;
                        self.unfinished.fetch_sub(1, AcqRel);
                    }
                    None => return,
                },
                // What waits is still recorded; nothing more comes.
                () = stop.cancelled(), if !queue.is_closed() => queue.close(),
            }
        }
    }

    async fn record(&mut self, queued: Queued) {
        let entity = queued.status.entity();
        let result = self.try_record(&entity, queued).await;
        if let Err(error) = &result
            && !self.failing
        {
            tracing::warn!(%entity, %error, "event log: a status in Grid's answer to a call could not be recorded");
        }
        self.failing = result.is_err();
        let Counters { recorded, redundant, silent, dropped: _, failed } = self.counters;
        let counter = match result {
            Ok(Some(Recorded::New { .. } | Recorded::Duplicate { .. })) => recorded,
            Ok(Some(Recorded::Redundant)) => redundant,
            Ok(None) => silent,
            Err(_) => failed,
        };
        counter.fetch_add(1, Relaxed);
    }

    /// None: the answer has no status.
    async fn try_record(&mut self, entity: &EntityKey, queued: Queued) -> Result<Option<Recorded>, LogError> {
        // Also brings the head into memory, where a redundant answer is recognized without the writer.
        let head = self.log.head(entity).await?;
        let basis = self.basis(entity, head.as_deref(), &queued);
        let Queued { status, basis: _, asked: _, answered, span: _ } = queued;
        let Some(observation) = observation(basis, status, head.as_deref()) else { return Ok(None) };
        let recorded = self.log.record(observation).await?;
        if let Recorded::New { position, outcome: Outcome::Change } = recorded {
            self.changes.insert(entity.clone(), Change { answered, position });
        }
        Ok(Some(recorded))
    }

    /// What was known when the call was made.
    ///
    /// The call may have been made after an earlier answer came in but before the log had it. If the head is what that answer
    /// made of it, the call was made after everything the head rests on, so its basis moves up to that change. A doubt
    /// raised meanwhile prevents this: it may be about something later.
    fn basis(&mut self, entity: &EntityKey, head: Option<&Head>, queued: &Queued) -> Basis {
        let basis = queued.basis;
        let (Some(head), Some(change)) = (head, self.changes.get(entity)) else { return basis };
        let rests_on_it = head.seen.last == change.position && change.answered <= queued.asked;
        let doubted = head.doubt.as_ref().is_some_and(|doubt| doubt.position > basis.knowing);
        if rests_on_it && !doubted { Basis { knowing: basis.knowing.max(change.position), ..basis } } else { basis }
    }
}

fn observation(basis: Basis, status: ResponseStatus, head: Option<&Head>) -> Option<Observation> {
    match status {
        ResponseStatus::Customer(CustomerAnswer { id, platform_customer, status: None, deleted: true, updated_at }) => {
            let gone = ask::gone(Asker::Call, basis, head?)?;
            let platform_customer = platform_customer.or(gone.platform_customer);
            Some(Observation { customer: id, platform_customer, updated_at, ..gone })
        }
        ResponseStatus::Customer(answer) => ask::observed(Asker::Call, basis, answer),
        ResponseStatus::Verification(VerificationAnswer { id, customer, status, problems, updated_at }) => {
            let subject = Subject::verification(id, status, problems);
            Some(Observation::asked(Asker::Call, basis, customer, None, subject, updated_at))
        }
    }
}
