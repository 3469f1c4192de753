//! The registry of metrics. Every module that counts something registers it here by itself.
//!
//! A metric is either counted as things happen (a family of `prometheus-client`), or read on demand from counters and states
//! that its module keeps. Every label has a bounded set of values.

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeLabelSet, MetricEncoder};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::exemplar::Exemplar;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Metric, Registry};
use std::borrow::Cow;
use std::fmt;
use std::hash::Hash;

/// The buckets, in seconds, that OpenTelemetry's conventions advise for calls, and two for those that wait for long.
const CALLS: [f64; 16] = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0, 30.0, 120.0];

/// Labels of one sample.
pub type Labels = Vec<(&'static str, Cow<'static, str>)>;

/// A family of histograms of how long something took, in seconds.
pub type Durations<L> = Family<L, Histogram, fn() -> Histogram>;

/// A family of histograms with the buckets for calls.
#[must_use]
pub fn durations<L: Clone + Hash + Eq>() -> Durations<L> {
    Family::new_with_constructor(|| Histogram::new(CALLS))
}

/// Whether a value only grows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// It only grows while the process lives. Its name is written with `_total`.
    Counter,
    /// It goes up and down.
    Gauge,
}

/// Every metric of one server.
#[derive(Debug, Default)]
pub struct Metrics {
    registry: Registry,
}

impl Metrics {
    /// Adds a metric that is counted as things happen. A counter's name is given without `_total`, and the help without the
    /// full stop at its end.
    pub fn register(&mut self, name: &'static str, help: &'static str, metric: impl Metric) {
        self.registry.register(name, help, metric);
    }

    /// Adds a metric that is read at each scrape: a value for each set of labels.
    pub fn read(
        &mut self,
        kind: Kind,
        name: &'static str,
        help: &'static str,
        read: impl Fn() -> Vec<(Labels, f64)> + Send + Sync + 'static,
    ) {
        self.registry.register_collector(Box::new(Read { kind, name, help, read }));
    }

    /// The same, of one value without labels; `None` while there is none.
    pub fn read_one<V: Into<Option<f64>>>(
        &mut self,
        kind: Kind,
        name: &'static str,
        help: &'static str,
        read: impl Fn() -> V + Send + Sync + 'static,
    ) {
        self.read(kind, name, help, move || read().into().map(|value| (Labels::new(), value)).into_iter().collect());
    }

    /// Everything, in OpenMetrics' text.
    ///
    /// # Errors
    /// A metric could not be encoded.
    pub fn open_metrics(&self) -> Result<String, fmt::Error> {
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &self.registry)?;
        Ok(text)
    }
}

/// Words from outside that this version does not know, counted by the vocabulary that they should have been of. Several modules
/// count into the same metric.
#[derive(Debug, Clone, Default)]
pub struct UnknownWords(Family<Vocabulary, Counter>);

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Vocabulary {
    vocabulary: &'static str,
}

impl UnknownWords {
    /// Counts one.
    pub fn count(&self, vocabulary: &'static str) {
        self.0.get_or_create(&Vocabulary { vocabulary }).inc();
    }

    /// Adds the metric, to be called once.
    pub fn register(&self, metrics: &mut Metrics, name: &'static str, help: &'static str) {
        metrics.register(name, help, self.0.clone());
    }
}

/// One label.
#[must_use]
pub fn label(name: &'static str, value: &'static str) -> Labels {
    vec![(name, value.into())]
}

/// A counter's number as a metric's value: exact up to 2^53.
#[must_use]
pub fn count(number: u64) -> f64 {
    #[allow(clippy::cast_precision_loss)]
    {
        number as f64
    }
}

/// How many there are of something, as a metric's value: exact up to 2^53.
#[must_use]
pub fn size(number: usize) -> f64 {
    #[allow(clippy::cast_precision_loss)]
    {
        number as f64
    }
}

/// A metric that is read at each scrape.
struct Read<F> {
    kind: Kind,
    name: &'static str,
    help: &'static str,
    read: F,
}

impl<F: Fn() -> Vec<(Labels, f64)> + Send + Sync + 'static> Collector for Read<F> {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let Self { kind, name, help, read } = self;
        let metric_type = match kind {
            Kind::Counter => MetricType::Counter,
            Kind::Gauge => MetricType::Gauge,
        };
        // As the registry writes the help of what is registered.
        let help = format!("{help}.");
        let mut metric = encoder.encode_descriptor(name, &help, None, metric_type)?;
        for (labels, value) in read() {
            if labels.is_empty() {
                write(*kind, &mut metric, value)?;
            } else {
                write(*kind, &mut metric.encode_family(&labels)?, value)?;
            }
        }
        Ok(())
    }
}

fn write(kind: Kind, sample: &mut MetricEncoder<'_>, value: f64) -> fmt::Result {
    match kind {
        Kind::Counter => sample.encode_counter(&value, None::<&Exemplar<NoLabels, f64>>),
        Kind::Gauge => sample.encode_gauge(&value),
    }
}

impl<F> fmt::Debug for Read<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Read").field("name", &self.name).finish_non_exhaustive()
    }
}

/// The labels of exemplars, of which there are none.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct NoLabels {}
