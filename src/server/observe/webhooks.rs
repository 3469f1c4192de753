//! The metrics of the webhook endpoint.

use super::{Counter, Counters, count, label};
use crate::telemetry::Metrics;
use crate::telemetry::metrics::{Durations, durations};
use crate::webhook::{Answered, Observer};
use prometheus_client::encoding::EncodeLabelSet;
use std::sync::Arc;

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RequestLabels {
    http_request_method: &'static str,
    url_scheme: &'static str,
    http_route: Option<Arc<str>>,
    http_response_status_code: u16,
    /// The status of an answer that is the server's failure.
    error_type: Option<u16>,
}

/// Times requests, by OpenTelemetry's conventions for HTTP servers.
pub(super) struct WebhookMetrics {
    duration: Durations<RequestLabels>,
}

impl WebhookMetrics {
    pub(super) fn new(metrics: &mut Metrics) -> Self {
        let duration = durations();
        metrics.register(
            "http_server_request_duration_seconds",
            "How long requests to the webhook port took, by method, route and status",
            duration.clone(),
        );
        Self { duration }
    }
}

impl Observer for WebhookMetrics {
    fn answered(&self, answered: Answered<'_>) {
        let Answered { method, scheme, route, status, took } = answered;
        let labels = RequestLabels {
            http_request_method: method,
            url_scheme: scheme,
            http_route: route.map(Arc::from),
            http_response_status_code: status.as_u16(),
            error_type: status.is_server_error().then_some(status.as_u16()),
        };
        self.duration.get_or_create(&labels).observe(took.as_secs_f64());
    }
}

/// Adds what the endpoint counts by itself.
pub(super) fn register(metrics: &mut Metrics, counters: Arc<Counters>) {
    let of = Arc::clone(&counters);
    metrics.read(
        Counter,
        "gridgate_webhook_requests",
        "Requests to the webhook port by what became of them",
        move || {
            of.snapshot()
                .outcomes
                .into_iter()
                .map(|(outcome, n)| (label("outcome", outcome.word()), count(n)))
                .collect()
        },
    );
    let of = Arc::clone(&counters);
    metrics.read(
        Counter,
        "gridgate_webhook_relayed",
        "Webhooks that the relay answered, by the class of its status",
        move || {
            let class = |(class, n): (u8, u64)| (vec![("status_class", format!("{class}xx").into())], count(n));
            of.snapshot().relayed.into_iter().map(class).collect()
        },
    );
    metrics.read_one(
        Counter,
        "gridgate_webhook_type_disagreements",
        "Webhooks whose type names another status than their data",
        move || count(counters.snapshot().type_disagreed),
    );
}
