//! The reconciler: finds what no webhook said, such as `HOLD`, and what a lost one would have.
//!
//! Three ways, none of which hurries Grid: the customers updated lately, listed with an overlap; those undecided for long,
//! asked about one by one, less and less often; and all customers, decided ones too, at least daily, since `updatedAt` may
//! lag. It does one thing at a time, and rests after each request for at least as long as Grid took. When Grid fails one of
//! the three, that one waits, longer each time, and the others go on; when Grid asks for fewer requests, all of them wait.

mod setback;
mod undecided;

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::try_join_all;
use jiff::Timestamp;
use tokio::sync::watch;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use self::setback::Setback;
use self::undecided::Undecided;
use super::ask::{AskError, observed};
use super::clock::Clock;
use super::duty::on_duty;
use super::event::Asker;
use super::log::{Bookmark, Duty, EventLog, LogError};
use super::source::{CustomerSource, SourceError};
use gridgate_io::backoff::Backoff;

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

/// How often a page of the sweep is asked for before the sweep begins again: its cursor may have expired.
const TRIES_OF_A_PAGE: u32 = 5;

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
    undecided_setback: Setback,
    /// Before the same page is asked for again.
    page_setback: Setback,
    /// Before the sweep begins again.
    sweep_setback: Setback,
    undecided: Undecided,
    /// For what concerns everything: the log, and Grid asking for fewer requests.
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
            undecided_setback: Setback::new(first_wait, longest_wait),
            page_setback: Setback::new(first_wait, longest_wait),
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

    /// Makes one request of what is due, the freshest need first; false: nothing is.
    async fn step(&mut self, now: Timestamp) -> Result<bool, AskError> {
        Ok(self.list_recent(now).await? || self.ask_undecided(now).await? || self.sweep(now).await?)
    }

    /// Lists what was updated lately, if that is due.
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
        // A list that failed begins again: a cursor may not survive it.
        if !matches!(listed, Ok(Step::More)) {
            self.recent = None;
        }
        if let Err(AskError::Source(error)) = &listed
            && is_of_one(error)
        {
            self.recent_setback.begin("Grid did not list the customers updated lately", error);
        }
        if let Step::Done = listed? {
            if self.recent_setback.end() {
                // The list failed as well, so Grid may have been away for everyone.
                self.undecided.ask_refused_again(now, settings);
            }
            log.set_bookmark(Bookmark::RecentSeenTo, began).await?;
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
        let asked = self.undecided.step(log.as_ref(), source.as_ref(), settings, now).await;
        if let Err(AskError::Source(error)) = &asked
            && is_of_one(error)
        {
            self.undecided_setback.begin("Grid did not answer about a customer undecided for long", error);
        }
        match asked? {
            Step::More => Ok(true),
            Step::Done => {
                self.undecided_setback.end();
                freshness.send_modify(|freshness| freshness.undecided_at = Some(now));
                Ok(false)
            }
        }
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
            Step::More => self.page_setback.relax(),
            Step::Done => {
                self.page_setback.end();
                self.sweep_setback.end();
                self.sweep = None;
                log.set_bookmark(Bookmark::SweptAt, began).await?;
                freshness.send_modify(|freshness| freshness.swept_at = Some(began));
                tracing::info!("all customers were compared with Grid");
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
            // The cursor is no good, or its page never comes.
            SourceError::Unavailable
            | SourceError::Refused
            | SourceError::NotFound
            | SourceError::Gone
            | SourceError::Unusable => {
                self.sweep = None;
                self.page_setback.relax();
                self.sweep_setback.begin("Grid did not list all customers; beginning again at the first page", error);
            }
        }
    }

    fn succeeded(&mut self) {
        self.backoff.reset();
        // Grid answers, so those that it did not answer about keep no other waiting.
        self.undecided_setback.relax();
        if self.recent_setback.is_clear() && self.page_setback.is_clear() && self.sweep_setback.is_clear() {
            self.reconciler.freshness.send_if_modified(|freshness| freshness.failing_since.take().is_some());
        }
    }

    /// How long everything rests after this failure; none: as after a success, since only what failed waits.
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
            tracing::warn!(%error, "Grid cannot be compared with; trying again until it can");
        }
        let wait = self.backoff.next_wait();
        Some(retry_after.map_or(wait, |asked| asked.min(settings.longest_wait).max(wait)))
    }
}

fn is_due(now: Timestamp, last: Option<Timestamp>, every: Duration) -> bool {
    last.is_none_or(|last| now.duration_since(last).unsigned_abs() >= every)
}

/// Whether only what was asked about has to wait.
fn is_of_one(error: &SourceError) -> bool {
    !matches!(error, SourceError::RateLimited { .. })
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
