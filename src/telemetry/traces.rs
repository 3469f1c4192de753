//! Spans, sent by OTLP to a collector.
//!
//! Spans wait in a queue with a bound, from which a thread sends them in batches; what does not fit is dropped, and calls
//! never wait for a collector. What OpenTelemetry's specification has environment variables for is read from them: here where
//! something wrong would stop the process (`variables`), and else by its SDK: the sampler (`OTEL_TRACES_SAMPLER`), the
//! resource (`OTEL_SERVICE_NAME`, `OTEL_RESOURCE_ATTRIBUTES`), and headers (`OTEL_EXPORTER_OTLP_HEADERS`).

use super::collector_tls::CollectorTls;
use super::config::{OtlpProtocol, TracesConfig};
use super::otlp::OnRuntime;
use super::setup_error::TraceSetupError;
use super::variables::{Export, Plan};
use opentelemetry::trace::{Link, SpanKind, TraceId, TracerProvider as _};
use opentelemetry::{Context, KeyValue};
use opentelemetry_otlp::{Protocol, SpanExporter, WithExportConfig as _, WithHttpConfig as _, WithTonicConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{
    BatchConfigBuilder, BatchSpanProcessor, Config as SdkConfig, SamplingDecision, SamplingResult, SdkTracer,
    SdkTracerProvider, ShouldSample,
};
use std::time::Duration;
use tracing::{Level, Metadata};
use tracing_opentelemetry::OpenTelemetryLayer;
use tracing_subscriber::filter::{FilterFn, Filtered, filter_fn};
use tracing_subscriber::{Layer as _, Registry};

/// The instrumentation scope of all spans.
const SCOPE: &str = "gridgate";
/// How long the last spans may take to be sent when the process ends.
const FLUSH: Duration = Duration::from_secs(3);

/// Where spans go from `tracing`.
pub(super) type SpanLayer =
    Filtered<OpenTelemetryLayer<Registry, SdkTracer>, FilterFn<fn(&Metadata<'_>) -> bool>, Registry>;

/// The export of spans.
#[derive(Debug)]
pub struct Traces {
    provider: SdkTracerProvider,
}

/// What has to be said of how traces were set up, once there is a log.
#[derive(Debug)]
pub struct TraceNotes {
    warnings: Vec<String>,
    off: Option<&'static str>,
}

impl TraceNotes {
    /// Says it.
    pub fn log(&self) {
        for warning in &self.warnings {
            tracing::warn!("traces: {warning}");
        }
        if let Some(why) = self.off {
            tracing::info!("traces are not sent: {why}");
        }
    }
}

impl Traces {
    /// Sends spans as `config` says, if it does and that can be done; to be called on the runtime that the process runs on.
    /// Nothing is sent yet.
    #[must_use]
    pub fn set_up(config: &TracesConfig) -> (Option<Self>, TraceNotes) {
        let Plan { export, mut warnings, off } = Plan::of(config);
        let traces = export.and_then(|export| {
            Self::new(&export).map_err(|error| warnings.push(format!("{error}; no traces are sent"))).ok()
        });
        (traces, TraceNotes { warnings, off })
    }

    fn new(export: &Export) -> Result<Self, TraceSetupError> {
        let Export { endpoint, protocol, compression, timeout, tls, queue, batch, delay } = export;
        let exporter = match protocol {
            OtlpProtocol::HttpProtobuf => {
                let http = OnRuntime::current(endpoint, tls)?;
                let builder =
                    SpanExporter::builder().with_http().with_http_client(http).with_endpoint(endpoint.as_str());
                let builder = builder.with_protocol(Protocol::HttpBinary).with_timeout(*timeout);
                match compression {
                    Some(compression) => builder.with_compression(*compression).build(),
                    None => builder.build(),
                }
            }
            OtlpProtocol::Grpc => {
                let builder =
                    SpanExporter::builder().with_tonic().with_endpoint(endpoint.as_str()).with_timeout(*timeout);
                let builder = match CollectorTls::read(tls)?.for_grpc(endpoint)? {
                    Some(tls) => builder.with_tls_config(tls),
                    None => builder,
                };
                match compression {
                    Some(compression) => builder.with_compression(*compression).build(),
                    None => builder.build(),
                }
            }
        };
        let exporter = exporter.map_err(|_error| TraceSetupError::Exporter)?;
        let batches = BatchConfigBuilder::default()
            .with_max_queue_size(*queue)
            .with_max_export_batch_size(*batch)
            .with_scheduled_delay(*delay);
        let processor = BatchSpanProcessor::builder(exporter).with_batch_config(batches.build()).build();
        let sampler = FollowingLinks { others: SdkConfig::default().sampler };
        let provider = SdkTracerProvider::builder()
            .with_span_processor(processor)
            .with_resource(resource())
            .with_sampler(sampler)
            .build();
        Ok(Self { provider })
    }

    /// What takes spans from `tracing`: those of this program, not those of its libraries.
    pub(super) fn layer(&self) -> SpanLayer {
        let ours: fn(&Metadata<'_>) -> bool =
            |metadata| metadata.is_span() && *metadata.level() <= Level::INFO && metadata.target().starts_with(SCOPE);
        tracing_opentelemetry::layer()
            .with_tracer(self.provider.tracer(SCOPE))
            .with_location(false)
            .with_threads(false)
            .with_target(false)
            .with_tracked_inactivity(false)
            .with_filter(filter_fn(ours))
    }

    /// Sends what is left, within a few seconds, and ends.
    pub async fn shut_down(self) {
        let Self { provider } = self;
        // It blocks, and the sending is done by this runtime.
        let ended = tokio::task::spawn_blocking(move || provider.shutdown_with_timeout(FLUSH)).await;
        if !matches!(ended, Ok(Ok(()))) {
            tracing::warn!("the last spans could not be sent");
        }
    }
}

/// Who makes the spans. The name is the operator's, if one is set.
fn resource() -> Resource {
    let named_by_operator = Resource::builder().build();
    let key = opentelemetry::Key::from_static_str("service.name");
    let is_named = named_by_operator.get(&key).is_some_and(|name| !name.as_str().starts_with("unknown_service"));
    let resource = Resource::builder()
        .with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")))
        .with_attribute(KeyValue::new("service.instance.id", uuid::Uuid::new_v4().to_string()));
    if is_named { resource.build() } else { resource.with_service_name("gridgate").build() }
}

/// Samples what is linked to something that is sampled, so that a webhook's trace has its deliveries; everything else as
/// configured.
#[derive(Debug, Clone)]
struct FollowingLinks {
    others: Box<dyn ShouldSample>,
}

impl ShouldSample for FollowingLinks {
    fn should_sample(
        &self,
        parent: Option<&Context>,
        trace_id: TraceId,
        name: &str,
        kind: &SpanKind,
        attributes: &[KeyValue],
        links: &[Link],
    ) -> SamplingResult {
        let result = self.others.should_sample(parent, trace_id, name, kind, attributes, links);
        if links.iter().any(|link| link.span_context.is_sampled()) {
            return SamplingResult { decision: SamplingDecision::RecordAndSample, ..result };
        }
        result
    }
}
