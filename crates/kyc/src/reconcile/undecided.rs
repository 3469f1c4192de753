//! Asking one by one about what is undecided for long.

use std::collections::{HashMap, HashSet, VecDeque};
use std::time::Duration;

use jiff::Timestamp;

use super::{ReconcilerSettings, Step};
use crate::ask::{AskError, ask};
use crate::event::Asker;
use crate::head::Head;
use crate::id::EntityKey;
use crate::log::EventLog;
use crate::source::{CustomerSource, SourceError};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);
/// How many heads are read at once.
const PAGE: usize = 500;
/// How many that Grid had no answer about are remembered, so as not to ask about them each time.
const MOST_UNANSWERED: usize = 10_000;

/// A walk over everything that is undecided.
#[derive(Debug, Default)]
pub(super) struct Undecided {
    walking: bool,
    after: Option<EntityKey>,
    due: VecDeque<EntityKey>,
    /// Those of `due` that Grid failed once, moved to its end.
    failed_once: HashSet<EntityKey>,
    /// Grid had no answer about these; not before that time again.
    unanswered: HashMap<EntityKey, Timestamp>,
}

impl Undecided {
    pub(super) fn is_under_way(&self) -> bool {
        self.walking
    }

    /// Asks one question, or finds that there is nothing more to ask.
    pub(super) async fn step(
        &mut self,
        log: &dyn EventLog,
        source: &dyn CustomerSource,
        settings: &ReconcilerSettings,
        now: Timestamp,
    ) -> Result<Step, AskError> {
        self.walking = true;
        while self.due.is_empty() {
            self.failed_once.clear();
            let page = log.unsettled(self.after.as_ref(), PAGE).await?;
            let unanswered = &self.unanswered;
            let is_due = |head: &Head| {
                now >= ask_at(head, settings.undecided_after)
                    && unanswered.get(&head.entity()).is_none_or(|not_before| now >= *not_before)
            };
            self.due.extend(page.iter().filter(|head| is_due(head)).map(|head| head.entity()));
            self.after = page.last().map(|head| head.entity());
            if page.len() < PAGE && self.due.is_empty() {
                *self = Self { unanswered: std::mem::take(&mut self.unanswered), ..Self::default() };
                self.unanswered.retain(|_, not_before| *not_before > now);
                return Ok(Step::Done);
            }
        }
        let Some(entity) = self.due.front().cloned() else { return Ok(Step::More) };
        match ask(log, source, Asker::Reconciler, &entity).await {
            Ok(Some(_)) => {}
            Ok(None) | Err(AskError::Source(SourceError::NotFound | SourceError::Gone | SourceError::Unusable)) => {
                self.leave_alone(entity, now, DAY / 4);
            }
            // It may be this one alone: the others are asked about before it is tried again.
            Err(error @ AskError::Source(SourceError::Unavailable | SourceError::Refused)) => {
                self.due.pop_front();
                if self.failed_once.insert(entity.clone()) {
                    self.due.push_back(entity);
                } else {
                    self.leave_alone(entity, now, settings.undecided_after);
                }
                return Err(error);
            }
            Err(error) => return Err(error),
        }
        self.due.pop_front();
        Ok(Step::More)
    }

    /// Those that Grid failed twice are asked about in the next walk, and not only after a while.
    pub(super) fn ask_refused_again(&mut self, now: Timestamp, settings: &ReconcilerSettings) {
        let latest = now.saturating_add(settings.undecided_after).unwrap_or(now);
        self.unanswered.retain(|_, not_before| *not_before > latest);
    }

    fn leave_alone(&mut self, entity: EntityKey, now: Timestamp, how_long: Duration) {
        if self.unanswered.len() < MOST_UNANSWERED {
            self.unanswered.insert(entity, now.saturating_add(how_long).unwrap_or(now));
        }
    }
}

/// When Grid is to be asked about an undecided status: sooner after a change than long after it.
fn ask_at(head: &Head, undecided_after: Duration) -> Timestamp {
    let confirmed_at = head.confirmed_at();
    let undecided_for = confirmed_at.duration_since(head.changed_at).unsigned_abs();
    let wait = (undecided_for / 4).clamp(undecided_after.min(DAY), DAY);
    confirmed_at.saturating_add(wait).unwrap_or(confirmed_at)
}
