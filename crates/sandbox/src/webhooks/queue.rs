//! Webhooks that wait for their next attempt, and what became of the latest ones.
//!
//! First attempts about one customer are made one after the other. Attempts that failed wait for their time apart from
//! the others, so later webhooks overtake a delayed one, as with Grid.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use super::event::Event;
use crate::faults::WebhookFaults;

/// The pause after the first attempt; each further one is twice as long.
const FIRST_PAUSE: SignedDuration = SignedDuration::from_secs(15);
const LONGEST_PAUSE: SignedDuration = SignedDuration::from_mins(30);
/// How long a webhook is tried.
const TRIED_FOR: SignedDuration = SignedDuration::from_hours(7 * 24);
/// The most webhooks that wait; a new one beyond it is dropped.
const CAPACITY: usize = 100_000;
const REMEMBERED: usize = 1_000;
/// How long webhooks are collected to be reordered, in real time.
const COLLECTED_FOR: Duration = Duration::from_secs(2);

/// A webhook on its way.
pub(super) struct Delivery {
    pub(super) event: Event,
    /// Deliveries of one lane are attempted one after the other.
    lane: String,
    began: Timestamp,
    pub(super) due: Timestamp,
    attempts: u32,
}

/// How a webhook ended; several deliveries of one id are several entries.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Outcome {
    pub(super) id: String,
    #[serde(rename = "type")]
    pub(super) webhook_type: String,
    pub(super) outcome: Ending,
    pub(super) attempts: u32,
    /// The endpoint's last answer, if any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) last_status: Option<u16>,
    pub(super) at: Timestamp,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(crate) enum Ending {
    /// 2xx.
    Acknowledged,
    /// 409: the endpoint has it already.
    AlreadyProcessed,
    /// Seven days have passed.
    Expired,
    /// Dropped on purpose.
    Dropped,
    /// Dropped because too many wait.
    Overflowed,
}

#[derive(Default)]
pub(crate) struct Queue {
    /// Counts deliveries, to order those that are due at the same time.
    sequence: u64,
    /// Counts resets, to recognize deliveries from before one.
    epoch: u64,
    scheduled: BTreeMap<(Timestamp, u64), Delivery>,
    lanes: HashMap<String, Lane>,
    ready: VecDeque<String>,
    waiting: usize,
    /// Collected to be sent in reverse order, and since when.
    collected: Vec<Delivery>,
    collected_since: Option<tokio::time::Instant>,
    ended: VecDeque<Outcome>,
}

#[derive(Default)]
struct Lane {
    waiting: VecDeque<Delivery>,
    busy: bool,
}

/// A delivery under way, which [`Queue::settle`] takes back.
pub(super) struct Receipt {
    delivery: Delivery,
    epoch: u64,
}

impl Receipt {
    pub(super) fn delivery(&self) -> &Delivery {
        &self.delivery
    }
}

impl Queue {
    pub(super) fn clear(&mut self) {
        *self = Self { epoch: self.epoch + 1, ..Self::default() };
    }

    /// How many deliveries wait, those under way not counted.
    pub(crate) fn waiting(&self) -> usize {
        self.waiting
    }

    pub(crate) fn ended(&self) -> impl Iterator<Item = &Outcome> {
        self.ended.iter()
    }

    /// Puts a new webhook in, with the faults that are injected.
    pub(crate) fn add(&mut self, event: Event, faults: &mut WebhookFaults, now: Timestamp) {
        let concerned = faults.concerns(&event.webhook_type);
        if concerned && faults.drops() {
            return self.end(&event, Ending::Dropped, 0, None, now);
        }
        let copies = if concerned { faults.duplicates } else { 0 };
        let delay = if concerned { faults.delay_seconds } else { 0 };
        let due = now.saturating_add(Duration::from_secs(delay)).unwrap_or(Timestamp::MAX);
        for copy in 0..=copies {
            if self.waiting >= CAPACITY {
                tracing::warn!(webhook_type = event.webhook_type, "too many webhooks wait; one was dropped");
                self.end(&event, Ending::Overflowed, 0, None, now);
                continue;
            }
            let lane = if copy == 0 { event.subject.clone() } else { format!("{}#{copy}", event.subject) };
            let delivery = Delivery { event: event.clone(), lane, began: due, due, attempts: 0 };
            self.waiting += 1;
            if concerned && faults.reorder > 1 {
                self.collect(delivery, faults.reorder);
            } else {
                self.schedule(delivery);
            }
        }
    }

    fn collect(&mut self, delivery: Delivery, window: u32) {
        self.collected_since.get_or_insert_with(tokio::time::Instant::now);
        self.collected.push(delivery);
        if self.collected.len() >= usize::try_from(window).unwrap_or(usize::MAX) {
            self.release_collected();
        }
    }

    /// When what has been collected is sent at the latest.
    pub(super) fn collected_until(&self) -> Option<tokio::time::Instant> {
        self.collected_since.map(|since| since + COLLECTED_FOR)
    }

    /// Sends what has been collected, the last first.
    pub(super) fn release_collected(&mut self) {
        self.collected_since = None;
        let collected = std::mem::take(&mut self.collected);
        let due = collected.iter().map(|delivery| delivery.due).max().unwrap_or_default();
        for mut delivery in collected.into_iter().rev() {
            // One time and one lane for all of them, or the order would be lost again.
            delivery.due = due;
            "reordered".clone_into(&mut delivery.lane);
            self.schedule(delivery);
        }
    }

    fn schedule(&mut self, delivery: Delivery) {
        self.sequence += 1;
        self.scheduled.insert((delivery.due, self.sequence), delivery);
    }

    /// When the next delivery is due that is not due yet.
    pub(super) fn next_due(&self) -> Option<Timestamp> {
        self.scheduled.keys().next().map(|(due, _)| *due)
    }

    /// Takes a delivery that is due. It has to be given back with [`settle`](Self::settle).
    pub(super) fn take(&mut self, now: Timestamp) -> Option<Receipt> {
        while let Some(entry) = self.scheduled.first_entry()
            && entry.key().0 <= now
        {
            let delivery = entry.remove();
            let lane = self.lanes.entry(delivery.lane.clone()).or_default();
            if !lane.busy && lane.waiting.is_empty() {
                self.ready.push_back(delivery.lane.clone());
            }
            lane.waiting.push_back(delivery);
        }
        let name = self.ready.pop_front()?;
        let lane = self.lanes.get_mut(&name)?;
        let delivery = lane.waiting.pop_front()?;
        lane.busy = true;
        self.waiting -= 1;
        Some(Receipt { delivery, epoch: self.epoch })
    }

    /// Takes a delivery back with the endpoint's answer, if any.
    pub(super) fn settle(&mut self, receipt: Receipt, answer: Option<u16>, now: Timestamp) {
        let Receipt { mut delivery, epoch } = receipt;
        if epoch != self.epoch {
            return;
        }
        self.leave(&delivery.lane);
        delivery.attempts += 1;
        let Delivery { event, attempts, began, due, .. } = &delivery;
        let next = due.saturating_add(pause(*attempts)).unwrap_or(Timestamp::MAX);
        let ending = match answer {
            Some(200..=299) => Some(Ending::Acknowledged),
            Some(409) => Some(Ending::AlreadyProcessed),
            _ if next.duration_since(*began) > TRIED_FOR => Some(Ending::Expired),
            _ => None,
        };
        match ending {
            Some(ending) => {
                let (event, attempts) = (event.clone(), *attempts);
                self.end(&event, ending, attempts, answer, now);
            }
            None => {
                // From the time it was due and not from now: a clock that jumped makes up for what it skipped.
                delivery.due = next;
                // A retry waits for no other webhook.
                delivery.lane = format!("{}@{}", delivery.event.id, self.sequence);
                self.waiting += 1;
                self.schedule(delivery);
            }
        }
    }

    fn leave(&mut self, name: &str) {
        let Some(lane) = self.lanes.get_mut(name) else { return };
        lane.busy = false;
        if lane.waiting.is_empty() {
            self.lanes.remove(name);
        } else {
            self.ready.push_back(name.to_owned());
        }
    }

    fn end(&mut self, event: &Event, outcome: Ending, attempts: u32, last_status: Option<u16>, at: Timestamp) {
        if self.ended.len() >= REMEMBERED {
            self.ended.pop_front();
        }
        let (id, webhook_type) = (event.id.clone(), event.webhook_type.clone());
        self.ended.push_back(Outcome { id, webhook_type, outcome, attempts, last_status, at });
    }
}

fn pause(attempts: u32) -> SignedDuration {
    let doublings = attempts.saturating_sub(1).min(16);
    FIRST_PAUSE.saturating_mul(1 << doublings).min(LONGEST_PAUSE)
}

#[cfg(test)]
mod tests;
