//! What is configured of traces.

use super::read::Reader;
use super::settings;

/// Where spans are sent, and how.
#[derive(Debug, Clone)]
pub struct TracesConfig {
    /// The collector, without the path of traces.
    pub endpoint: reqwest::Url,
    /// How they are sent.
    pub protocol: OtlpProtocol,
}

/// How spans are sent (the OpenTelemetry Protocol has two transports).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OtlpProtocol {
    /// Protobuf in HTTP requests.
    HttpProtobuf,
    /// gRPC.
    Grpc,
}

impl OtlpProtocol {
    fn from_word(word: &str) -> Option<Self> {
        match word {
            "http/protobuf" => Some(Self::HttpProtobuf),
            "grpc" => Some(Self::Grpc),
            _ => None,
        }
    }
}

/// Reads it; the inner `None`: spans are not sent.
pub(super) fn read(reader: &mut Reader) -> Option<Option<TracesConfig>> {
    let protocol = reader.word(&settings::OTLP_PROTOCOL, OtlpProtocol::from_word);
    if !reader.is_set(&settings::OTLP_ENDPOINT) {
        return protocol.map(|_| None);
    }
    let endpoint = reader.base_url(&settings::OTLP_ENDPOINT);
    Some(Some(TracesConfig { endpoint: endpoint?, protocol: protocol? }))
}
