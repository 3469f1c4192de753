//! The real program in front of a scripted Grid, and calls to it by name, with messages made from descriptors.
//!
//! The client waits as long as it is told and no longer, and nothing here ends a call at its deadline: that is the
//! program's affair.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Buf as _;
use futures_util::{Stream, stream};
use gridgate::config::{Sources, settings};
use gridgate::identity::NewToken;
use hyper::client::conn::http2::SendRequest;
use hyper_util::rt::{TokioExecutor, TokioIo};
use prost::Message as _;
use prost_reflect::{DynamicMessage, MessageDescriptor};
use tempfile::TempDir;
use tokio::net::TcpStream;
use tokio_util::task::AbortOnDropHandle;
use tonic::body::Body;
use tonic::client::Grpc;
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::{Request, Status};

use super::api::Rpc;
use super::app::{TestApp, free_ports};
use super::soon;

/// The deadline of calls whose deadline does not matter.
pub const DEADLINE: Duration = Duration::from_secs(20);

/// A policy in which a token may call every method there is.
pub fn everything(token: &NewToken) -> String {
    let methods = "\"*/*\", \"gridgate.v1.PlatformService/UpdatePlatformConfig\"";
    format!("[callers.everything]\ntokens = [\"{}\"]\nmethods = [{methods}]\n", token.hash())
}

/// A program that is ready, and a connection to it. Dropped, all of it ends.
pub struct Gateway {
    address: SocketAddr,
    /// None where the program is a process of its own.
    _app: Option<TestApp>,
    /// Where its policy is, which lets it call everything: some methods only a policy grants.
    _policy: Option<TempDir>,
    send: SendRequest<Body>,
    /// What calls bring to say who makes them.
    authorization: Option<String>,
    _connection: AbortOnDropHandle<()>,
}

impl Gateway {
    /// In front of what answers at `base_url`; `sources` as from [`free_ports`], with more set.
    pub async fn in_front_of(base_url: &str, sources: Sources) -> Self {
        let (directory, token) = (tempfile::tempdir().unwrap(), NewToken::generate().unwrap());
        let policy = directory.path().join("policy.toml");
        std::fs::write(&policy, everything(&token)).unwrap();
        let sources = sources.with(&settings::IDENTITY_POLICY_FILE, policy.to_str().unwrap());
        let app = TestApp::in_front_of(base_url, sources).await;
        let gateway = Self::connected(app.addresses.grpc, Some(app)).await;
        Self { _policy: Some(directory), ..gateway.authorized(format!("Bearer {}", token.expose())) }
    }

    /// A connection to a program that runs already.
    pub async fn to(address: SocketAddr) -> Self {
        Self::connected(address, None).await
    }

    async fn connected(address: SocketAddr, app: Option<TestApp>) -> Self {
        let (send, connection) = connect(address).await;
        Self {
            address,
            _app: app,
            _policy: None,
            send,
            authorization: None,
            _connection: AbortOnDropHandle::new(connection),
        }
    }

    /// Its calls bring this `authorization`.
    pub fn authorized(self, authorization: String) -> Self {
        Self { authorization: Some(authorization), ..self }
    }

    /// In front of what answers at `base_url`, as it is without settings.
    pub async fn new(base_url: &str) -> Self {
        Self::in_front_of(base_url, free_ports()).await
    }

    /// Makes a call, to its end.
    pub async fn call(&self, rpc: &Rpc, messages: Vec<DynamicMessage>) -> Result<DynamicMessage, Status> {
        self.call_within(DEADLINE, rpc, messages).await
    }

    /// Makes a call with a deadline of its own, to its end.
    pub async fn call_within(
        &self,
        deadline: Duration,
        rpc: &Rpc,
        messages: Vec<DynamicMessage>,
    ) -> Result<DynamicMessage, Status> {
        self.stream_within(deadline, rpc, stream::iter(messages)).await
    }

    /// Makes a call whose messages come when they come.
    pub async fn stream_within(
        &self,
        deadline: Duration,
        rpc: &Rpc,
        messages: impl Stream<Item = DynamicMessage> + Send + 'static,
    ) -> Result<DynamicMessage, Status> {
        let service = tower::service_fn(|request| self.send.clone().send_request(request));
        let origin = format!("http://{}", self.address).parse().unwrap();
        let mut grpc = Grpc::with_origin(service, origin);
        let method = rpc.descriptor();
        let path = format!("/{}/{}", method.parent_service().full_name(), method.name());
        let mut request = Request::new(messages);
        request.set_timeout(deadline);
        if let Some(authorization) = &self.authorization {
            request.metadata_mut().insert("authorization", authorization.parse().unwrap());
        }
        let answer = grpc.client_streaming(request, path.parse().unwrap(), Dynamic { response: method.output() });
        soon("an answer", answer).await.map(tonic::Response::into_inner)
    }
}

async fn connect(address: SocketAddr) -> (SendRequest<Body>, tokio::task::JoinHandle<()>) {
    let socket = soon("connected", TcpStream::connect(address)).await.unwrap();
    socket.set_nodelay(true).unwrap();
    let handshake = hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(socket));
    let (send, connection) = soon("shaken hands", handshake).await.unwrap();
    let connection = tokio::spawn(async move {
        let _ = connection.await;
    });
    (send, connection)
}

/// Encodes and decodes messages that only descriptors know.
struct Dynamic {
    response: MessageDescriptor,
}

impl Codec for Dynamic {
    type Encode = DynamicMessage;
    type Decode = DynamicMessage;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        Self { response: self.response.clone() }
    }

    fn decoder(&mut self) -> Self {
        Self { response: self.response.clone() }
    }
}

impl Encoder for Dynamic {
    type Item = DynamicMessage;
    type Error = Status;

    fn encode(&mut self, message: DynamicMessage, buffer: &mut EncodeBuf<'_>) -> Result<(), Status> {
        message.encode(buffer).map_err(|error| Status::internal(error.to_string()))
    }
}

impl Decoder for Dynamic {
    type Item = DynamicMessage;
    type Error = Status;

    fn decode(&mut self, buffer: &mut DecodeBuf<'_>) -> Result<Option<DynamicMessage>, Status> {
        let bytes = buffer.copy_to_bytes(buffer.remaining());
        let message = DynamicMessage::decode(self.response.clone(), bytes);
        message.map(Some).map_err(|error| Status::internal(error.to_string()))
    }
}
