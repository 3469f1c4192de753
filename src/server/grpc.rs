//! The gRPC port: the services behind the layers that every call passes.

use super::error::DescriptorError;
use super::observe::Observing;
use super::readiness::Readiness;
use super::services::{self, Api, ApiParts, DESCRIPTORS};
use crate::config::GrpcConfig;
use crate::identity::Gate;
use crate::rpc::{
    AdmitLayer, BeginLayer, BufferLayer, BufferLimits, CallMetrics, CarryLayer, ConcurrencyLayer, GrpcService,
    Identity, Later, Methods, PortServices, ServeLayer, Stops, Tracing,
};
use crate::transport::Port;
use std::sync::Arc;
use std::time::Duration;
use tonic_health::server::HealthReporter;
use tower::ServiceBuilder;

/// Every method that is served.
///
/// # Errors
/// The descriptors that were compiled in cannot be read.
pub fn methods() -> Result<Methods, DescriptorError> {
    Methods::from_descriptors(DESCRIPTORS).map_err(|error| DescriptorError(error.into()))
}

/// The limits of request buffering. A mesh's network delivers the largest message within milliseconds; the limits are for
/// slow peers and against hostile ones.
fn buffer_limits(grpc: &GrpcConfig) -> BufferLimits {
    BufferLimits {
        max_message: grpc.max_request_size,
        max_memory: grpc.max_request_size.max(64 * 1024 * 1024),
        message: Duration::from_secs(10),
        part: Duration::from_secs(30),
    }
}

/// The gRPC port, and everything that is served on it.
pub(super) struct Grpc {
    pub(super) port: Port,
    pub(super) service: GrpcService,
    /// What the port is there for, once the event log is open, and where it goes then.
    pub(super) api: Api,
    pub(super) later: Later,
    pub(super) stops: Stops,
    pub(super) readiness: Readiness,
}

impl Grpc {
    /// Puts services and layers together for this port. Not ready.
    ///
    /// # Errors
    /// The descriptors that were compiled in cannot be read.
    pub(super) async fn set_up(
        config: GrpcConfig,
        port: Port,
        gate: Option<Arc<Gate>>,
        methods: &Arc<Methods>,
        of: ApiParts,
        observing: &mut Observing,
    ) -> Result<Self, DescriptorError> {
        let (stops, reporter, names) = (Stops::default(), HealthReporter::new(), services::names(methods));
        let own = services::health_and_reflection(&names, &config, reporter.clone())?;
        let (services, later) = PortServices::new(own);
        let service = with_layers(services, &config, gate, methods, &stops, observing);
        let ApiParts { grid, uploads, watch_max_age } = of;
        let (deliveries, leaving) = (observing.deliveries(), stops.leaving.clone());
        let api = Api { grpc: config, grid, uploads, deliveries, watch_max_age, leaving };
        Ok(Grpc { port, service, api, later, readiness: Readiness::starting(reporter, names).await, stops })
    }
}

/// Puts the layers around the services. A call passes them from top to bottom.
fn with_layers(
    services: PortServices,
    grpc: &GrpcConfig,
    gate: Option<Arc<Gate>>,
    methods: &Arc<Methods>,
    stops: &Stops,
    observing: &mut Observing,
) -> GrpcService {
    let concurrency = ConcurrencyLayer::new(grpc.load);
    let calls = CallMetrics::new(&mut observing.metrics);
    concurrency.register_metrics(&mut observing.metrics);
    let stack = ServiceBuilder::new()
        // Answers 415 to what is not gRPC, and counts and times the rest, refusals included.
        .layer(BeginLayer::new(Arc::clone(methods), calls))
        // By the head alone: a caller that may not call costs no memory, no permit and no span.
        .layer(AdmitLayer(Identity::new(gate)))
        // Only admitted calls have a span.
        .layer(AdmitLayer(Tracing))
        // A deadline that cannot be read, or has passed, is refused before anything waits for the call.
        .layer(AdmitLayer(grpc.deadlines))
        // Ends the call at its deadline, when the server stops or when its policy changes; everything below is dropped then.
        .layer(CarryLayer::new(stops.clone()))
        // Before the permit: a message that does not come must not hold one.
        .layer(BufferLayer::new(buffer_limits(grpc)))
        // Before the handler: what is refused for load costs nothing.
        .layer(concurrency)
        .layer(ServeLayer)
        .service(services);
    GrpcService::new(stack)
}
