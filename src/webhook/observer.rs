//! Counts and times every request.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::Request;
use axum::middleware::{Next, from_fn};
use http::{Method, StatusCode};

use super::config::EndpointPath;

/// One request that was answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Answered<'a> {
    /// The request's method; `_OTHER` for one that HTTP does not know.
    pub method: &'static str,
    /// How it came: `https` where the endpoint speaks TLS itself, else `http`.
    pub scheme: &'static str,
    /// The path, if it is the one for webhooks.
    pub route: Option<&'a str>,
    /// What it was answered with.
    pub status: StatusCode,
    /// From the end of the request's head to the beginning of the answer.
    pub took: Duration,
}

/// Hears of requests. It is called in between, so it must be quick.
pub trait Observer: Send + Sync + 'static {
    /// A request was answered.
    fn answered(&self, answered: Answered<'_>);
}

/// Tells `observer` of every request to `router`.
pub(super) fn observed(
    router: Router,
    path: &EndpointPath,
    scheme: &'static str,
    observer: Arc<dyn Observer>,
) -> Router {
    let path: Arc<str> = path.as_str().into();
    router.layer(from_fn(move |request: Request, next: Next| {
        let (path, observer) = (Arc::clone(&path), Arc::clone(&observer));
        async move {
            let began = Instant::now();
            let method = known(request.method());
            let route = (request.uri().path() == &*path).then_some(path);
            let response = next.run(request).await;
            let (status, took) = (response.status(), began.elapsed());
            observer.answered(Answered { method, scheme, route: route.as_deref(), status, took });
            response
        }
    }))
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
