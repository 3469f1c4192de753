//! The metrics of the webhook endpoint. Every request is timed, by OpenTelemetry's conventions for HTTP servers.

use super::config::EndpointPath;
use super::counters::Counters;
use crate::metrics::Kind::Counter;
use crate::metrics::{Durations, Metrics, count, durations, label};
use axum::Router;
use axum::extract::Request;
use axum::middleware::{Next, from_fn};
use http::Method;
use prometheus_client::encoding::EncodeLabelSet;
use std::sync::Arc;
use std::time::Instant;

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RequestLabels {
    http_request_method: &'static str,
    url_scheme: &'static str,
    http_route: Option<Arc<str>>,
    http_response_status_code: u16,
    /// The status of an answer that is the server's failure.
    error_type: Option<u16>,
}

/// Times requests.
#[derive(Debug, Clone)]
pub(super) struct RequestMetrics(Durations<RequestLabels>);

impl RequestMetrics {
    /// Registers them.
    pub(super) fn register(metrics: &mut Metrics) -> Self {
        let duration = durations();
        metrics.register(
            "http_server_request_duration_seconds",
            "Duration of requests to the webhook port, by method, route and status",
            duration.clone(),
        );
        Self(duration)
    }

    /// Times every request to `router`, from the end of its head to the beginning of the response. `scheme`: `https` if the endpoint
    /// speaks TLS itself.
    pub(super) fn time(self, router: Router, path: &EndpointPath, scheme: &'static str) -> Router {
        let path: Arc<str> = path.as_str().into();
        router.layer(from_fn(move |request: Request, next: Next| {
            let (path, duration) = (Arc::clone(&path), self.0.clone());
            async move {
                let began = Instant::now();
                let http_request_method = known(request.method());
                let http_route = (request.uri().path() == &*path).then_some(path);
                let response = next.run(request).await;
                let status = response.status();
                let labels = RequestLabels {
                    http_request_method,
                    url_scheme: scheme,
                    http_route,
                    http_response_status_code: status.as_u16(),
                    error_type: status.is_server_error().then_some(status.as_u16()),
                };
                duration.get_or_create(&labels).observe(began.elapsed().as_secs_f64());
                response
            }
        }))
    }
}

/// Registers the counters of the endpoint.
pub(super) fn register(metrics: &mut Metrics, counters: &Arc<Counters>) {
    let of = Arc::clone(counters);
    metrics.read(Counter, "gridgate_webhook_requests", "Requests to the webhook port, by outcome", move || {
        of.snapshot().outcomes.into_iter().map(|(outcome, n)| (label("outcome", outcome.word()), count(n))).collect()
    });
    let of = Arc::clone(counters);
    metrics.read(
        Counter,
        "gridgate_webhook_relayed",
        "Webhooks that the relay answered, by the class of its status",
        move || {
            let class = |(class, n): (u8, u64)| (vec![("status_class", format!("{class}xx").into())], count(n));
            of.snapshot().relayed.into_iter().map(class).collect()
        },
    );
    let of = Arc::clone(counters);
    metrics.read_one(
        Counter,
        "gridgate_webhook_type_disagreements",
        "Webhooks whose type names another status than their data",
        move || count(of.snapshot().type_disagreed),
    );
}

/// The method's name, of those that OpenTelemetry's conventions list.
fn known(method: &Method) -> &'static str {
    match method.as_str() {
        "GET" => "GET",
        "HEAD" => "HEAD",
        "POST" => "POST",
        "PUT" => "PUT",
        "DELETE" => "DELETE",
        "CONNECT" => "CONNECT",
        "OPTIONS" => "OPTIONS",
        "TRACE" => "TRACE",
        "PATCH" => "PATCH",
        _ => "_OTHER",
    }
}
