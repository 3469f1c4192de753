//! Asking one by one about what is undecided for long.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use jiff::Timestamp;

use super::{ReconcilerSettings, Step};
use crate::kyc::ask::{AskError, ask};
use crate::kyc::event::Asker;
use crate::kyc::head::Head;
use crate::kyc::id::EntityKey;
use crate::kyc::log::EventLog;
use crate::kyc::source::{CustomerSource, SourceError};

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
                if self.unanswered.len() < MOST_UNANSWERED {
                    self.unanswered.insert(entity, now.saturating_add(DAY / 4).unwrap_or(now));
                }
            }
            Err(error) => return Err(error),
        }
        self.due.pop_front();
        Ok(Step::More)
    }
}

/// When Grid is to be asked about an undecided status: sooner after a change than long after it.
fn ask_at(head: &Head, undecided_after: Duration) -> Timestamp {
    let confirmed_at = head.confirmed_at();
    let undecided_for = confirmed_at.duration_since(head.changed_at).unsigned_abs();
    let wait = (undecided_for / 4).clamp(undecided_after.min(DAY), DAY);
    confirmed_at.saturating_add(wait).unwrap_or(confirmed_at)
}
