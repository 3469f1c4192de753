//! A scripted Grid, the program in front of it, and calls that say in Grid's own JSON what is meant.

use std::time::Duration;

use gridgate::config::Sources;
use prost_reflect::{DynamicMessage, Value as Field};
use serde_json::{Map, Value, json};
use tonic::Status;

use super::api::{Rpc, Sends};
use super::app::free_ports;
use super::equivalent;
use super::fake_grid::{FakeGrid, Received, Reply};
use super::gateway::{DEADLINE, Gateway};
use super::multipart;
use super::samples;

/// A PDF as far as anybody looks.
pub const PDF: &[u8] = b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\ninvented\n%%EOF\n";

/// A CSV.
pub const CSV: &[u8] = b"umaAddress,platformCustomerId\n$a@uma.example,a\n";

pub struct Stage {
    pub upstream: FakeGrid,
    pub gateway: Gateway,
}

impl Stage {
    pub async fn start() -> Self {
        Self::with(free_ports()).await
    }

    /// With settings as from [`free_ports`], and more.
    pub async fn with(settings: Sources) -> Self {
        let upstream = FakeGrid::start().await;
        let gateway = Gateway::in_front_of(&upstream.base_url(), settings).await;
        Self { upstream, gateway }
    }

    /// From now on Grid answers `rpc` like this.
    pub fn on(&self, rpc: &Rpc, reply: Reply) {
        self.upstream.on(rpc.method, rpc.path, reply);
    }

    /// From now on Grid answers `rpc` with success and this body.
    pub fn answers(&self, rpc: &Rpc, body: &Value) {
        self.on(rpc, success(rpc, body));
    }

    /// From now on Grid answers every RPC with success and everything it can say.
    pub fn answers_everything(&self, rpcs: &[Rpc]) {
        for rpc in rpcs {
            self.on(rpc, full_answer(rpc));
        }
    }

    /// Makes the call that sends `sent` to Grid.
    pub async fn call(&self, rpc: &Rpc, sent: &Value) -> Result<DynamicMessage, Status> {
        self.call_within(DEADLINE, rpc, sent).await
    }

    /// The same, with a deadline of its own.
    pub async fn call_within(&self, deadline: Duration, rpc: &Rpc, sent: &Value) -> Result<DynamicMessage, Status> {
        self.gateway.call_within(deadline, rpc, messages(rpc, sent)).await
    }

    /// The one request that Grid got, and forgets it.
    #[track_caller]
    pub fn received(&self) -> Received {
        let mut requests = self.upstream.take_requests();
        assert_eq!(requests.len(), 1, "requests to Grid: {requests:#?}");
        requests.remove(0)
    }
}

/// Grid's answer to `rpc` with this body.
pub fn success(rpc: &Rpc, body: &Value) -> Reply {
    if rpc.status == 204 { Reply::empty(204) } else { Reply::json(rpc.status, body.clone()) }
}

/// Grid's answer to `rpc` with every field it can have.
pub fn full_answer(rpc: &Rpc) -> Reply {
    success(rpc, &samples::answer_of(rpc.name).unwrap_or(Value::Null))
}

/// The gRPC messages that send `sent` to Grid, uploads with a small file in the first message.
pub fn messages(rpc: &Rpc, sent: &Value) -> Vec<DynamicMessage> {
    let id = rpc.id.map_or("", samples::id_for);
    let request = equivalent::request(rpc, id, sent);
    assert_eq!(request.lost, Vec::<String>::new(), "{} can't say all of {sent}", rpc.name);
    let content = match rpc.sends {
        Sends::Document => PDF,
        Sends::Csv => CSV,
        Sends::Nothing | Sends::Query | Sends::Json(_) => return vec![request.message],
    };
    in_chunks(request.message, content, content.len())
}

/// An upload in parts: the first message is `first` with the beginning of the file.
pub fn in_chunks(first: DynamicMessage, content: &[u8], size: usize) -> Vec<DynamicMessage> {
    use prost_reflect::ReflectMessage as _;
    let descriptor = first.descriptor();
    let mut messages = vec![first];
    for (index, chunk) in content.chunks(size.max(1)).enumerate() {
        if index > 0 {
            messages.push(DynamicMessage::new(descriptor.clone()));
        }
        messages[index].set_field_by_name("chunk", Field::Bytes(chunk.to_vec().into()));
    }
    messages
}

/// What a request says to Grid beside the id in its path: query parameters, JSON, or the fields beside a file.
pub async fn said(rpc: &Rpc, request: &Received) -> Value {
    match rpc.sends {
        Sends::Nothing => {
            assert_eq!(request.body, b"", "{}", rpc.name);
            json!({})
        }
        Sends::Query => {
            assert_eq!(request.body, b"", "{}", rpc.name);
            let mut parameters = Map::new();
            for (name, value) in &request.query {
                assert!(parameters.insert(name.clone(), json!(value)).is_none(), "{name} came twice");
            }
            Value::Object(parameters)
        }
        Sends::Json(_) => request.json(),
        Sends::Document | Sends::Csv => multipart::read(request).await.fields,
    }
}
