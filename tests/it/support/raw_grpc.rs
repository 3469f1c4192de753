//! A gRPC client that does what it is told: no header is added, and every frame of the answer is shown.

use super::soon;
use bytes::Bytes;
use futures_util::StreamExt as _;
use http::{HeaderMap, Request, Response};
use http_body::Frame;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Full, StreamBody};
use hyper::body::Incoming;
use hyper::client::conn::http2::SendRequest;
use hyper_util::rt::{TokioExecutor, TokioIo};
use prost::Message;
use std::convert::Infallible;
use std::net::SocketAddr;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::task::AbortOnDropHandle;

/// More than a test looks at.
const MUCH: usize = 1024;

/// An HTTP/2 connection. Dropped, it closes.
pub struct RawClient {
    send: SendRequest<UnsyncBoxBody<Bytes, Infallible>>,
    connection: AbortOnDropHandle<()>,
}

/// The end of a call.
#[derive(Debug)]
pub struct Answer {
    /// Whether the status came with the head: a trailers-only response.
    pub trailers_only: bool,
    /// The bytes of the messages, framing included; the first of them, where there are many.
    pub data: Vec<u8>,
    /// Where the status was.
    pub trailers: HeaderMap,
}

impl Answer {
    /// The value of `grpc-status`.
    pub fn code(&self) -> tonic::Code {
        tonic::Code::from_bytes(self.trailers["grpc-status"].as_bytes())
    }

    /// The status with its details.
    pub fn status(&self) -> tonic::Status {
        tonic::Status::from_header_map(&self.trailers).unwrap()
    }
}

impl RawClient {
    pub async fn connect(addr: SocketAddr) -> RawClient {
        RawClient::over(soon("connected", TcpStream::connect(addr)).await.unwrap()).await
    }

    /// Over a connection that was made already: with TLS, for example.
    pub async fn over(stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static) -> RawClient {
        let handshake = hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream));
        let (send, connection) = soon("handshake", handshake).await.unwrap();
        let connection = tokio::spawn(async move {
            let _ = connection.await;
        });
        RawClient { send, connection: AbortOnDropHandle::new(connection) }
    }

    /// Connects and makes a call, where either may fail.
    pub async fn try_call(
        stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
        path: &str,
    ) -> hyper::Result<Response<Incoming>> {
        let handshake = hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream));
        let (send, connection) = soon("handshake", handshake).await?;
        let connection = tokio::spawn(async move {
            let _ = connection.await;
        });
        let mut client = RawClient { send, connection: AbortOnDropHandle::new(connection) };
        soon("response", client.send(path, &[])).await
    }

    /// Sends an empty message with these headers beside those that gRPC requires.
    pub fn send(
        &mut self,
        path: &str,
        headers: &[(&str, &str)],
    ) -> impl Future<Output = hyper::Result<Response<Incoming>>> + use<> {
        self.send_bytes(path, headers, Bytes::from_static(&[0; 5]))
    }

    fn send_bytes(
        &mut self,
        path: &str,
        headers: &[(&str, &str)],
        body: Bytes,
    ) -> impl Future<Output = hyper::Result<Response<Incoming>>> + use<> {
        let mut request = Request::post(format!("http://test{path}"))
            .header("content-type", "application/grpc")
            .header("te", "trailers");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.send.send_request(request.body(Full::new(body).boxed_unsync()).unwrap())
    }

    /// Begins a call, whose body is sent piece by piece and ends when the sender is dropped.
    pub fn begin(
        &mut self,
        path: &str,
    ) -> (mpsc::Sender<Bytes>, impl Future<Output = hyper::Result<Response<Incoming>>> + use<>) {
        let (pieces, coming) = mpsc::channel(16);
        let frames = ReceiverStream::new(coming).map(|piece| Ok(Frame::data(piece)));
        let request = Request::post(format!("http://test{path}"))
            .header("content-type", "application/grpc")
            .header("te", "trailers")
            .body(StreamBody::new(frames).boxed_unsync())
            .unwrap();
        (pieces, self.send.send_request(request))
    }

    /// Waits until the connection has ended.
    pub async fn closed(self) {
        let _ = self.connection.await;
    }

    /// Makes a call whose body is these bytes, to its end.
    pub async fn call_with(&mut self, path: &str, headers: &[(&str, &str)], body: Vec<u8>) -> Answer {
        let response = soon("response", self.send_bytes(path, headers, body.into())).await.unwrap();
        soon("end of the response", answer(response)).await
    }

    /// Makes a call, to its end.
    pub async fn call(&mut self, path: &str, headers: &[(&str, &str)]) -> Answer {
        let response = soon("response", self.send(path, headers)).await.unwrap();
        soon("end of the response", answer(response)).await
    }
}

impl RawClient {
    /// Makes a call with this message, to its end, and tells nobody but the server how long it may take.
    pub async fn call_within(&mut self, path: &str, message: &impl Message, timeout: &str) -> Answer {
        let message = message.encode_to_vec();
        // Not compressed, and its length (gRPC over HTTP2, "Length-Prefixed-Message").
        let mut body = vec![0];
        body.extend(u32::try_from(message.len()).unwrap().to_be_bytes());
        body.extend(message);
        let sent = self.send_bytes(path, &[("grpc-timeout", timeout)], body.into());
        let response = soon("response", sent).await.unwrap();
        soon("end of the response", answer(response)).await
    }
}

/// Reads a response to its end.
pub async fn answer(response: Response<Incoming>) -> Answer {
    assert_eq!(response.status(), 200);
    let (head, mut body) = response.into_parts();
    let (mut data, mut trailers) = (Vec::new(), None);
    while let Some(frame) = body.frame().await {
        match frame.unwrap().into_data() {
            Ok(bytes) if data.len() < MUCH => data.extend_from_slice(&bytes),
            Ok(_) => {}
            Err(frame) => trailers = frame.into_trailers().ok(),
        }
    }
    let trailers_only = trailers.is_none();
    Answer { trailers_only, data, trailers: trailers.unwrap_or(head.headers) }
}
