//! The resolver: asks Grid about statuses in doubt.
//!
//! Doubts are in the log, so a restart forgets none. Grid is asked about each at once. While Grid is away, one question at a time
//! probes whether it is back, and the rest wait. The probes are about different entities in turn, since Grid may fail for a
//! single one.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use gridgate_io::backoff::Backoff;
use tokio::sync::watch;
use tokio::task::{Id, JoinError, JoinSet};
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use super::ask::{AskError, ask};
use super::event::Asker;
use super::id::EntityKey;
use super::lease::while_leader;
use super::log::{Duty, EventLog, LogError, Recorded};
use super::source::{CustomerSource, SourceError};

/// Settings of the resolver.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ResolverSettings {
    /// How many questions may be under way at once: 8.
    pub concurrency: usize,
    /// The wait after a failed question: 250 ms; doubles each time, with jitter.
    pub first_wait: Duration,
    /// The longest such wait: 5 minutes.
    pub longest_wait: Duration,
    /// How often to read the doubts from the log without being notified of one: 30 s.
    pub look_every: Duration,
    /// The leader lease: 15 s.
    pub lease: Duration,
}

impl Default for ResolverSettings {
    fn default() -> Self {
        Self {
            concurrency: 8,
            first_wait: Duration::from_millis(250),
            longest_wait: Duration::from_secs(300),
            look_every: Duration::from_secs(30),
            lease: Duration::from_secs(15),
        }
    }
}

/// How many doubts are tracked at once; the log has the rest.
const MOST_TRACKED: usize = 10_000;
const DOUBTS_PER_PAGE: usize = 500;

/// The resolver's state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ResolverState {
    /// Doubts it tracks, at most 10,000.
    pub in_doubt: usize,
    /// Whether it waits, because Grid failed or asked for fewer requests.
    pub paused: bool,
}

/// Asks Grid about statuses in doubt.
pub struct Resolver {
    log: Arc<EventLog>,
    source: Arc<dyn CustomerSource>,
    settings: ResolverSettings,
    state: watch::Sender<ResolverState>,
}

impl Resolver {
    /// A resolver for this log, and its state.
    #[must_use]
    pub fn new(
        log: Arc<EventLog>,
        source: Arc<dyn CustomerSource>,
        settings: ResolverSettings,
    ) -> (Self, watch::Receiver<ResolverState>) {
        let (state, receiver) = watch::channel(ResolverState::default());
        (Self { log, source, settings, state }, receiver)
    }

    /// Runs until `stop`, or until the log closes.
    pub async fn run(self, stop: CancellationToken) {
        while_leader(&self.log, Duty::Resolve, self.settings.lease, &stop, |token| ResolverTerm::new(&self).run(token))
            .await;
    }
}

/// A doubt.
#[derive(Debug)]
struct Tracked {
    due: Instant,
    backoff: Backoff,
    asking: bool,
}

/// The state of one leadership term.
struct ResolverTerm<'a> {
    resolver: &'a Resolver,
    tracked: HashMap<EntityKey, Tracked>,
    asking: JoinSet<Result<Option<Recorded>, AskError>>,
    /// The entity each task of `asking` is about.
    questions: HashMap<Id, EntityKey>,
    paused_until: Option<Instant>,
    /// Grows while Grid fails.
    outage: Backoff,
    /// The entity of the last failed question, if Grid has answered none since.
    failed_last: Option<EntityKey>,
}

impl<'a> ResolverTerm<'a> {
    fn new(resolver: &'a Resolver) -> Self {
        let ResolverSettings { first_wait, longest_wait, .. } = resolver.settings;
        let outage = Backoff::new(first_wait, longest_wait);
        let (tracked, asking, questions) = (HashMap::new(), JoinSet::new(), HashMap::new());
        Self { resolver, tracked, asking, questions, paused_until: None, outage, failed_last: None }
    }

    async fn run(mut self, token: CancellationToken) {
        let mut doubts = self.resolver.log.hub().doubts();
        let mut look_at = Instant::now();
        loop {
            if look_at <= Instant::now() {
                doubts.mark_unchanged();
                look_at = Instant::now() + self.resolver.settings.look_every;
                match self.look().await {
                    Ok(()) => {}
                    Err(LogError::Closed) => break,
                    Err(error) => tracing::warn!(%error, "event log: the statuses in doubt cannot be read; retrying"),
                }
            }
            self.ask_what_is_due();
            let wake_at = self.next_due().map_or(look_at, |due| due.min(look_at));
            tokio::select! {
                () = token.cancelled() => break,
                Some(ended) = self.asking.join_next_with_id() => {
                    if self.ended(ended).await == Err(LogError::Closed) {
                        break;
                    }
                }
                changed = doubts.changed() => {
                    if changed.is_err() {
                        break;
                    }
                    look_at = Instant::now();
                }
                () = sleep_until(wake_at) => {}
            }
        }
        // Questions under way are dropped: their entities are still in doubt.
        self.asking.shutdown().await;
    }

    /// Reads the doubts from the log.
    async fn look(&mut self) -> Result<(), LogError> {
        let mut found: Vec<EntityKey> = Vec::new();
        loop {
            let page = self.resolver.log.unresolved(found.last(), DOUBTS_PER_PAGE).await?;
            let last = page.len() < DOUBTS_PER_PAGE;
            found.extend(page.iter().map(|head| head.entity()));
            if last || found.len() >= MOST_TRACKED {
                break;
            }
        }
        let ResolverSettings { first_wait, longest_wait, .. } = self.resolver.settings;
        let mut before = std::mem::take(&mut self.tracked);
        for entity in found {
            let tracked = before.remove(&entity).unwrap_or_else(|| Tracked {
                due: Instant::now(),
                backoff: Backoff::new(first_wait, longest_wait),
                asking: false,
            });
            self.tracked.insert(entity, tracked);
        }
        // An answer under way is recorded even if its doubt is settled.
        self.tracked.extend(before.into_iter().filter(|(_, tracked)| tracked.asking));
        self.publish_state();
        Ok(())
    }

    fn ask_what_is_due(&mut self) {
        let now = Instant::now();
        if self.paused_until.is_some_and(|until| until > now) {
            return;
        }
        // After a failure, one question probes whether Grid is back.
        let most = if self.outage.is_fresh() { self.resolver.settings.concurrency } else { 1 };
        let mut due: Vec<_> =
            self.tracked.iter_mut().filter(|(_, tracked)| !tracked.asking && tracked.due <= now).collect();
        // A doubt that failed before must not delay others.
        due.sort_unstable_by_key(|(_, tracked)| (!tracked.backoff.is_fresh(), tracked.due));
        for (entity, tracked) in due.into_iter().take(most.saturating_sub(self.asking.len())) {
            tracked.asking = true;
            let (log, source) = (Arc::clone(&self.resolver.log), Arc::clone(&self.resolver.source));
            let asked = entity.clone();
            let question =
                self.asking.spawn(async move { ask(log.as_ref(), source.as_ref(), Asker::Resolver, &asked).await });
            self.questions.insert(question.id(), entity.clone());
        }
    }

    /// When the next question is due.
    fn next_due(&self) -> Option<Instant> {
        if self.asking.len() >= self.resolver.settings.concurrency
            || (!self.outage.is_fresh() && !self.asking.is_empty())
        {
            return None;
        }
        let due = self.tracked.values().filter(|tracked| !tracked.asking).map(|tracked| tracked.due).min()?;
        Some(self.paused_until.map_or(due, |until| until.max(due)))
    }

    /// Handles the end of a question. One that panicked is retried, like one that failed.
    async fn ended(
        &mut self,
        ended: Result<(Id, Result<Option<Recorded>, AskError>), JoinError>,
    ) -> Result<(), LogError> {
        match ended {
            Ok((id, result)) => match self.questions.remove(&id) {
                Some(entity) => self.answered(entity, result).await,
                None => Ok(()),
            },
            Err(error) => {
                if let Some(entity) = self.questions.remove(&error.id()) {
                    tracing::error!(%entity, "asking Grid about a status in doubt panicked; retrying later");
                    self.retry_later(&entity);
                }
                Ok(())
            }
        }
    }

    /// Handles the result of a question.
    async fn answered(
        &mut self,
        entity: EntityKey,
        result: Result<Option<Recorded>, AskError>,
    ) -> Result<(), LogError> {
        match result {
            Ok(Some(_)) => {
                self.grid_answered();
                // It may still be in doubt: the head moved, or there is a newer doubt.
                let head = self.resolver.log.head(&entity).await?;
                if head.is_some_and(|head| head.doubt.is_some()) {
                    self.retry_later(&entity);
                } else {
                    self.tracked.remove(&entity);
                }
            }
            Ok(None) => {
                self.grid_answered();
                tracing::warn!(%entity, "Grid answered without a status; asking again later");
                self.retry_later(&entity);
            }
            Err(AskError::Source(error @ (SourceError::NotFound | SourceError::Gone | SourceError::Unusable))) => {
                self.grid_answered();
                tracing::warn!(%entity, %error, "Grid cannot resolve a status in doubt; asking again later");
                self.retry_later(&entity);
            }
            Err(AskError::Source(SourceError::RateLimited { retry_after })) => {
                self.pause(retry_after);
                self.retry_after_pause(&entity);
            }
            Err(AskError::Source(error @ (SourceError::Unavailable | SourceError::Refused))) => {
                if self.outage.is_fresh() {
                    tracing::warn!(%error, "Grid cannot be asked about statuses in doubt; retrying until it can");
                }
                self.retry_later(&entity);
                // The same entity failing twice in a row says nothing about Grid; only that entity waits.
                if self.failed_last.as_ref() != Some(&entity) {
                    self.pause(None);
                    self.failed_last = Some(entity);
                }
            }
            Err(AskError::Log(LogError::Closed)) => return Err(LogError::Closed),
            Err(AskError::Log(error)) => {
                tracing::warn!(%entity, %error, "event log: an answer of Grid's could not be recorded; asking again");
                self.retry_later(&entity);
            }
        }
        self.publish_state();
        Ok(())
    }

    fn grid_answered(&mut self) {
        self.outage.reset();
        self.failed_last = None;
        self.paused_until = None;
    }

    /// Pauses all questions: longer each time, or as long as Grid asked, up to the longest wait.
    fn pause(&mut self, retry_after: Option<Duration>) {
        let wait = self.outage.next_wait();
        let longest = self.resolver.settings.longest_wait;
        let wait = retry_after.map_or(wait, |asked| asked.min(longest).max(wait));
        self.paused_until = Some(Instant::now() + wait);
    }

    /// Retries after a wait that grows with each failure of this entity.
    fn retry_later(&mut self, entity: &EntityKey) {
        if let Some(tracked) = self.tracked.get_mut(entity) {
            tracked.asking = false;
            tracked.due = Instant::now() + tracked.backoff.next_wait();
        }
    }

    /// Retries as soon as the pause is over.
    fn retry_after_pause(&mut self, entity: &EntityKey) {
        if let Some(tracked) = self.tracked.get_mut(entity) {
            tracked.asking = false;
        }
    }

    fn publish_state(&self) {
        let paused = self.paused_until.is_some_and(|until| until > Instant::now());
        self.resolver.state.send_replace(ResolverState { in_doubt: self.tracked.len(), paused });
    }
}
