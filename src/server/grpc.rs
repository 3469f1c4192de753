//! The gRPC port: the services behind the layers that every call passes.

use super::observe::Observing;
use super::readiness::Readiness;
use super::services::{self, Api, ApiParts, DESCRIPTORS, DescriptorError};
use crate::config::GrpcConfig;
use crate::identity::Gate;
use crate::rpc::{
    ArrivalLayer, ArrivalLimits, ArrivalService, ContentTypeLayer, ContentTypeService, DeadlineLayer, DeadlineService,
    IdentityLayer, IdentityService, Later, LoadLayer, LoadService, Methods, ReasonsLayer, ReasonsService,
    StartingService, StopLayer, StopService, code_name,
};
use crate::telemetry::context::Incoming;
use crate::telemetry::{CallsLayer, CallsService, SpansLayer, SpansService};
use crate::transport::Port;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;
use tonic::service::Routes;
use tonic_health::server::HealthReporter;
use tower::Layer as _;

/// When calls end although they are not done.
#[derive(Debug, Clone, Default)]
pub(super) struct Stops {
    /// Calls are no longer accepted: what has no end of its own ends.
    pub(super) leaving: CancellationToken,
    /// The grace period is over: everything ends.
    pub(super) cut: CancellationToken,
}

/// All services with all layers around them; the outermost, that a call passes first, is written first.
pub(super) type GrpcService = ContentTypeService<
    CallsService<
        IdentityService<
            SpansService<
                StopService<DeadlineService<ArrivalService<LoadService<ReasonsService<StartingService<Routes>>>>>>,
            >,
        >,
    >,
>;

/// Every method that is served.
///
/// # Errors
/// The descriptors that were compiled in cannot be read.
pub fn methods() -> Result<Methods, DescriptorError> {
    Methods::from_descriptors(DESCRIPTORS).map_err(|error| DescriptorError(error.into()))
}

/// What messages may take up. A mesh's network takes milliseconds for the largest; these are for a peer that is in trouble, and against one
/// that wants us to be.
fn arrival_limits(grpc: &GrpcConfig) -> ArrivalLimits {
    ArrivalLimits {
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
    pub(super) later: Later<Routes>,
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
        let own = services::health_and_reflection(&names, &config, reporter.clone(), &stops)?;
        let (services, later) = StartingService::new(own);
        let service = with_layers(services, &config, gate, methods, &stops, observing);
        let ApiParts { grid, uploads, watch_max_age } = of;
        let (deliveries, leaving) = (observing.deliveries(), stops.leaving.clone());
        let api = Api { grpc: config, grid, uploads, deliveries, watch_max_age, leaving };
        Ok(Grpc { port, service, api, later, readiness: Readiness::starting(reporter, names).await, stops })
    }
}

/// Puts the layers around the services.
fn with_layers(
    services: StartingService<Routes>,
    grpc: &GrpcConfig,
    gate: Option<Arc<Gate>>,
    methods: &Arc<Methods>,
    stops: &Stops,
    observing: &mut Observing,
) -> GrpcService {
    let methods = || Arc::clone(methods);
    let load = LoadLayer::new(grpc.load, methods());
    observing.load(&load);
    let arrival = ArrivalLayer::new(arrival_limits(grpc), methods());
    let reasons = ReasonsLayer::new(methods());
    let deadline = DeadlineLayer::new(grpc.deadlines, methods());
    let stop = StopLayer::for_all_calls(stops.cut.clone());
    let calls = CallsLayer::new(observing.calls(), methods().names(), code_name);
    let identity = IdentityLayer::new(gate, methods(), Incoming::trace_id_of);
    let admitted = SpansLayer.layer(stop.layer(deadline.layer(arrival.layer(load.layer(reasons.layer(services))))));
    let calls = calls.layer(identity.layer(admitted));
    ContentTypeLayer.layer(calls)
}
