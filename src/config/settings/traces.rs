//! The settings of traces.

use super::super::setting::{Kind, Setting};

/// Where spans are sent.
pub const OTLP_ENDPOINT: Setting = Setting {
    key: "traces.otlp_endpoint",
    env: "OTEL_EXPORTER_OTLP_ENDPOINT",
    flag: Some("traces-otlp-endpoint"),
    default: None,
    kind: Kind::Url,
    doc: "The OpenTelemetry collector that traces are sent to, such as `http://localhost:4318`; over HTTP, `/v1/traces` is \
          added. Without it there are no traces, and `traceparent` is handed on as it comes. \
          [TELEMETRY.md](TELEMETRY.md#opentelemetrys-variables) lists OpenTelemetry's variables and what gridgate does with \
          each; for a wrong one it logs a warning and starts anyway.",
};

/// How they are sent.
pub const OTLP_PROTOCOL: Setting = Setting {
    key: "traces.otlp_protocol",
    env: "OTEL_EXPORTER_OTLP_PROTOCOL",
    flag: Some("traces-otlp-protocol"),
    default: Some("http/protobuf"),
    kind: Kind::Word(&["http/protobuf", "grpc"]),
    doc: "How traces are sent: `http/protobuf`, which collectors take on port 4318, or `grpc`, on 4317.",
};
