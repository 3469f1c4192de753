//! A collector: takes spans by OTLP, over HTTP and over gRPC.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::{TraceService, TraceServiceServer};
use opentelemetry_proto::tonic::collector::trace::v1::{ExportTraceServiceRequest, ExportTraceServiceResponse};
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use opentelemetry_proto::tonic::resource::v1::Resource;
pub use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message as _;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio_util::task::AbortOnDropHandle;
use tonic::transport::server::TcpIncoming;
use tonic::{Request, Response, Status};

use crate::support::PATIENCE;

/// What has been taken so far.
#[derive(Debug, Clone, Default)]
pub struct Taken {
    pub spans: Vec<Span>,
    pub resources: Vec<Resource>,
    /// The headers that came with requests over HTTP.
    pub headers: Vec<HeaderMap>,
    /// Everything that came, encoded.
    pub bytes: Vec<u8>,
}

/// Dropped, it takes nothing more.
pub struct Collector {
    pub http: SocketAddr,
    pub grpc: SocketAddr,
    taken: watch::Receiver<Taken>,
    _serving: [AbortOnDropHandle<()>; 2],
}

#[derive(Clone)]
struct Taking(Arc<watch::Sender<Taken>>);

impl Taking {
    fn take(&self, request: ExportTraceServiceRequest, headers: Option<HeaderMap>) {
        self.0.send_modify(|taken| {
            taken.bytes.extend(request.encode_to_vec());
            taken.headers.extend(headers);
            for of_resource in request.resource_spans {
                taken.resources.extend(of_resource.resource);
                taken.spans.extend(of_resource.scope_spans.into_iter().flat_map(|scope| scope.spans));
            }
        });
    }
}

#[tonic::async_trait]
impl TraceService for Taking {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        self.take(request.into_inner(), None);
        Ok(Response::new(ExportTraceServiceResponse::default()))
    }
}

async fn take(State(taking): State<Taking>, headers: HeaderMap, body: Bytes) -> (StatusCode, Vec<u8>) {
    // Reading a compressed one is not what is tested here.
    if headers.contains_key("content-encoding") {
        taking.take(ExportTraceServiceRequest::default(), Some(headers));
        return (StatusCode::OK, Vec::new());
    }
    match ExportTraceServiceRequest::decode(body) {
        Ok(request) => {
            taking.take(request, Some(headers));
            (StatusCode::OK, ExportTraceServiceResponse::default().encode_to_vec())
        }
        Err(_) => (StatusCode::BAD_REQUEST, Vec::new()),
    }
}

impl Collector {
    pub async fn start() -> Self {
        let (sender, taken) = watch::channel(Taken::default());
        let taking = Taking(Arc::new(sender));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let http = listener.local_addr().unwrap();
        let router = Router::new().route("/v1/traces", post(take)).with_state(taking.clone());
        let over_http = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        let incoming = TcpIncoming::bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let grpc = incoming.local_addr().unwrap();
        let server = tonic::transport::Server::builder().add_service(TraceServiceServer::new(taking));
        let over_grpc = tokio::spawn(async move { server.serve_with_incoming(incoming).await.unwrap() });
        let serving = [AbortOnDropHandle::new(over_http), AbortOnDropHandle::new(over_grpc)];
        Self { http, grpc, taken, _serving: serving }
    }

    /// What has been taken once that is enough.
    pub async fn wait_for(&self, what: &str, enough: impl Fn(&Taken) -> bool) -> Taken {
        let mut taken = self.taken.clone();
        let waited =
            tokio::time::timeout(PATIENCE + Duration::from_secs(5), taken.wait_for(|taken| enough(taken))).await;
        match waited {
            Ok(taken) => taken.unwrap().clone(),
            Err(_) => panic!("{what}: not among {:#?}", names(&self.taken.borrow())),
        }
    }

    /// What has been taken so far.
    pub fn taken(&self) -> Taken {
        self.taken.borrow().clone()
    }
}

fn names(taken: &Taken) -> Vec<&str> {
    taken.spans.iter().map(|span| span.name.as_str()).collect()
}

impl Taken {
    pub fn named(&self, name: &str) -> Vec<&Span> {
        self.spans.iter().filter(|span| span.name == name).collect()
    }

    /// The only one of this name.
    #[track_caller]
    pub fn one(&self, name: &str) -> &Span {
        let named = self.named(name);
        assert_eq!(named.len(), 1, "{name} among {:?}", names(self));
        named[0]
    }
}

/// An attribute as text.
pub fn attribute(span: &Span, key: &str) -> Option<String> {
    text_of(&span.attributes, key)
}

/// The same, of a resource.
pub fn of_resource(resource: &Resource, key: &str) -> Option<String> {
    text_of(&resource.attributes, key)
}

fn text_of(attributes: &[KeyValue], key: &str) -> Option<String> {
    let found = attributes.iter().find(|attribute| attribute.key == key)?;
    match found.value.as_ref()? {
        AnyValue { value: Some(Value::StringValue(text)), .. } => Some(text.clone()),
        AnyValue { value: Some(Value::IntValue(number)), .. } => Some(number.to_string()),
        other => Some(format!("{other:?}")),
    }
}

/// An id as W3C writes it.
pub fn hex(id: &[u8]) -> String {
    id.iter().map(|byte| format!("{byte:02x}")).collect()
}
