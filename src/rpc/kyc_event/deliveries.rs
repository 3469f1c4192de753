//! The metrics and spans of events that streams deliver.

use crate::kyc::event::Event;
use crate::metrics::Metrics;
use crate::telemetry::deliveries::{Delivery, Recordings};
use jiff::Timestamp;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use std::sync::Arc;

/// How late an event may be when a stream delivers it, in seconds.
const DELAYS: [f64; 14] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 30.0, 120.0];

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct DeliveryLabels {
    /// `live`: the stream had caught up before; `catch_up`: it reads what it missed.
    phase: &'static str,
}

/// Counts, times and traces what streams deliver. Clones count into the same metrics.
#[derive(Debug, Clone)]
pub struct Deliveries {
    live: Counter,
    catch_up: Counter,
    delay: Histogram,
    recordings: Arc<Recordings>,
}

impl Deliveries {
    /// Registers the metrics; `recordings` are the spans that deliveries are linked to.
    #[must_use]
    pub fn register(metrics: &mut Metrics, recordings: Arc<Recordings>) -> Self {
        let delivered: Family<DeliveryLabels, Counter> = Family::default();
        let of = |phase| delivered.get_or_create(&DeliveryLabels { phase }).clone();
        let this = Self { live: of("live"), catch_up: of("catch_up"), delay: Histogram::new(DELAYS), recordings };
        metrics.register("gridgate_watch_delivered", "Events that streams delivered to watchers", delivered);
        metrics.register(
            "gridgate_watch_delivery_delay_seconds",
            "How long after it was recorded a stream that had caught up delivered an event",
            this.delay.clone(),
        );
        this
    }

    /// An event is delivered on the stream that is the current span; `live`: the stream had caught up before.
    pub(super) fn delivered(&self, event: &Event, live: bool) {
        let delay = || Timestamp::now().duration_since(event.recorded_at).as_secs_f64().max(0.0);
        if live {
            self.live.inc();
            self.delay.observe(delay());
        } else {
            self.catch_up.inc();
        }
        if self.recordings.is_empty() {
            return;
        }
        let (event_id, position) = (event.observation.id.as_str(), event.position.get());
        self.recordings.delivered(Delivery { event_id, position, delay: delay() });
    }
}
