//! Asks Grid, one by one, about statuses undecided for long.

use std::collections::{HashMap, HashSet, VecDeque};
use std::time::Duration;

use jiff::Timestamp;

use crate::ask::{AskError, ask};
use crate::event::Asker;
use crate::head::Head;
use crate::id::EntityKey;
use crate::log::EventLog;
use crate::source::{CustomerSource, SourceError};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);
const HEADS_PER_PAGE: usize = 500;
/// How many entities without an answer are remembered, so that they are not asked about each time.
const MOST_UNANSWERED: usize = 10_000;

/// A walk over all undecided heads.
#[derive(Debug, Default)]
pub(super) struct Undecided {
    walking: bool,
    after: Option<EntityKey>,
    due: VecDeque<EntityKey>,
    /// Entities of `due` that failed once and were moved to its end.
    failed_once: HashSet<EntityKey>,
    /// Entities without an answer, and the earliest time to ask again.
    unanswered: HashMap<EntityKey, Timestamp>,
}

impl Undecided {
    pub(super) fn is_under_way(&self) -> bool {
        self.walking
    }

    /// Asks about one entity; false: there is nothing more to ask.
    pub(super) async fn step(
        &mut self,
        log: &EventLog,
        source: &dyn CustomerSource,
        undecided_after: Duration,
        now: Timestamp,
    ) -> Result<bool, AskError> {
        self.walking = true;
        while self.due.is_empty() {
            self.failed_once.clear();
            let page = log.unsettled(self.after.as_ref(), HEADS_PER_PAGE).await?;
            let unanswered = &self.unanswered;
            let is_due = |head: &Head| {
                now >= ask_at(head, undecided_after)
                    && unanswered.get(&head.entity()).is_none_or(|not_before| now >= *not_before)
            };
            self.due.extend(page.iter().filter(|head| is_due(head)).map(|head| head.entity()));
            self.after = page.last().map(|head| head.entity());
            if page.len() < HEADS_PER_PAGE && self.due.is_empty() {
                *self = Self { unanswered: std::mem::take(&mut self.unanswered), ..Self::default() };
                self.unanswered.retain(|_, not_before| *not_before > now);
                return Ok(false);
            }
        }
        let Some(entity) = self.due.front().cloned() else { return Ok(true) };
        match ask(log, source, Asker::Reconciler, &entity).await {
            Ok(Some(_)) => {}
            Ok(None) | Err(AskError::Source(SourceError::NotFound | SourceError::Gone | SourceError::Unusable)) => {
                self.leave_alone(entity, now, DAY / 4);
            }
            // Grid may fail for this one alone: the others come first.
            Err(error @ AskError::Source(SourceError::Unavailable | SourceError::Refused)) => {
                self.due.pop_front();
                if self.failed_once.insert(entity.clone()) {
                    self.due.push_back(entity);
                } else {
                    self.leave_alone(entity, now, undecided_after);
                }
                return Err(error);
            }
            Err(error) => return Err(error),
        }
        self.due.pop_front();
        Ok(true)
    }

    /// Retries the entities that failed twice in the next walk already.
    pub(super) fn ask_refused_again(&mut self, now: Timestamp, undecided_after: Duration) {
        let latest = now.saturating_add(undecided_after).unwrap_or(now);
        self.unanswered.retain(|_, not_before| *not_before > latest);
    }

    fn leave_alone(&mut self, entity: EntityKey, now: Timestamp, how_long: Duration) {
        if self.unanswered.len() < MOST_UNANSWERED {
            self.unanswered.insert(entity, now.saturating_add(how_long).unwrap_or(now));
        }
    }
}

/// When to ask Grid about an undecided status: the longer it has been undecided, the less often.
fn ask_at(head: &Head, undecided_after: Duration) -> Timestamp {
    let confirmed_at = head.confirmed_at();
    let undecided_for = confirmed_at.duration_since(head.changed_at).unsigned_abs();
    let wait = (undecided_for / 4).clamp(undecided_after.min(DAY), DAY);
    confirmed_at.saturating_add(wait).unwrap_or(confirmed_at)
}
