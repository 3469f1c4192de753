//! Calls gridgate by reflection: a method and its messages are what the descriptors say, and no generated client is needed.

use crate::cli::calling::Connection;
use http::uri::PathAndQuery;
use prost::Message as _;
use prost_reflect::{DynamicMessage, MessageDescriptor, MethodDescriptor};
use std::time::Duration;
use tonic::client::Grpc;
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::{Request, Status};

/// The deadline of every call but a stream of responses, which may go on.
const DEADLINE: Duration = Duration::from_secs(30);

/// Calls a method, and hands each response to `take` until that returns `false`, or no more come.
///
/// # Errors
/// The status that the call ends with.
pub(super) async fn call(
    connection: Connection,
    method: &MethodDescriptor,
    requests: Vec<DynamicMessage>,
    mut take: impl FnMut(DynamicMessage) -> bool,
) -> Result<(), Status> {
    let path = format!("/{}/{}", method.parent_service().full_name(), method.name());
    let path = PathAndQuery::try_from(path).map_err(|error| Status::internal(error.to_string()))?;
    let mut request = Request::new(tokio_stream::iter(requests));
    if !method.is_server_streaming() {
        request.set_timeout(DEADLINE);
    }
    let mut grpc = Grpc::new(connection);
    grpc.ready().await.map_err(|error| Status::from_error(error.into()))?;
    let mut responses = grpc.streaming(request, path, DynamicCodec(method.output())).await?.into_inner();
    while let Some(response) = responses.message().await? {
        if !take(response) {
            break;
        }
    }
    Ok(())
}

/// Reads and writes messages that a descriptor describes.
#[derive(Debug, Clone)]
struct DynamicCodec(MessageDescriptor);

impl Codec for DynamicCodec {
    type Encode = DynamicMessage;
    type Decode = DynamicMessage;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        self.clone()
    }

    fn decoder(&mut self) -> Self {
        self.clone()
    }
}

impl Encoder for DynamicCodec {
    type Item = DynamicMessage;
    type Error = Status;

    fn encode(&mut self, message: DynamicMessage, buffer: &mut EncodeBuf<'_>) -> Result<(), Status> {
        message.encode(buffer).map_err(|error| Status::internal(error.to_string()))
    }
}

impl Decoder for DynamicCodec {
    type Item = DynamicMessage;
    type Error = Status;

    fn decode(&mut self, buffer: &mut DecodeBuf<'_>) -> Result<Option<DynamicMessage>, Status> {
        let message = DynamicMessage::decode(self.0.clone(), buffer);
        message.map(Some).map_err(|error| Status::internal(error.to_string()))
    }
}
