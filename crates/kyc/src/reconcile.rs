//! The reconciler: finds statuses that no webhook told, such as `HOLD`, and those whose webhook was lost.
//!
//! It compares the log with Grid in three ways, all gentle on Grid: it lists the customers updated lately, with an overlap; it asks
//! about those undecided for long, one by one, less and less often; and it sweeps all customers, decided ones too, at least
//! daily, since `updatedAt` may lag. It makes one request at a time, and rests after each for at least as long as Grid took. When
//! Grid fails one of the three, only that one waits, longer each time. When Grid asks for fewer requests, all of them wait.

mod setback;
mod undecided;

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::try_join_all;
use gridgate_io::backoff::Backoff;
use jiff::Timestamp;
use tokio::sync::watch;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use self::setback::Setback;
use self::undecided::Undecided;
use super::ask::{AskError, observed};
use super::clock::Clock;
use super::event::Asker;
use super::lease::while_leader;
use super::log::{Bookmark, Duty, EventLog, LogError};
use super::source::{CustomerSource, SourceError};

/// Settings of the reconciler.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReconcilerSettings {
    /// How often to list the customers updated lately: 60 s.
    pub recent_every: Duration,
    /// How far such a list reaches back behind the one before, for clocks and transactions that differ: 10 minutes.
    pub overlap: Duration,
    /// How often to look for customers undecided for long: 60 s.
    pub undecided_every: Duration,
    /// How long a status may be undecided and unconfirmed before Grid is asked: 15 minutes. From four times that on, Grid is
    /// asked again after a quarter of the time it has been undecided for, at least daily.
    pub undecided_after: Duration,
    /// How often to sweep all customers: 20 hours, at most a day.
    pub sweep_every: Duration,
    /// The least rest between two requests: 200 ms.
    pub rest: Duration,
    /// How often to check what is due: 1 s.
    pub look_every: Duration,
    /// The wait after a failed request: 1 s; doubles each time, with jitter.
    pub first_wait: Duration,
    /// The longest such wait: 5 minutes.
    pub longest_wait: Duration,
    /// The leader lease: 15 s.
    pub lease: Duration,
}

impl Default for ReconcilerSettings {
    fn default() -> Self {
        Self {
            recent_every: Duration::from_secs(60),
            overlap: Duration::from_secs(10 * 60),
            undecided_every: Duration::from_secs(60),
            undecided_after: Duration::from_secs(15 * 60),
            sweep_every: Duration::from_secs(20 * 60 * 60),
            rest: Duration::from_millis(200),
            look_every: Duration::from_secs(1),
            first_wait: Duration::from_secs(1),
            longest_wait: Duration::from_secs(5 * 60),
            lease: Duration::from_secs(15),
        }
    }
}

/// How often a page of the sweep is tried before the sweep starts over: its cursor may have expired.
const TRIES_OF_A_PAGE: u32 = 5;

/// How far the log was compared with Grid. None: not since this process became the leader, or never.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Freshness {
    /// Everything that Grid updated before this was compared.
    pub recent_to: Option<Timestamp>,
    /// Grid was last asked about all customers undecided for long.
    pub undecided_at: Option<Timestamp>,
    /// The last complete sweep began.
    pub swept_at: Option<Timestamp>,
    /// Grid or the log has failed since, without a success between.
    pub failing_since: Option<Timestamp>,
}

/// Compares the log with Grid.
pub struct Reconciler {
    log: Arc<EventLog>,
    source: Arc<dyn CustomerSource>,
    clock: Arc<dyn Clock>,
    settings: ReconcilerSettings,
    freshness: watch::Sender<Freshness>,
}

impl Reconciler {
    /// A reconciler for this log, and its progress.
    #[must_use]
    pub fn new(
        log: Arc<EventLog>,
        source: Arc<dyn CustomerSource>,
        clock: Arc<dyn Clock>,
        settings: ReconcilerSettings,
    ) -> (Self, watch::Receiver<Freshness>) {
        let (freshness, receiver) = watch::channel(Freshness::default());
        (Self { log, source, clock, settings, freshness }, receiver)
    }

    /// Runs until `stop`, or until the log closes.
    pub async fn run(self, stop: CancellationToken) {
        let this = &self;
        while_leader(&self.log, Duty::Reconcile, self.settings.lease, &stop, |token| async move {
            tokio::select! {
                () = token.cancelled() => {}
                // Dropping it at any point is harmless: what it had not recorded is compared again.
                () = ReconcilerTerm::new(this).run() => {}
            }
        })
        .await;
    }
}

/// A list of customers under way.
#[derive(Debug, Clone)]
struct Listing {
    began: Timestamp,
    updated_after: Option<Timestamp>,
    cursor: Option<String>,
    pages: u64,
    /// The cursor of an earlier page, taken after 1, 2, 4, 8… pages: a list that loops comes back to one of them.
    milestone: Option<String>,
}

impl Listing {
    fn new(began: Timestamp, updated_after: Option<Timestamp>) -> Self {
        Self { began, updated_after, cursor: None, pages: 0, milestone: None }
    }

    /// Goes on to the next page; false: the list loops.
    fn go_on(&mut self, cursor: &str) -> bool {
        if self.milestone.as_deref() == Some(cursor) {
            return false;
        }
        self.pages += 1;
        if self.pages.is_power_of_two() {
            self.milestone = Some(cursor.to_owned());
        }
        self.cursor = Some(cursor.to_owned());
        true
    }
}

/// The state of one leadership term.
struct ReconcilerTerm<'a> {
    reconciler: &'a Reconciler,
    recent: Option<Listing>,
    sweep: Option<Listing>,
    recent_setback: Setback,
    undecided_setback: Setback,
    /// Before the same page of the sweep is tried again.
    page_setback: Setback,
    /// Before the sweep starts over.
    sweep_setback: Setback,
    undecided: Undecided,
    /// For failures that stop all three ways: of the log, and Grid asking for fewer requests.
    backoff: Backoff,
}

impl<'a> ReconcilerTerm<'a> {
    fn new(reconciler: &'a Reconciler) -> Self {
        let ReconcilerSettings { first_wait, longest_wait, sweep_every, .. } = reconciler.settings;
        Self {
            reconciler,
            recent: None,
            sweep: None,
            recent_setback: Setback::new(first_wait, longest_wait),
            undecided_setback: Setback::new(first_wait, longest_wait),
            page_setback: Setback::new(first_wait, longest_wait),
            // Starting over lists everyone.
            sweep_setback: Setback::new(longest_wait, sweep_every.max(longest_wait)),
            undecided: Undecided::default(),
            backoff: Backoff::new(first_wait, longest_wait),
        }
    }

    async fn run(mut self) {
        let Reconciler { log, clock, settings, freshness, .. } = self.reconciler;
        loop {
            match (log.bookmarks().get(Bookmark::RecentSeenTo).await, log.bookmarks().get(Bookmark::SweptAt).await) {
                (Ok(recent_to), Ok(swept_at)) => {
                    freshness.send_modify(|freshness| {
                        freshness.recent_to = recent_to;
                        freshness.swept_at = swept_at;
                    });
                    break;
                }
                (Err(LogError::Closed), _) | (_, Err(LogError::Closed)) => return,
                (Err(_), _) | (_, Err(_)) => sleep(self.backoff.next_wait()).await,
            }
        }
        self.backoff.reset();
        loop {
            let asked_at = Instant::now();
            let step = self.step(clock.now()).await;
            // At most half of the time is spent asking.
            let rest = settings.rest.max(asked_at.elapsed());
            let wait = match step {
                Ok(false) => settings.look_every,
                Ok(true) => {
                    self.succeeded();
                    rest
                }
                Err(AskError::Log(LogError::Closed)) => return,
                Err(error) => self.failed(&error).unwrap_or(rest),
            };
            sleep(wait).await;
        }
    }

    /// Makes one request, the most urgent first; false: nothing is due.
    async fn step(&mut self, now: Timestamp) -> Result<bool, AskError> {
        Ok(self.list_recent(now).await? || self.ask_undecided(now).await? || self.sweep(now).await?)
    }

    /// Lists a page of the customers updated lately, if that is due.
    async fn list_recent(&mut self, now: Timestamp) -> Result<bool, AskError> {
        let Reconciler { log, settings, freshness, .. } = self.reconciler;
        let recent_to = freshness.borrow().recent_to;
        if !self.recent_setback.is_over() || (self.recent.is_none() && !is_due(now, recent_to, settings.recent_every)) {
            return Ok(false);
        }
        let listing = self.recent.get_or_insert_with(|| {
            let from = recent_to.unwrap_or(now);
            Listing::new(now, from.checked_sub(settings.overlap).ok())
        });
        let listed = list(self.reconciler, listing).await;
        let began = listing.began;
        // A list that failed starts over: its cursor may not survive the failure.
        if !matches!(listed, Ok(ListStep::More)) {
            self.recent = None;
        }
        if let Err(AskError::Source(error)) = &listed
            && is_of_one(error)
        {
            self.recent_setback.begin("Grid did not list the customers updated lately", error);
        }
        if let ListStep::Done = listed? {
            if self.recent_setback.end() {
                // The list had failed as well, so Grid may have been away for everyone.
                self.undecided.ask_refused_again(now, settings.undecided_after);
            }
            log.bookmarks().set(Bookmark::RecentSeenTo, began).await?;
            freshness.send_modify(|freshness| freshness.recent_to = Some(began));
        }
        Ok(true)
    }

    /// Asks about one customer or verification undecided for long, if that is due.
    async fn ask_undecided(&mut self, now: Timestamp) -> Result<bool, AskError> {
        let Reconciler { log, source, settings, freshness, .. } = self.reconciler;
        let undecided_at = freshness.borrow().undecided_at;
        if !self.undecided_setback.is_over()
            || (!self.undecided.is_under_way() && !is_due(now, undecided_at, settings.undecided_every))
        {
            return Ok(false);
        }
        let asked = self.undecided.step(log.as_ref(), source.as_ref(), settings.undecided_after, now).await;
        if let Err(AskError::Source(error)) = &asked
            && is_of_one(error)
        {
            self.undecided_setback.begin("Grid did not answer about a customer undecided for long", error);
        }
        let has_more = asked?;
        if !has_more {
            self.undecided_setback.end();
            freshness.send_modify(|freshness| freshness.undecided_at = Some(now));
        }
        Ok(has_more)
    }

    /// Lists the next page of all customers, if that is due.
    async fn sweep(&mut self, now: Timestamp) -> Result<bool, AskError> {
        let Reconciler { log, settings, freshness, .. } = self.reconciler;
        let swept_at = freshness.borrow().swept_at;
        let sweep_every = settings.sweep_every.min(Duration::from_secs(24 * 60 * 60));
        if !self.sweep_setback.is_over()
            || !self.page_setback.is_over()
            || (self.sweep.is_none() && !is_due(now, swept_at, sweep_every))
        {
            return Ok(false);
        }
        let listing = self.sweep.get_or_insert_with(|| Listing::new(now, None));
        let (began, is_first_page) = (listing.began, listing.cursor.is_none());
        let listed = list(self.reconciler, listing).await;
        if let Err(AskError::Source(error)) = &listed {
            self.set_sweep_back(error, is_first_page);
        }
        match listed? {
            ListStep::More => self.page_setback.relax(),
            ListStep::Done => {
                self.page_setback.end();
                self.sweep_setback.end();
                self.sweep = None;
                log.bookmarks().set(Bookmark::SweptAt, began).await?;
                freshness.send_modify(|freshness| freshness.swept_at = Some(began));
                tracing::info!("sweep finished: all customers were compared with Grid");
            }
        }
        Ok(true)
    }

    fn set_sweep_back(&mut self, error: &SourceError, is_first_page: bool) {
        match error {
            SourceError::RateLimited { .. } => {}
            SourceError::Unavailable | SourceError::Refused
                if is_first_page || self.page_setback.failures() < TRIES_OF_A_PAGE - 1 =>
            {
                self.page_setback.begin("Grid did not list a page of all customers", error);
            }
            // The cursor is invalid, or its page keeps failing.
            SourceError::Unavailable
            | SourceError::Refused
            | SourceError::NotFound
            | SourceError::Gone
            | SourceError::Unusable => {
                self.sweep = None;
                self.page_setback.relax();
                self.sweep_setback.begin("Grid did not list all customers; starting over at the first page", error);
            }
        }
    }

    fn succeeded(&mut self) {
        self.backoff.reset();
        // Grid answers, so a failure about single customers no longer delays the others.
        self.undecided_setback.relax();
        if self.recent_setback.is_clear() && self.page_setback.is_clear() && self.sweep_setback.is_clear() {
            self.reconciler.freshness.send_if_modified(|freshness| freshness.failing_since.take().is_some());
        }
    }

    /// How long all requests rest after this failure; none: as after a success, since only what failed waits.
    fn failed(&mut self, error: &AskError) -> Option<Duration> {
        let Reconciler { settings, clock, freshness, .. } = self.reconciler;
        let now = clock.now();
        freshness.send_if_modified(|freshness| match freshness.failing_since {
            Some(_) => false,
            None => {
                freshness.failing_since = Some(now);
                true
            }
        });
        let retry_after = match error {
            AskError::Source(SourceError::RateLimited { retry_after }) => *retry_after,
            AskError::Source(_) => return None,
            AskError::Log(_) => None,
        };
        if self.backoff.is_fresh() {
            tracing::warn!(%error, "the log cannot be compared with Grid; retrying until it can");
        }
        let wait = self.backoff.next_wait();
        Some(retry_after.map_or(wait, |asked| asked.min(settings.longest_wait).max(wait)))
    }
}

fn is_due(now: Timestamp, last: Option<Timestamp>, every: Duration) -> bool {
    last.is_none_or(|last| now.duration_since(last).unsigned_abs() >= every)
}

/// Whether only the request that failed has to wait.
fn is_of_one(error: &SourceError) -> bool {
    !matches!(error, SourceError::RateLimited { .. })
}

/// Whether a list has another page.
enum ListStep {
    More,
    Done,
}

/// Gets the next page of a list, and records what is on it.
async fn list(reconciler: &Reconciler, listing: &mut Listing) -> Result<ListStep, AskError> {
    let Reconciler { log, source, .. } = reconciler;
    let basis = log.basis();
    let page = source.customers(listing.updated_after, listing.cursor.as_deref()).await?;
    let observations = page.customers.into_iter().filter_map(|answer| observed(Asker::Reconciler, basis, answer));
    try_join_all(observations.map(|observation| log.record(observation))).await?;
    match page.next_cursor {
        Some(cursor) if listing.go_on(&cursor) => Ok(ListStep::More),
        None if !page.is_truncated => Ok(ListStep::Done),
        // There is another page, but no way to reach it.
        Some(_) | None => Err(SourceError::Unusable.into()),
    }
}
