//! What streams say, in numbers and spans.

use crate::kyc::event::Event;
use crate::rpc::Deliveries;
use crate::telemetry::Metrics;
use crate::telemetry::deliveries::{Delivery, Recordings};
use jiff::Timestamp;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use std::sync::Arc;

/// How late an event may be when a stream says it, in seconds.
const DELAYS: [f64; 14] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 30.0, 120.0];

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct DeliveryLabels {
    /// `live`: the stream had caught up before; `catch_up`: it reads what it missed.
    phase: &'static str,
}

/// Counts, times and traces what streams say.
pub(super) struct Watching {
    delivered: Family<DeliveryLabels, Counter>,
    delay: Histogram,
    recordings: Arc<Recordings>,
}

impl Watching {
    pub(super) fn new(metrics: &mut Metrics, recordings: Arc<Recordings>) -> Self {
        let watching = Self { delivered: Family::default(), delay: Histogram::new(DELAYS), recordings };
        metrics.register(
            "gridgate_watch_delivered",
            "Events that streams said to watchers",
            watching.delivered.clone(),
        );
        metrics.register(
            "gridgate_watch_delivery_delay_seconds",
            "How long after it was recorded a stream that had caught up said an event",
            watching.delay.clone(),
        );
        watching
    }
}

impl Deliveries for Watching {
    fn delivered(&self, event: &Event, live: bool) {
        let phase = if live { "live" } else { "catch_up" };
        self.delivered.get_or_create(&DeliveryLabels { phase }).inc();
        let delay = Timestamp::now().duration_since(event.recorded_at).as_secs_f64().max(0.0);
        if live {
            self.delay.observe(delay);
        }
        let (event_id, position) = (event.observation.id.as_str(), event.position.get());
        self.recordings.delivered(Delivery { event_id, position, delay });
    }
}
