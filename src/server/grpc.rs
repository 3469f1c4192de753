//! The gRPC port: the services behind the layers that every call passes.

use super::observe::Observing;
use super::services::{DESCRIPTORS, DescriptorError};
use crate::config::{DeadlineConfig, GrpcConfig, LoadConfig};
use crate::identity::Gate;
use crate::rpc::{
    ArrivalLayer, ArrivalLimits, ArrivalService, ContentTypeLayer, ContentTypeService, DeadlineLayer, DeadlineService,
    Deadlines, IdentityLayer, IdentityService, LoadLayer, LoadLimits, LoadService, Methods, StopLayer, StopService,
    code_name,
};
use crate::telemetry::context::Incoming;
use crate::telemetry::{CallsLayer, CallsService, SpansLayer, SpansService};
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;
use tonic::service::Routes;
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
    CallsService<IdentityService<SpansService<StopService<DeadlineService<ArrivalService<LoadService<Routes>>>>>>>,
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

/// Puts the layers around the services.
pub(super) fn with_layers(
    routes: Routes,
    grpc: &GrpcConfig,
    gate: Option<Arc<Gate>>,
    methods: Methods,
    stops: &Stops,
    observing: &mut Observing,
) -> GrpcService {
    let DeadlineConfig { default, upload, max } = grpc.deadlines;
    let LoadConfig { max_calls, max_call_wait, max_streams } = grpc.load;
    let load = LoadLayer::new(LoadLimits { max_calls, max_wait: max_call_wait, max_streams }, methods.clone());
    observing.load(&load);
    let arrival = ArrivalLayer::new(arrival_limits(grpc), methods.clone());
    let deadline = DeadlineLayer::new(Deadlines { default, upload, max }, methods.clone());
    let stop = StopLayer::for_all_calls(stops.cut.clone());
    let calls = CallsLayer::new(observing.calls(), methods.names(), code_name);
    let identity = IdentityLayer::new(gate, methods, Incoming::trace_id_of);
    let calls = calls.layer(
        identity.layer(SpansLayer.layer(stop.layer(deadline.layer(arrival.layer(load.layer(routes.prepare())))))),
    );
    ContentTypeLayer.layer(calls)
}
