//! One stream of WatchKycStatus, from its start to its end. `docs/WATCH.md` has its guarantees.
//!
//! A stream owns no queue and no task: it is a position in the log that moves when the transport asks for more. It takes
//! events from the hub's ring while it keeps up, and reads the log when it does not, so a slow reader costs nobody else.

mod snapshot;
mod start;
mod timetable;
mod undecided;

use std::sync::Arc;

use futures_util::{FutureExt as _, Stream, stream};
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;
use tonic::Status;

use self::snapshot::{SentAhead, Snapshot};
pub use self::start::WatchConfig;
use self::start::{StartPoint, start_point};
use self::timetable::{Due, Timetable};
use self::undecided::Undecided;
use super::deliveries::Deliveries;
use super::encode;
use super::filter::Filter;
use super::request::Watch;
use super::resume::{log_error, token};
use crate::kyc::event::Event;
use crate::kyc::hub::{Cursor, Hub, RingEntry, Step};
use crate::kyc::id::{Epoch, Position, Scope};
use crate::kyc::log::{EventLog, LogError, Page};
use crate::kyc::token::{Mark, ResumeToken};
use crate::pb;
use crate::pb::EncodedWatchKycStatusResponse as Encoded;
use crate::pb::watch_kyc_status_response::Event as Say;
use crate::rpc::{Error, timestamp};

/// Events taken from the ring at once. They are shared with every other stream, so each costs a pointer.
const BATCH: usize = 256;
/// Events read from the log at once by a stream that is behind: its own, some hundred bytes each. It holds at most two such
/// pages, the one it sends and the one it reads.
const READ: usize = 512;

static EVERYONE: Scope = Scope::ALL;

/// Finds the start first, so that an invalid start is the call's error.
pub(super) async fn start(
    log: Arc<EventLog>,
    watch: Watch,
    config: &WatchConfig,
    connection: Option<CancellationToken>,
    deliveries: Option<Deliveries>,
) -> Result<impl Stream<Item = Result<Encoded, Status>> + Send + use<>, Error> {
    let StartPoint { after, snapshot } = start_point(log.as_ref(), &watch, config).await?;
    let Watch { scope, filter, start: _, with_snapshot: _, until_decided, heartbeat } = watch;
    let phase = if snapshot {
        Phase::Snapshot(Box::new(Snapshot::at(after.position)))
    } else {
        Phase::CatchUp { until: log.hub().end().position }
    };
    let watching = WatchStream {
        epoch: log.lineage().epoch,
        cursor: log.hub().watch(&scope, after),
        filter,
        undecided: until_decided.then(|| Undecided::of(&scope.customers)),
        scope: (!scope.is_all()).then(|| Arc::new(scope)),
        read_ahead: None,
        phase,
        sent_ahead: None,
        restarts_snapshot: snapshot,
        ready: Vec::new().into_iter(),
        passed: after,
        timetable: Timetable::new(heartbeat, config.max_age, config.max_lag),
        leaving: config.leaving.clone(),
        connection,
        deliveries,
        log,
    };
    Ok(stream::unfold(Box::new(watching), async |mut watching| Some((watching.next().await?, watching))))
}

enum Phase {
    /// Sending the rows of the snapshot.
    Snapshot(Box<Snapshot>),
    /// Sending the events up to a position, before the stream is `synced`.
    CatchUp {
        until: Position,
    },
    /// Sending events as they are recorded.
    Live,
    /// About to send GoingAway.
    Leaving(pb::GoingAwayReason),
    Done,
}

/// The state of a stream. Thousands of them wait at the same time: what few streams need is in a box.
struct WatchStream {
    log: Arc<EventLog>,
    epoch: Epoch,
    cursor: Cursor,
    /// None: everyone.
    scope: Option<Arc<Scope>>,
    /// The next page of the log, while the stream is behind.
    read_ahead: Option<ReadAhead>,
    filter: Filter,
    undecided: Option<Box<Undecided>>,
    phase: Phase,
    /// Until synced: the rows of the snapshot that contained later changes.
    sent_ahead: Option<Box<SentAhead>>,
    /// Whether a client that resumes has to begin the snapshot again: until synced, with a snapshot.
    restarts_snapshot: bool,
    /// Events taken and not sent yet; at most a batch.
    ready: std::vec::IntoIter<Arc<RingEntry>>,
    /// Everything up to here was sent or is out of scope.
    passed: Mark,
    timetable: Timetable,
    leaving: CancellationToken,
    connection: Option<CancellationToken>,
    deliveries: Option<Deliveries>,
}

/// How a wait for events ended.
enum Waited {
    Step(Step),
    Clock,
    Announced,
}

async fn until_announced(hub: &Hub, position: Option<Position>) {
    match position {
        Some(position) => {
            let mut ends = hub.ends();
            // An error means that the hub is gone, which the cursor reports too. Boxed, since few streams ever wait here.
            let _ = Box::pin(ends.wait_for(|end| end.position >= position)).await;
        }
        None => std::future::pending().await,
    }
}

async fn until_connection_ends(connection: Option<&CancellationToken>) {
    match connection {
        Some(end) => end.cancelled().await,
        None => std::future::pending().await,
    }
}

impl WatchStream {
    /// The next response; none: the stream is over.
    async fn next(&mut self) -> Option<Result<Encoded, Status>> {
        loop {
            let sent = match self.by_clock() {
                Ok(None) => match &mut self.phase {
                    Phase::Snapshot(_) => self.next_row().await,
                    Phase::CatchUp { .. } | Phase::Live => self.next_event().await,
                    Phase::Leaving(reason) => {
                        let reason = *reason;
                        self.phase = Phase::Done;
                        Ok(Some(self.own(Say::GoingAway(pb::GoingAway { reason: reason.into() }))))
                    }
                    Phase::Done => return None,
                },
                sent => sent,
            };
            match sent {
                Ok(Some(bytes)) => return Some(Ok(bytes)),
                Ok(None) => {}
                Err(error) => {
                    self.phase = Phase::Done;
                    return Some(Err(error.into()));
                }
            }
        }
    }

    /// What is due by the clock: the end of the stream, a heartbeat, or the error that this replica is behind.
    fn by_clock(&mut self) -> Result<Option<Encoded>, Error> {
        if matches!(self.phase, Phase::Leaving(_) | Phase::Done) || !self.timetable.is_time_to_look() {
            return Ok(None);
        }
        if self.leaving.is_cancelled() {
            self.phase = Phase::Leaving(pb::GoingAwayReason::Shutdown);
            return Ok(None);
        }
        if self.connection.as_ref().is_some_and(CancellationToken::is_cancelled) {
            self.phase = Phase::Leaving(pb::GoingAwayReason::MaxAge);
            return Ok(None);
        }
        match self.timetable.due(self.log.lag()) {
            None => Ok(None),
            Some(Due::End) => {
                self.phase = Phase::Leaving(pb::GoingAwayReason::MaxAge);
                Ok(None)
            }
            Some(Due::Behind) => Err(Error::Behind { resume_token: self.token() }),
            Some(Due::Heartbeat) => Ok(Some(self.heartbeat())),
        }
    }

    fn heartbeat(&mut self) -> Encoded {
        // In this order: every event recorded up to `as_of` is at or before `end`.
        let as_of = self.log.as_of();
        let end = self.log.hub().end();
        self.look_ahead();
        let synced = matches!(self.phase, Phase::Live);
        let caught_up = synced && self.passed.position >= end.position;
        self.own(Say::Heartbeat(pb::Heartbeat { as_of: Some(timestamp::to_pb(as_of)), caught_up }))
    }

    /// The token that resumes here.
    fn token(&self) -> String {
        if self.restarts_snapshot {
            ResumeToken::Snapshot { epoch: self.epoch }.encode()
        } else {
            token(self.epoch, self.passed)
        }
    }

    fn own(&self, say: Say) -> Encoded {
        Encoded(encode::encode(self.token(), Some(say)))
    }

    /// With nothing left to send, the stream has also passed everything out of scope up to the end.
    fn look_ahead(&mut self) {
        if self.ready.as_slice().is_empty() {
            self.passed = self.cursor.catch_up();
        }
    }

    /// The next row of the snapshot, or the end of it.
    async fn next_row(&mut self) -> Result<Option<Encoded>, Error> {
        let Phase::Snapshot(snapshot) = &mut self.phase else { return Ok(None) };
        let scope = self.scope.as_deref().unwrap_or(&EVERYONE);
        if let Some(head) = snapshot.next_row(scope) {
            let wanted = self.filter.wants_subject(&head.subject);
            return Ok(wanted.then(|| self.own(Say::SnapshotEntry(encode::snapshot_entry(&head)))));
        }
        if snapshot.is_at_end() {
            let until = snapshot.newest().max(self.log.hub().end().position);
            self.sent_ahead = snapshot.take_sent_ahead();
            self.phase = Phase::CatchUp { until };
            return Ok(None);
        }
        snapshot.read_on(self.log.as_ref(), scope).await?;
        self.timetable.look_now();
        Ok(None)
    }

    /// The next event, or `synced` when the stream has caught up.
    async fn next_event(&mut self) -> Result<Option<Encoded>, Error> {
        if let Some(entry) = self.ready.next() {
            return Ok(self.pass(&entry));
        }
        // An idle stream keeps no buffer.
        self.ready = Vec::new().into_iter();
        self.look_ahead();
        let waited = match self.phase {
            Phase::CatchUp { until } if self.passed.position >= until => return self.synced().await.map(Some),
            // All of it is announced: if none of it is in scope, there is nothing to wait for.
            Phase::CatchUp { until } if self.log.hub().end().position >= until => self.look().map(Waited::Step),
            Phase::CatchUp { until } => Some(self.wait(Some(until)).await),
            Phase::Snapshot(_) | Phase::Live | Phase::Leaving(_) | Phase::Done => Some(self.wait(None).await),
        };
        self.timetable.look_now();
        if !matches!(waited, Some(Waited::Step(Step::Behind))) {
            // The ring has what follows, so a page read ahead is of no use any more.
            self.read_ahead = None;
        }
        match waited {
            None | Some(Waited::Clock | Waited::Announced | Waited::Step(Step::Events)) => Ok(None),
            Some(Waited::Step(Step::Behind)) => self.read_log().await.map(|()| None),
            Some(Waited::Step(Step::Closed)) => Err(LogError::Closed.into()),
        }
    }

    /// Takes events without waiting.
    fn look(&mut self) -> Option<Step> {
        let mut batch = Vec::new();
        let step = self.cursor.next_batch(&mut batch, BATCH).now_or_never();
        self.ready = batch.into_iter();
        step
    }

    /// Waits for events, for the clock, or until the hub has heard of everything up to `announced`.
    async fn wait(&mut self, announced: Option<Position>) -> Waited {
        let mut batch = Vec::new();
        let clock = self.timetable.next_look(self.log.lag());
        let waited = tokio::select! {
            step = self.cursor.next_batch(&mut batch, BATCH) => Waited::Step(step),
            () = tokio::time::sleep_until(clock) => Waited::Clock,
            () = self.leaving.cancelled() => Waited::Clock,
            () = until_connection_ends(self.connection.as_ref()) => Waited::Clock,
            () = until_announced(self.log.hub(), announced) => Waited::Announced,
        };
        self.ready = batch.into_iter();
        waited
    }

    /// Reads on in the log, where the ring no longer reaches back.
    async fn read_log(&mut self) -> Result<(), Error> {
        let after = self.cursor.considered().position;
        let reading = self.read_ahead.take().filter(|reading| reading.after == after);
        let reading = reading.unwrap_or_else(|| ReadAhead::start(&self.log, after, self.scope.as_ref()));
        let page = reading.page().await;
        let Page { events, considered, at_end } = page.map_err(|error| log_error(self.log.as_ref(), error))?;
        if considered.position <= after {
            // The ring has heard of more than could be read: without this, the stream would loop.
            let reason = "an announced event could not be read".to_owned();
            return Err(LogError::Unavailable { reason }.into());
        }
        let entries: Vec<_> = events.into_iter().map(|event| Arc::new(RingEntry::new(event))).collect();
        self.ready = entries.into_iter();
        self.cursor.advance(considered);
        // The next page is read while this one is being sent.
        self.read_ahead = (!at_end).then(|| ReadAhead::start(&self.log, considered.position, self.scope.as_ref()));
        Ok(())
    }

    /// Passes an event: sends it, if it is wanted.
    fn pass(&mut self, entry: &RingEntry) -> Option<Encoded> {
        let event = entry.event();
        self.passed = event.mark();
        self.decide(event);
        let contained = self.sent_ahead.as_ref().is_some_and(|sent| sent.contains(event));
        if contained || !self.filter.wants(event) {
            return None;
        }
        if let Some(deliveries) = &self.deliveries {
            deliveries.delivered(event, matches!(self.phase, Phase::Live));
        }
        let response = entry.encoded(|event| encode::response(self.epoch, event));
        Some(Encoded(if self.restarts_snapshot { encode::with_token(&response, &self.token()) } else { response }))
    }

    /// Says that the stream has caught up, and finds out which customers are decided by now.
    async fn synced(&mut self) -> Result<Encoded, Error> {
        let as_of = Some(timestamp::to_pb(self.log.as_of()));
        if let Some(undecided) = &mut self.undecided {
            undecided.remove_decided(self.log.as_ref(), self.passed.position).await?;
        }
        (self.phase, self.restarts_snapshot, self.sent_ahead) = (Phase::Live, false, None);
        let synced = self.own(Say::Synced(pb::Synced { as_of }));
        self.leave_if_decided();
        Ok(synced)
    }

    /// Follows which customers are decided.
    fn decide(&mut self, event: &Event) {
        if let (Some(undecided), Phase::Live) = (&mut self.undecided, &self.phase) {
            undecided.follow(event);
            self.leave_if_decided();
        }
    }

    fn leave_if_decided(&mut self) {
        if self.undecided.as_ref().is_some_and(|undecided| undecided.is_empty()) {
            self.phase = Phase::Leaving(pb::GoingAwayReason::Decided);
        }
    }
}

/// A page of the log that a task reads while the page before it is being sent. The task does not wait for a slow client, which
/// would hold one of the log's few readers. Dropping it ends the task.
#[derive(Debug)]
struct ReadAhead {
    after: Position,
    page: AbortOnDropHandle<Result<Page, LogError>>,
}

impl ReadAhead {
    /// Starts to read what follows `after`; of everyone, without a scope.
    fn start(log: &Arc<EventLog>, after: Position, scope: Option<&Arc<Scope>>) -> Self {
        let (log, scope) = (Arc::clone(log), scope.cloned());
        let read = async move { log.read(after, scope.as_deref().unwrap_or(&Scope::ALL), READ).await };
        Self { after, page: AbortOnDropHandle::new(tokio::spawn(read)) }
    }

    async fn page(self) -> Result<Page, LogError> {
        let ended = |_| Err(LogError::Unavailable { reason: "a read did not finish".to_owned() });
        self.page.await.unwrap_or_else(ended)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_that_waits_is_small() {
        // Beside what tonic and hyper keep of a stream, about 4 KiB.
        assert!(size_of::<WatchStream>() <= 384, "{}", size_of::<WatchStream>());
    }
}
