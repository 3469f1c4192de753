//! How spans are sent by HTTP: over the process's own HTTP client, on its runtime.
//!
//! Spans are exported from a thread of their own, which is not one of the runtime's.

use super::collector_tls::CollectorTls;
use super::setup_error::TraceSetupError;
use super::variables::{LONGEST_EXPORT, TlsFiles};
use crate::http_client;
use bytes::{Bytes, BytesMut};
use http::{Request, Response};
use opentelemetry_http::{HttpClient, HttpError};
use reqwest::Url;
use std::time::Duration;
use tokio::runtime::Handle;
use tokio_util::task::AbortOnDropHandle;
use tonic::async_trait;

/// The longest that one request may take. The exporter has a limit of its own, which can only be shorter.
const TIMEOUT: Duration = LONGEST_EXPORT;
/// The largest answer that is read, in bytes: a collector says next to nothing.
const LARGEST_ANSWER: usize = 1024 * 1024;

/// An HTTP client that can be used from any thread.
#[derive(Debug)]
pub(super) struct OnRuntime {
    http: reqwest::Client,
    runtime: Handle,
}

impl OnRuntime {
    /// A client on the current runtime, for the collector at this URL. A collector on this host is not asked for by way of a
    /// proxy, which would be shown the headers of every batch.
    ///
    /// # Errors
    /// A file of `tls` cannot be used, there is nothing to verify the collector by, or the client refuses its settings.
    pub(super) fn current(collector: &Url, tls: &TlsFiles) -> Result<Self, TraceSetupError> {
        let tls = CollectorTls::read(tls)?;
        let identity = tls.identity()?;
        let http = http_client::client_trusting(collector, tls.ca.as_deref(), |builder| {
            let builder = builder
                .redirect(reqwest::redirect::Policy::none())
                .timeout(TIMEOUT)
                .user_agent(concat!("gridgate/", env!("CARGO_PKG_VERSION")));
            match identity {
                Some(identity) => builder.identity(identity),
                None => builder,
            }
        });
        Ok(Self { http: http?, runtime: Handle::current() })
    }
}

#[async_trait]
impl HttpClient for OnRuntime {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let http = self.http.clone();
        // Dropping this future aborts the exchange.
        let exchange = AbortOnDropHandle::new(self.runtime.spawn(async move {
            // The URL is the operator's and may hold a token, so it stays out of errors.
            let mut answer = http.execute(request.try_into()?).await.map_err(reqwest::Error::without_url)?;
            let mut body = BytesMut::new();
            while let Some(chunk) = answer.chunk().await.map_err(reqwest::Error::without_url)? {
                if chunk.len() > LARGEST_ANSWER.saturating_sub(body.len()) {
                    return Err(HttpError::from("the collector's answer is too large"));
                }
                body.extend_from_slice(&chunk);
            }
            let mut response = Response::new(body.freeze());
            *response.status_mut() = answer.status();
            *response.headers_mut() = std::mem::take(answer.headers_mut());
            Ok(response)
        }));
        exchange.await?
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;

    const HEAD: &[u8] = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";

    async fn send(addr: std::net::SocketAddr) -> Result<Response<Bytes>, HttpError> {
        let request = Request::post(format!("http://{addr}/v1/traces")).body(Bytes::new()).unwrap();
        OnRuntime::current(&format!("http://{addr}").parse().unwrap(), &TlsFiles::default())
            .unwrap()
            .send_bytes(request)
            .await
    }

    #[tokio::test]
    async fn an_answer_without_an_end_is_not_read_to_it() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let collector = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            stream.write_all(HEAD).await.unwrap();
            let chunk = [&b"10000\r\n"[..], &[0; 0x10000], b"\r\n"].concat();
            let mut sent = 0;
            while stream.write_all(&chunk).await.is_ok() {
                sent += chunk.len();
            }
            sent
        });
        let error = send(addr).await.unwrap_err();
        assert_eq!(error.to_string(), "the collector's answer is too large");
        assert!(collector.await.unwrap() < 64 * LARGEST_ANSWER);
    }

    #[tokio::test]
    async fn an_exchange_that_is_given_up_ends() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let exchange = tokio::spawn(send(addr));
        let (mut stream, _) = listener.accept().await.unwrap();
        stream.read_u8().await.unwrap();
        exchange.abort();
        // Its connection closes long before its time is over.
        let closed = tokio::time::timeout(TIMEOUT / 3, stream.read_to_end(&mut Vec::new())).await;
        assert!(closed.is_ok());
    }
}
