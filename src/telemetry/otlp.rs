//! How spans are sent by HTTP: over the process's own HTTP client, on its runtime.
//!
//! Spans are exported from a thread of their own, which is not one of the runtime's.

use bytes::Bytes;
use http::{Request, Response};
use opentelemetry_http::{HttpClient, HttpError};
use std::time::Duration;
use tokio::runtime::Handle;
use tonic::async_trait;

/// The longest that one request may take. The exporter has a limit of its own, which can only be shorter.
const TIMEOUT: Duration = Duration::from_secs(30);
/// The largest answer that is read: a collector says next to nothing.
const LARGEST_ANSWER: u64 = 1024 * 1024;

/// An HTTP client that can be used from any thread.
#[derive(Debug)]
pub(super) struct OnRuntime {
    http: reqwest::Client,
    runtime: Handle,
}

impl OnRuntime {
    /// A client on the current runtime.
    ///
    /// # Errors
    /// The HTTP client cannot be set up, most likely its TLS.
    pub(super) fn current() -> Result<Self, reqwest::Error> {
        let http = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .timeout(TIMEOUT)
            .user_agent(concat!("gridgate/", env!("CARGO_PKG_VERSION")))
            .build()?;
        Ok(Self { http, runtime: Handle::current() })
    }
}

#[async_trait]
impl HttpClient for OnRuntime {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let http = self.http.clone();
        let exchange = self.runtime.spawn(async move {
            // The URL is the operator's and may hold a token, so it stays out of errors.
            let answer = http.execute(request.try_into()?).await.map_err(reqwest::Error::without_url)?;
            if answer.content_length().is_some_and(|length| length > LARGEST_ANSWER) {
                return Err(HttpError::from("the collector's answer is too large"));
            }
            let (status, headers) = (answer.status(), answer.headers().clone());
            let mut response = Response::new(answer.bytes().await.map_err(reqwest::Error::without_url)?);
            *response.status_mut() = status;
            *response.headers_mut() = headers;
            Ok(response)
        });
        exchange.await?
    }
}
