//! The states of the event log and of its watchers, read when metrics are.
//!
//! Reading the log takes time and may fail. Each state has a limit of its own; one that could not be read in time has no value, and
//! the others keep theirs. `gridgate_event_log_up` says whether the log is there, not whether counting ends in time. Before the
//! log is open nothing has a value.

use super::event_log::{EventLog, LateLog};
use super::store::{Bookmark, LogError};
use super::trouble::Trouble;
use crate::head::Head;
use crate::id::{EntityKey, Position, Scope};
use futures_util::FutureExt as _;
use gridgate_io::metrics::Kind::Gauge;
use gridgate_io::metrics::{Metrics, count, label, size};
use jiff::Timestamp;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::time::{Instant, timeout};

/// How long reading one state of the log may take.
const PATIENCE: Duration = Duration::from_secs(3);
/// How long a state that was read may be served again.
const FRESH: Duration = Duration::from_millis(500);
/// How many rows are counted at most, and how many at a time.
const MOST: usize = 10_000;
const PAGE: usize = 500;

/// What was read of the log.
#[derive(Debug, Clone, Copy, Default)]
struct State {
    read_at: Option<Instant>,
    oldest: Option<Position>,
    newest_at: Option<(Position, Timestamp)>,
    unresolved: Option<usize>,
    quarantined: Option<usize>,
    recent_to: Option<Timestamp>,
    swept_at: Option<Timestamp>,
    /// None until the log is open.
    up: Option<bool>,
}

/// The states of a log.
pub struct LogStates {
    log: LateLog,
    files: Vec<PathBuf>,
    /// Guards what was read last; never held across a wait.
    state: Mutex<State>,
    /// Held while the log is read, so that it is not read twice at a time.
    reading: tokio::sync::Mutex<()>,
}

impl LogStates {
    /// Those of this log, once it is open; `files` are what it is stored in, if it is in files.
    #[must_use]
    pub fn new(log: LateLog, files: Vec<PathBuf>) -> Self {
        Self { log, files, state: Mutex::default(), reading: tokio::sync::Mutex::default() }
    }

    /// Reads the log, unless that was done a moment ago.
    pub async fn refresh(&self) {
        let Some(log) = self.log.get() else { return };
        let _reading = self.reading.lock().await;
        let before = *self.state();
        if before.read_at.is_some_and(|at| at.elapsed() < FRESH) {
            return;
        }
        let state = read(log.as_ref(), before).await;
        *self.state() = state;
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // It is replaced as a whole.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Registers the metrics.
    pub fn register(self: &Arc<Self>, metrics: &mut Metrics) {
        let mut state = |name, help, value: fn(State) -> Option<f64>| {
            let this = Arc::clone(self);
            metrics.read_one(Gauge, name, help, move || value(*this.state()));
        };
        state(
            "gridgate_event_log_up",
            "Whether the event log could be read just now, and takes events: 1 or 0",
            |state| state.up.map(|up| f64::from(u8::from(up))),
        );
        state("gridgate_event_oldest_position", "Everything after this position is kept in the event log", |state| {
            state.oldest.map(|position| count(position.get()))
        });
        state("gridgate_event_newest_timestamp_seconds", "When the newest event was recorded, as Unix time", |state| {
            state.newest_at.map(|(_, at)| unix(at))
        });
        state(
            "gridgate_event_unresolved",
            "Customers and verifications whose status is in doubt, until Grid is asked; at most 10000 are counted",
            |state| state.unresolved.map(size),
        );
        state(
            "gridgate_event_quarantined",
            "Webhooks about KYC that could not be understood; at most 10000 are counted",
            |state| state.quarantined.map(size),
        );
        self.register_live(metrics);
    }

    /// When comparing with Grid last saw every customer that had changed, and last began to see all.
    pub(crate) fn compared(&self) -> (Option<Timestamp>, Option<Timestamp>) {
        let State { recent_to, swept_at, .. } = *self.state();
        (recent_to, swept_at)
    }

    /// Adds those that are known without reading the log.
    fn register_live(self: &Arc<Self>, metrics: &mut Metrics) {
        let mut live = |name, help, value: fn(&EventLog) -> Option<f64>| {
            let this = Arc::clone(self);
            metrics.read_one(Gauge, name, help, move || value(this.log.get()?.as_ref()));
        };
        live("gridgate_event_newest_position", "The position of the newest event", |log| {
            Some(count(log.hub().end().position.get()))
        });
        live(
            "gridgate_event_as_of_timestamp_seconds",
            "When this process last knew the end of the event log, as Unix time",
            |log| Some(unix(log.as_of())),
        );
        live("gridgate_watch_streams", "Streams that watch the event log", |log| Some(size(log.hub().watching())));
        live(
            "gridgate_watch_slowest_behind_events",
            "How many events the slowest stream has before it that it did not take yet",
            |log| Some(log.hub().backlog().map_or(0.0, |backlog| count(backlog.events))),
        );
        live("gridgate_watch_slowest_behind_seconds", "How long ago the first of them was recorded", |log| {
            let oldest = log.hub().backlog().and_then(|backlog| backlog.oldest);
            Some(oldest.map_or(0.0, |at| Timestamp::now().duration_since(at).as_secs_f64().max(0.0)))
        });
        live(
            "gridgate_event_retention_behind_seconds",
            "How far retention's own time lags behind the machine's clock",
            |log| Some(log.condition().retention_behind.as_secs_f64()),
        );
        let this = Arc::clone(self);
        let blocked = "1 for the reason why the event log records nothing, else 0";
        metrics.read(Gauge, "gridgate_event_log_blocked", blocked, move || {
            let Some(log) = this.log.get() else { return Vec::new() };
            let trouble = log.condition().trouble;
            let is = |name| trouble.as_ref().is_some_and(|trouble| trouble.name() == name);
            Trouble::NAMES.map(|name| (label("reason", name), f64::from(u8::from(is(name))))).to_vec()
        });
        let this = Arc::clone(self);
        let size = "What the files of the event log take on the disk";
        metrics.read_one(Gauge, "gridgate_event_log_size_bytes", size, move || this.file_sizes());
    }

    fn file_sizes(&self) -> Option<f64> {
        let sizes = self.files.iter().filter_map(|path| std::fs::metadata(path).ok());
        (!self.files.is_empty()).then(|| sizes.map(|file| count(file.len())).sum())
    }
}

/// Everything that has to be read, all at once.
async fn read(log: &EventLog, before: State) -> State {
    let end = log.hub().end().position;
    let (bounds, newest_at, recent_to, swept_at, unresolved, quarantined) = tokio::join!(
        in_time(log.bounds()),
        in_time(newest(log, end, before.newest_at)),
        in_time(log.bookmarks().get(Bookmark::RecentSeenTo)),
        in_time(log.bookmarks().get(Bookmark::SweptAt)),
        in_time(unresolved(log)),
        in_time(log.quarantine().count(MOST)),
    );
    // What it reads it may read from memory, or from a disk that takes no more.
    let is_closed = log.closed().now_or_never().is_some();
    // Those that are counted may be many, and say nothing about whether the log is there.
    let up = !is_closed && bounds.is_some() && newest_at.is_some() && recent_to.is_some() && swept_at.is_some();
    State {
        read_at: Some(Instant::now()),
        oldest: bounds.map(|bounds| bounds.oldest.position),
        newest_at: newest_at.unwrap_or(before.newest_at),
        unresolved,
        quarantined,
        recent_to: recent_to.flatten(),
        swept_at: swept_at.flatten(),
        up: Some(up),
    }
}

/// What was read, if that did not fail and did not take too long.
async fn in_time<T>(reading: impl Future<Output = Result<T, LogError>>) -> Option<T> {
    timeout(PATIENCE, reading).await.ok()?.ok()
}

/// The newest event's place, and when it was recorded.
async fn newest(
    log: &EventLog,
    end: Position,
    before: Option<(Position, Timestamp)>,
) -> Result<Option<(Position, Timestamp)>, LogError> {
    if let Some(event) = log.hub().newest() {
        return Ok(Some((event.position, event.recorded_at)));
    }
    let Some(last_before) = end.get().checked_sub(1).map(Position::new) else { return Ok(None) };
    if before.is_some_and(|(position, _)| position == end) {
        return Ok(before);
    }
    match log.read(last_before, &Scope::ALL, 1).await {
        Ok(page) => Ok(page.events.first().map(|event| (event.position, event.recorded_at))),
        // It is the end, and yet no longer kept: retention has taken everything.
        Err(LogError::Expired { .. }) => Ok(before),
        Err(error) => Err(error),
    }
}

async fn unresolved(log: &EventLog) -> Result<usize, LogError> {
    let (mut counted, mut after): (usize, Option<EntityKey>) = (0, None);
    loop {
        let page = log.unresolved(after.as_ref(), PAGE).await?;
        counted += page.len();
        after = page.last().map(|head: &Arc<Head>| head.entity());
        if page.len() < PAGE || counted >= MOST {
            return Ok(counted);
        }
    }
}

fn unix(at: Timestamp) -> f64 {
    at.as_duration().as_secs_f64()
}
