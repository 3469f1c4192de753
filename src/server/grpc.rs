//! The gRPC port: the services behind the layers that every call passes.

use super::services::{DESCRIPTORS, DescriptorError};
use crate::config::DeadlineConfig;
use crate::rpc::{DeadlineLayer, DeadlineService, Deadlines, Methods, StopLayer, StopService};
use crate::telemetry::{CallMetrics, CallsLayer, CallsService};
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
pub(super) type GrpcService = CallsService<StopService<DeadlineService<Routes>>>;

/// Puts the layers around the services.
pub(super) fn with_layers(
    routes: Routes,
    deadlines: DeadlineConfig,
    stops: &Stops,
    calls: CallMetrics,
) -> Result<GrpcService, DescriptorError> {
    let DeadlineConfig { default, upload, max } = deadlines;
    let methods = Methods::from_descriptors(DESCRIPTORS).map_err(|error| DescriptorError(error.into()))?;
    let calls = CallsLayer::new(calls, methods.paths());
    let deadline = DeadlineLayer::new(Deadlines { default, upload, max }, methods);
    let stop = StopLayer::for_all_calls(stops.cut.clone());
    Ok(calls.layer(stop.layer(deadline.layer(routes.prepare()))))
}
