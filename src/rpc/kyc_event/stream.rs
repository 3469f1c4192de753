//! One stream of WatchKycStatus: where it starts, what it says, when it ends. `docs/WATCH.md` has its promises.
//!
//! A stream owns no queue and no task: it is a place in the log, moved on when the transport asks for more. It takes
//! events from the hub's ring while it keeps up, and reads the log when it does not, so a slow reader costs nobody else.

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use futures_util::{Stream, stream};
use jiff::Timestamp;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tonic::Status;

use super::filter::Filter;
use super::request::{Start, Watch};
use super::{WatchConfig, admit, encode, log_error, token};
use crate::kyc::event::{Event, Outcome, Subject};
use crate::kyc::head::Head;
use crate::kyc::hub::{Cursor, RingEntry, Step};
use crate::kyc::id::{CustomerId, EntityKey, Epoch, Position};
use crate::kyc::log::{EventLog, LogError, Scope};
use crate::kyc::token::{Mark, ResumeToken};
use crate::pb;
use crate::pb::EncodedWatchKycStatusResponse as Encoded;
use crate::pb::watch_kyc_status_response::Event as Say;
use crate::rpc::Error;

/// Events taken from the ring at once.
const BATCH: usize = 256;
/// Events read from the log at once, by a stream that is behind.
const READ: usize = 1024;
/// Rows of a snapshot read at once.
const ROWS: usize = 256;
/// How many events are said between two looks at the clock.
const CLOCK_EVERY: u32 = 64;

/// Finds the place where the stream starts, so that a start that can't be is the call's error.
pub(super) async fn start(
    log: Arc<dyn EventLog>,
    watch: Watch,
    config: &WatchConfig,
) -> Result<impl Stream<Item = Result<Encoded, Status>> + Send + use<>, Error> {
    let epoch = log.lineage().epoch;
    let (after, snapshot) = place(log.as_ref(), &watch).await?;
    let cursor = log.hub().watch(&watch.scope, after);
    let age = config.max_age.mul_f64(1.0 - 0.1 * fastrand::f64());
    let now = Instant::now();
    let phase = if snapshot {
        Phase::Snapshot(Snapshot { fixed: after.position, rows: Vec::new().into_iter(), read_to: None, at_end: false })
    } else {
        Phase::CatchUp { until: log.hub().end().position, snapshot: false }
    };
    let watching = Watching {
        epoch,
        cursor,
        filter: watch.filter,
        scope: watch.scope,
        until_decided: watch.until_decided,
        undecided: HashSet::new(),
        phase,
        ready: VecDeque::new(),
        passed: after,
        heartbeat: watch.heartbeat,
        next_heartbeat: now + watch.heartbeat,
        ends_at: now + age,
        max_lag: config.max_lag,
        leaving: config.leaving.clone(),
        until_clock: 0,
        log,
    };
    Ok(stream::unfold(Box::new(watching), async |mut watching| Some((watching.next().await?, watching))))
}

/// Where the stream starts, and whether with a snapshot.
async fn place(log: &dyn EventLog, watch: &Watch) -> Result<(Mark, bool), Error> {
    match &watch.start {
        Start::Token(text) => match ResumeToken::parse(text)? {
            ResumeToken::Snapshot { epoch } if watch.with_snapshot => {
                if !log.lineage().includes(epoch, Position::START) {
                    return Err(LogError::Foreign.into());
                }
                Ok((log.bounds().await?.end, true))
            }
            ResumeToken::Snapshot { epoch: _ } => Err(crate::rpc::Violations::of(
                "resume_token",
                "means that a snapshot begins again, so with_snapshot has to be set",
            )),
            ResumeToken::After { .. } => Ok((admit(log, text).await?, false)),
        },
        Start::Time(time) => Ok((log.mark_at(*time).await.map_err(|error| log_error(log, error))?, false)),
        Start::Earliest => Ok((log.bounds().await?.oldest, false)),
        // The position is fixed before the snapshot is read, so that nothing falls between the two.
        Start::Now => Ok((log.bounds().await?.end, watch.with_snapshot)),
    }
}

/// How far a stream has come.
enum Phase {
    /// Saying the rows of the snapshot.
    Snapshot(Snapshot),
    /// Saying what was recorded before the stream is `synced`.
    CatchUp {
        /// Up to here.
        until: Position,
        /// Whether a snapshot came before, so that tokens still mean "begin the snapshot again".
        snapshot: bool,
    },
    /// Saying what happens.
    Live,
    /// About to say goodbye.
    Leaving(pb::GoingAwayReason),
    /// Over.
    Done,
}

struct Snapshot {
    /// The position it is of. A row that changed later is left out: its changes follow, as events.
    fixed: Position,
    rows: std::vec::IntoIter<Arc<Head>>,
    read_to: Option<EntityKey>,
    at_end: bool,
}

struct Watching {
    log: Arc<dyn EventLog>,
    epoch: Epoch,
    cursor: Cursor,
    scope: Scope,
    filter: Filter,
    until_decided: bool,
    /// With `until_decided`, once synced: the customers whose decision has not been passed yet.
    undecided: HashSet<CustomerId>,
    phase: Phase,
    /// Events that are taken and not said yet; at most a batch.
    ready: VecDeque<Arc<RingEntry>>,
    /// Everything up to here was said, or was not for this stream.
    passed: Mark,
    heartbeat: Duration,
    next_heartbeat: Instant,
    ends_at: Instant,
    max_lag: Duration,
    leaving: CancellationToken,
    /// How many events may be said before the next look at the clock.
    until_clock: u32,
}

/// What the wait for events ended with.
enum Waited {
    Step(Step),
    Clock,
}

impl Watching {
    /// The next response; none when the stream is over.
    async fn next(&mut self) -> Option<Result<Encoded, Status>> {
        loop {
            if let Some(said) = self.by_clock() {
                return said;
            }
            let said = match &mut self.phase {
                Phase::Snapshot(_) => self.next_row().await,
                Phase::CatchUp { .. } | Phase::Live => self.next_event().await,
                Phase::Leaving(reason) => {
                    let reason = *reason;
                    self.phase = Phase::Done;
                    Ok(Some(self.own(Say::GoingAway(pb::GoingAway { reason: reason.into() }))))
                }
                Phase::Done => return None,
            };
            match said {
                Ok(Some(bytes)) => return Some(Ok(bytes)),
                Ok(None) => {}
                Err(error) => return Some(Err(self.fail(error))),
            }
        }
    }

    fn fail(&mut self, error: Error) -> Status {
        self.phase = Phase::Done;
        error.into()
    }

    /// What is due by the clock: the end of the stream, a heartbeat, or the admission that this replica is behind.
    fn by_clock(&mut self) -> Option<Option<Result<Encoded, Status>>> {
        if matches!(self.phase, Phase::Leaving(_) | Phase::Done) {
            return None;
        }
        if self.until_clock > 0 {
            self.until_clock -= 1;
            return None;
        }
        self.until_clock = CLOCK_EVERY;
        let now = Instant::now();
        if self.leaving.is_cancelled() {
            self.phase = Phase::Leaving(pb::GoingAwayReason::Shutdown);
        } else if now >= self.ends_at {
            self.phase = Phase::Leaving(pb::GoingAwayReason::MaxAge);
        } else if self.lag() > self.max_lag {
            let resume_token = self.token();
            return Some(Some(Err(self.fail(Error::Behind { resume_token }))));
        } else if now >= self.next_heartbeat {
            self.next_heartbeat = now + self.heartbeat;
            self.until_clock = 0;
            let as_of = encode::as_of(self.log.as_of());
            self.look_ahead();
            return Some(Some(Ok(self.own(Say::Heartbeat(pb::Heartbeat { as_of })))));
        }
        None
    }

    /// How long ago this process last knew the end of the log.
    fn lag(&self) -> Duration {
        Duration::try_from(Timestamp::now().duration_since(self.log.as_of())).unwrap_or_default()
    }

    /// The token of what was passed. Until synced, a stream with a snapshot has to begin it again.
    fn token(&self) -> String {
        match self.phase {
            Phase::Snapshot(_) | Phase::CatchUp { snapshot: true, .. } => {
                ResumeToken::Snapshot { epoch: self.epoch }.encode()
            }
            Phase::CatchUp { snapshot: false, .. } | Phase::Live | Phase::Leaving(_) | Phase::Done => {
                token(self.epoch, self.passed)
            }
        }
    }

    fn own(&self, say: Say) -> Encoded {
        Encoded(encode::encode(self.token(), Some(say)))
    }

    /// With nothing left to say, everything up to the end that concerns nobody here is passed too.
    fn look_ahead(&mut self) {
        if self.ready.is_empty() {
            self.passed = self.cursor.catch_up();
        }
    }

    /// The next row of the snapshot, or the end of it.
    async fn next_row(&mut self) -> Result<Option<Encoded>, Error> {
        let Phase::Snapshot(snapshot) = &mut self.phase else { return Ok(None) };
        if let Some(head) = snapshot.rows.next() {
            let wanted = head.position <= snapshot.fixed && self.filter.wants_subject(&head.subject);
            return Ok(wanted.then(|| self.own(Say::SnapshotEntry(encode::snapshot_entry(&head)))));
        }
        if snapshot.at_end {
            // What changed while the rows were read is said before `synced`, since its rows were left out.
            self.phase = Phase::CatchUp { until: self.log.hub().end().position, snapshot: true };
            return Ok(None);
        }
        let rows = self.log.heads(&self.scope, snapshot.read_to.as_ref(), ROWS).await?;
        snapshot.at_end = rows.len() < ROWS;
        snapshot.read_to = rows.last().map(|head| head.entity());
        snapshot.rows = rows.into_iter();
        self.until_clock = 0;
        Ok(None)
    }

    /// The next event, or `synced` when the stream has caught up.
    async fn next_event(&mut self) -> Result<Option<Encoded>, Error> {
        if let Some(entry) = self.ready.pop_front() {
            return Ok(self.pass(&entry));
        }
        // An idle stream keeps no room for events.
        self.ready = VecDeque::new();
        self.look_ahead();
        if let Phase::CatchUp { until, .. } = self.phase
            && self.passed.position >= until
        {
            return self.synced().await.map(Some);
        }
        self.until_clock = 0;
        match self.wait().await {
            Waited::Clock => Ok(None),
            Waited::Step(Step::Events) => Ok(None),
            Waited::Step(Step::Behind) => self.read_log().await.map(|()| None),
            Waited::Step(Step::Closed) => Err(LogError::Closed.into()),
        }
    }

    /// Waits for events, or for the clock.
    async fn wait(&mut self) -> Waited {
        let mut batch = Vec::new();
        let clock = tokio::time::sleep_until(self.next_heartbeat.min(self.ends_at));
        let waited = tokio::select! {
            step = self.cursor.next_batch(&mut batch, BATCH) => Waited::Step(step),
            () = clock => Waited::Clock,
            () = self.leaving.cancelled() => Waited::Clock,
        };
        self.ready = batch.into();
        if self.ready.is_empty() {
            self.passed = self.cursor.considered();
        }
        waited
    }

    /// Reads on in the log, where the ring no longer reaches back.
    async fn read_log(&mut self) -> Result<(), Error> {
        let after = self.cursor.considered().position;
        let page =
            self.log.read(after, &self.scope, READ).await.map_err(|error| log_error(self.log.as_ref(), error))?;
        self.ready = page.events.into_iter().map(|event| Arc::new(RingEntry::new(event))).collect();
        self.cursor.advance(page.considered);
        Ok(())
    }

    /// Passes an event: says it, if it is wanted.
    fn pass(&mut self, entry: &RingEntry) -> Option<Encoded> {
        let event = entry.event();
        self.passed = Mark { position: event.position, fingerprint: event.fingerprint() };
        self.decide(event);
        if !self.filter.wants(event) {
            return None;
        }
        let response = entry.encoded(|event| encode::response(self.epoch, event));
        match self.phase {
            Phase::CatchUp { snapshot: true, .. } => Some(Encoded(encode::with_token(&response, &self.token()))),
            Phase::Snapshot(_) | Phase::CatchUp { .. } | Phase::Live | Phase::Leaving(_) | Phase::Done => {
                Some(Encoded(response))
            }
        }
    }

    /// Says that the stream has caught up, and judges who is decided by now.
    async fn synced(&mut self) -> Result<Encoded, Error> {
        self.phase = Phase::Live;
        let synced = self.own(Say::Synced(pb::Synced { as_of: encode::as_of(self.log.as_of()) }));
        if self.until_decided {
            for customer in self.scope.customers.clone() {
                let head = self.log.head(&EntityKey::customer(customer.clone())).await?;
                // A decision that lies ahead of this stream counts when the stream comes to it, and says it.
                let passed = |head: &Arc<Head>| head.position <= self.passed.position && head.subject.is_settled();
                if !head.as_ref().is_some_and(passed) {
                    self.undecided.insert(customer);
                }
            }
            self.leave_if_decided();
        }
        Ok(synced)
    }

    /// Keeps count of who is decided, with an event that is passed.
    fn decide(&mut self, event: &Event) {
        if !self.until_decided || !matches!(self.phase, Phase::Live) || event.outcome != Outcome::Change {
            return;
        }
        let Subject::Customer { .. } = &event.observation.subject else { return };
        if event.observation.subject.is_settled() {
            self.undecided.remove(&event.observation.customer);
        } else {
            self.undecided.insert(event.observation.customer.clone());
        }
        self.leave_if_decided();
    }

    fn leave_if_decided(&mut self) {
        if self.undecided.is_empty() {
            self.phase = Phase::Leaving(pb::GoingAwayReason::Decided);
        }
    }
}
