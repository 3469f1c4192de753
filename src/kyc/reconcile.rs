//! The reconciler: finds what no webhook said, such as `HOLD`, and what a lost one would have.
//!
//! Three ways, none of which hurries Grid: the customers updated lately, listed with an overlap; those undecided for long,
//! asked about one by one, less and less often; and all customers, decided ones too, at least daily, since `updatedAt` may
//! lag. It does one thing at a time, rests after each request for at least as long as Grid took, and longer when Grid
//! fails or asks for it.

mod undecided;

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::try_join_all;
use jiff::Timestamp;
use tokio::sync::watch;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use self::undecided::Undecided;
use super::ask::{AskError, observed};
use super::backoff::Backoff;
use super::clock::Clock;
use super::duty::on_duty;
use super::event::Asker;
use super::log::{Bookmark, Duty, EventLog, LogError};
use super::source::{CustomerSource, SourceError};

/// How the reconciler looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReconcilerSettings {
    /// How often to list what was updated lately.
    pub recent_every: Duration,
    /// By how much such a list reaches back behind the one before, for clocks and transactions that differ.
    pub overlap: Duration,
    /// How often to look for those undecided for long.
    pub undecided_every: Duration,
    /// For how long a status may be undecided and unconfirmed before Grid is asked about it. From four times that on, it is
    /// asked again after a quarter of the time it has been undecided for, at least daily.
    pub undecided_after: Duration,
    /// How often to list all customers; at most a day.
    pub sweep_every: Duration,
    /// The least rest between two requests.
    pub rest: Duration,
    /// How often to see what is due.
    pub look_every: Duration,
    /// The first wait after a request that failed; doubles each time, with jitter.
    pub first_wait: Duration,
    /// The longest such wait.
    pub longest_wait: Duration,
    /// For how long the duty is taken at a time.
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

/// How fresh what is known of Grid is; none: not since this process has the duty, or ever.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Freshness {
    /// Everything that Grid updated before this was seen.
    pub recent_to: Option<Timestamp>,
    /// Those undecided for long were last all asked about then.
    pub undecided_at: Option<Timestamp>,
    /// The last complete sweep began then.
    pub swept_at: Option<Timestamp>,
    /// Grid, or the log, has failed since then without a success between.
    pub failing_since: Option<Timestamp>,
}

/// Finds what no webhook said.
pub struct Reconciler {
    log: Arc<dyn EventLog>,
    source: Arc<dyn CustomerSource>,
    clock: Arc<dyn Clock>,
    settings: ReconcilerSettings,
    freshness: watch::Sender<Freshness>,
}

impl Reconciler {
    /// A reconciler for this log, and how to see how fresh it keeps it.
    #[must_use]
    pub fn new(
        log: Arc<dyn EventLog>,
        source: Arc<dyn CustomerSource>,
        clock: Arc<dyn Clock>,
        settings: ReconcilerSettings,
    ) -> (Self, watch::Receiver<Freshness>) {
        let (freshness, receiver) = watch::channel(Freshness::default());
        (Self { log, source, clock, settings, freshness }, receiver)
    }

    /// Reconciles until `stop`, or until the log is closed.
    pub async fn run(self, stop: CancellationToken) {
        let this = &self;
        on_duty(&self.log, Duty::Reconcile, self.settings.lease, &stop, |token| async move {
            tokio::select! {
                () = token.cancelled() => {}
                // Dropping it at any point is harmless: what it had not recorded is seen again.
                () = Round::new(this).run() => {}
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
    /// How many pages there were.
    pages: u64,
    /// The cursor of some page before, at twice as many pages each time: a list that goes round comes back to one.
    milestone: Option<String>,
}

impl Listing {
    fn new(began: Timestamp, updated_after: Option<Timestamp>) -> Self {
        Self { began, updated_after, cursor: None, pages: 0, milestone: None }
    }

    /// Goes on to the next page; false: the list has been there.
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

/// When Grid's answer to a list is unusable, that list pauses for a while. The others go on.
struct Setback {
    backoff: Backoff,
    until: Option<Instant>,
}

impl Setback {
    fn new(first: Duration, longest: Duration) -> Self {
        Self { backoff: Backoff::new(first, longest), until: None }
    }

    fn is_over(&self) -> bool {
        self.until.is_none_or(|until| until <= Instant::now())
    }

    fn begin(&mut self, what: &'static str) {
        if self.backoff.is_fresh() {
            tracing::warn!("{what} cannot be listed to the end: Grid's answer is unusable; trying again later");
        }
        self.until = Some(Instant::now() + self.backoff.next_wait());
    }

    fn end(&mut self) {
        self.backoff.reset();
        self.until = None;
    }
}

/// What became of one step.
enum Step {
    /// There is more of the same.
    More,
    /// It is done.
    Done,
}

/// One stretch of duty.
struct Round<'a> {
    reconciler: &'a Reconciler,
    recent: Option<Listing>,
    sweep: Option<Listing>,
    recent_setback: Setback,
    sweep_setback: Setback,
    undecided: Undecided,
    backoff: Backoff,
}

impl<'a> Round<'a> {
    fn new(reconciler: &'a Reconciler) -> Self {
        let ReconcilerSettings { first_wait, longest_wait, sweep_every, .. } = reconciler.settings;
        Self {
            reconciler,
            recent: None,
            sweep: None,
            recent_setback: Setback::new(first_wait, longest_wait),
            // It lists everyone.
            sweep_setback: Setback::new(longest_wait, sweep_every.max(longest_wait)),
            undecided: Undecided::default(),
            backoff: Backoff::new(first_wait, longest_wait),
        }
    }

    async fn run(mut self) {
        let Reconciler { log, clock, settings, freshness, .. } = self.reconciler;
        loop {
            match (log.bookmark(Bookmark::RecentSeenTo).await, log.bookmark(Bookmark::SweptAt).await) {
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
            let rest = match self.step(clock.now()).await {
                Ok(false) => settings.look_every,
                Ok(true) => {
                    self.succeeded();
                    // At most half of the time is spent asking.
                    settings.rest.max(asked_at.elapsed())
                }
                Err(AskError::Log(LogError::Closed)) => return,
                Err(error) => self.failed(&error),
            };
            sleep(rest).await;
        }
    }

    /// Makes one request of what is due, the freshest need first; false: nothing is.
    async fn step(&mut self, now: Timestamp) -> Result<bool, AskError> {
        let Reconciler { log, source, settings, freshness, .. } = self.reconciler;
        let Freshness { recent_to, undecided_at, swept_at, .. } = *freshness.borrow();
        let due = |last: Option<Timestamp>, every: Duration| {
            last.is_none_or(|last| now.duration_since(last).unsigned_abs() >= every)
        };
        if self.recent_setback.is_over() && (self.recent.is_some() || due(recent_to, settings.recent_every)) {
            let listing = self.recent.get_or_insert_with(|| {
                let from = recent_to.unwrap_or(now);
                Listing::new(now, from.checked_sub(settings.overlap).ok())
            });
            let listed = list(self.reconciler, listing).await;
            let began = listing.began;
            // A list that failed begins again: a cursor may not survive it.
            if !matches!(listed, Ok(Step::More)) {
                self.recent = None;
            }
            if let Err(AskError::Source(SourceError::Unusable)) = listed {
                self.recent_setback.begin("what was updated lately");
            }
            if let Step::Done = listed? {
                self.recent_setback.end();
                log.set_bookmark(Bookmark::RecentSeenTo, began).await?;
                freshness.send_modify(|freshness| freshness.recent_to = Some(began));
            }
            return Ok(true);
        }
        if self.undecided.is_under_way() || due(undecided_at, settings.undecided_every) {
            match self.undecided.step(log.as_ref(), source.as_ref(), settings, now).await? {
                Step::More => return Ok(true),
                Step::Done => freshness.send_modify(|freshness| freshness.undecided_at = Some(now)),
            }
        }
        let sweep_every = settings.sweep_every.min(Duration::from_secs(24 * 60 * 60));
        if self.sweep_setback.is_over() && (self.sweep.is_some() || due(swept_at, sweep_every)) {
            let listing = self.sweep.get_or_insert_with(|| Listing::new(now, None));
            let began = listing.began;
            let listed = list(self.reconciler, listing).await;
            if let Err(AskError::Source(SourceError::Unusable)) = listed {
                self.sweep_setback.begin("all customers");
                self.sweep = None;
            }
            if let Step::Done = listed? {
                self.sweep_setback.end();
                self.sweep = None;
                log.set_bookmark(Bookmark::SweptAt, began).await?;
                freshness.send_modify(|freshness| freshness.swept_at = Some(began));
                tracing::info!("all customers were compared with Grid");
            }
            return Ok(true);
        }
        Ok(false)
    }

    fn succeeded(&mut self) {
        self.backoff.reset();
        if self.recent_setback.until.is_none() && self.sweep_setback.until.is_none() {
            self.reconciler.freshness.send_if_modified(|freshness| freshness.failing_since.take().is_some());
        }
    }

    /// How long to rest after this failure.
    fn failed(&mut self, error: &AskError) -> Duration {
        let is_of_one_list = matches!(error, AskError::Source(SourceError::Unusable));
        if self.backoff.is_fresh() && !is_of_one_list {
            tracing::warn!(%error, "Grid cannot be compared with; trying again until it can");
        }
        let now = self.reconciler.clock.now();
        self.reconciler.freshness.send_if_modified(|freshness| match freshness.failing_since {
            Some(_) => false,
            None => {
                freshness.failing_since = Some(now);
                true
            }
        });
        let wait = self.backoff.next_wait();
        match error {
            AskError::Source(SourceError::RateLimited { retry_after }) => retry_after.unwrap_or(wait).max(wait),
            AskError::Source(SourceError::NotFound) => {
                // The sweep's cursor is no longer any good.
                self.sweep = None;
                wait
            }
            AskError::Source(
                SourceError::Gone | SourceError::Unavailable | SourceError::Refused | SourceError::Unusable,
            )
            | AskError::Log(_) => wait,
        }
    }
}

/// Asks for the next page of a list, and records what is on it.
async fn list(reconciler: &Reconciler, listing: &mut Listing) -> Result<Step, AskError> {
    let Reconciler { log, source, .. } = reconciler;
    let basis = log.basis();
    let page = source.customers(listing.updated_after, listing.cursor.as_deref()).await?;
    let observations = page.customers.into_iter().filter_map(|answer| observed(Asker::Reconciler, basis, answer));
    try_join_all(observations.map(|observation| log.record(observation))).await?;
    match page.next_cursor {
        Some(cursor) if listing.go_on(&cursor) => Ok(Step::More),
        None if !page.is_truncated => Ok(Step::Done),
        // There is more, and no way to it.
        Some(_) | None => Err(SourceError::Unusable.into()),
    }
}
