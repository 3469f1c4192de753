//! The spans of deliveries, linked to the span that recorded the event, so that a trace leads from a webhook to its watchers.
//!
//! A delivery is a trace of its own, since the stream it happens on may last for an hour. It is linked to the span that
//! recorded the event and to the stream's. The links are in memory only, for the latest events and a bounded number of
//! deliveries of each; the delivery of an older event has no link. If many replicas share a log, the log carries the span in
//! which another replica recorded an event.

use super::context;
use hashlink::LruCache;
use opentelemetry::trace::SpanContext;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};
use tracing_opentelemetry::OpenTelemetrySpanExt as _;

/// How many events are remembered.
const EVENTS: usize = 4096;
/// How many deliveries of one event have a span.
const DELIVERIES: u32 = 64;

/// The latest events recorded in a traced span, by this replica or another, by the observation's id.
#[derive(Debug)]
pub struct Recordings {
    /// Guards the map alone; never held across a wait.
    spans: Mutex<LruCache<String, Recording>>,
    /// Whether a span was ever remembered. While spans are not exported, or none of them was sampled, none is.
    any: AtomicBool,
}

#[derive(Debug)]
struct Recording {
    span: SpanContext,
    deliveries_left: u32,
}

/// The attributes of a delivery's span.
#[derive(Debug, Clone, Copy)]
pub struct Delivery<'a> {
    /// The observation's id: the webhook's, or one that gridgate generated.
    pub event_id: &'a str,
    /// Where the log has the event.
    pub position: u64,
    /// Seconds between recording and delivery.
    pub delay: f64,
}

impl Default for Recordings {
    fn default() -> Self {
        Self { spans: Mutex::new(LruCache::new(EVENTS)), any: AtomicBool::new(false) }
    }
}

impl Recordings {
    /// Whether there is nothing that a delivery could be linked to.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        !self.any.load(Relaxed)
    }

    /// Remembers that the current span records this event, if that span is to be exported; false: it is not, or another
    /// did. Call it before the event is recorded: watchers may receive the event before the log has answered.
    pub fn begin(&self, event_id: &str) -> bool {
        context::current().is_some_and(|span| self.remember(event_id, span))
    }

    /// The current span as a `traceparent`, if it is sampled: other replicas link their deliveries of its events to it.
    #[must_use]
    pub fn current() -> Option<String> {
        context::current().filter(SpanContext::is_sampled).map(|span| context::traceparent(&span))
    }

    /// Remembers that an event was recorded in the span that a `traceparent` names, if that one is exported, and nobody here
    /// recorded the event.
    pub fn arrived(&self, event_id: &str, traceparent: &str) {
        if let Some(span) = context::named(traceparent) {
            self.remember(event_id, span);
        }
    }

    fn remember(&self, event_id: &str, span: SpanContext) -> bool {
        let mut spans = self.spans();
        if !span.is_sampled() || spans.contains_key(event_id) {
            return false;
        }
        self.any.store(true, Relaxed);
        spans.insert(event_id.to_owned(), Recording { span, deliveries_left: DELIVERIES });
        true
    }

    /// Forgets an event that will not be delivered.
    pub fn forget(&self, event_id: &str) {
        self.spans().remove(event_id);
    }

    /// Makes the span of a delivery that happens now, on the stream that is the current span.
    pub fn delivered(&self, delivery: Delivery<'_>) {
        let Some(recorded_in) = self.take(delivery.event_id) else { return };
        let Delivery { event_id, position, delay } = delivery;
        let stream = context::current();
        let span = tracing::info_span!(
            parent: None,
            "deliver",
            otel.kind = "producer",
            gridgate.event.id = event_id,
            gridgate.event.position = position,
            gridgate.delivery.delay = delay,
        );
        span.add_link(recorded_in);
        if let Some(stream) = stream {
            span.add_link(stream);
        }
    }

    /// The span that recorded an event, as often as its deliveries are traced.
    fn take(&self, event_id: &str) -> Option<SpanContext> {
        let mut spans = self.spans();
        let recording = spans.get_mut(event_id)?;
        recording.deliveries_left = recording.deliveries_left.checked_sub(1)?;
        Some(recording.span.clone())
    }

    fn spans(&self) -> std::sync::MutexGuard<'_, LruCache<String, Recording>> {
        // An entry is put in or taken out as a whole.
        self.spans.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
