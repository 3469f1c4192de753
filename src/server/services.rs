//! The services of the gRPC port, each with its limits, compression and a name in health checks.

use super::grpc::Stops;
use crate::config::GrpcConfig;
use crate::kyc::witness::Witness;
use crate::pb::beneficial_owner_service_server::BeneficialOwnerServiceServer;
use crate::pb::customer_service_server::CustomerServiceServer;
use crate::pb::document_service_server::DocumentServiceServer;
use crate::pb::encoded::kyc_event_service_server::KycEventServiceServer;
use crate::pb::platform_service_server::PlatformServiceServer;
use crate::pb::verification_service_server::VerificationServiceServer;
use crate::rpc::{
    BeneficialOwners, Customers, Documents, KycEvents, Platform, RequestEndLayer, StopLayer, UploadMemory,
    Verifications,
};
use crate::{grid, pb};
use std::convert::Infallible;
use std::error::Error as StdError;
use std::sync::Arc;
use tonic::codec::CompressionEncoding::{Gzip, Zstd};
use tonic::server::NamedService;
use tonic::service::{LayerExt as _, Routes};
use tonic_health::pb::health_server::HealthServer;
use tonic_health::server::{HealthReporter, HealthService};
use tonic_reflection::server as reflection;
use tower::Service;

/// The descriptors of every service that is served: what reflection shows, and deadlines are read from.
pub(super) const DESCRIPTORS: [&[u8]; 4] = [
    pb::FILE_DESCRIPTOR_SET,
    tonic_health::pb::FILE_DESCRIPTOR_SET,
    tonic_reflection::pb::v1::FILE_DESCRIPTOR_SET,
    tonic_reflection::pb::v1alpha::FILE_DESCRIPTOR_SET,
];

const REFLECTION_V1: &str = "grpc.reflection.v1.ServerReflection";
const REFLECTION_V1ALPHA: &str = "grpc.reflection.v1alpha.ServerReflection";

/// The largest question about the services, in bytes: it is a name. A session of them may stand open for long, and half a message with it.
const REFLECTION_MESSAGE: usize = 64 * 1024;

/// The descriptors that were compiled in cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("the descriptors of the services cannot be read")]
pub struct DescriptorError(#[source] pub(super) Box<dyn StdError + Send + Sync>);

/// Gives a generated server its limits and compression. A macro, since generated servers share no trait for them.
macro_rules! with_limits {
    ($grpc:expr, $server:expr) => {
        $server
            .accept_compressed(Zstd)
            .accept_compressed(Gzip)
            .send_compressed(Zstd)
            .send_compressed(Gzip)
            .max_decoding_message_size($grpc.max_request_size)
            .max_encoding_message_size($grpc.max_response_size)
    };
}

/// Services, and the names of those that have a health of their own.
#[derive(Default)]
pub(super) struct Services {
    pub(super) routes: Routes,
    pub(super) names: Vec<&'static str>,
}

impl Services {
    /// Every service of `gridgate.v1`: the one place where a new one is added.
    pub(super) fn of_the_api(
        grpc: &GrpcConfig,
        grid: &grid::Client,
        uploads: UploadMemory,
        events: KycEvents,
        witness: &Arc<Witness>,
    ) -> Self {
        let customers = CustomerServiceServer::new(Customers::new(grid.clone(), Arc::clone(witness)));
        let owners = BeneficialOwnerServiceServer::new(BeneficialOwners::new(grid.clone()));
        let documents = DocumentServiceServer::new(Documents::new(grid.clone(), uploads));
        let verifications = VerificationServiceServer::new(Verifications::new(grid.clone(), Arc::clone(witness)));
        let platform = PlatformServiceServer::new(Platform::new(grid.clone()));
        Services::default()
            .with(with_limits!(grpc, customers))
            .with(with_limits!(grpc, owners))
            .with(with_limits!(grpc, documents))
            .with(with_limits!(grpc, verifications))
            .with(with_limits!(grpc, platform))
            .with(with_limits!(grpc, KycEventServiceServer::new(events)))
    }

    /// Adds health (`grpc.health.v1`) and reflection (v1 and v1alpha).
    pub(super) fn with_health_and_reflection(
        self,
        grpc: &GrpcConfig,
        reporter: HealthReporter,
        stops: &Stops,
    ) -> Result<Routes, DescriptorError> {
        let unreadable = |error: reflection::Error| DescriptorError(error.into());
        // Only what is served is listed, although the descriptors may describe more.
        let others = [HealthServer::<HealthService>::NAME, REFLECTION_V1, REFLECTION_V1ALPHA];
        let reflection = || {
            let builder = reflection::Builder::configure().include_reflection_service(false);
            let builder =
                DESCRIPTORS.iter().fold(builder, |builder, set| builder.register_encoded_file_descriptor_set(set));
            self.names.iter().copied().chain(others).fold(builder, reflection::Builder::with_service_name)
        };
        let leaving = &stops.leaving;
        let endless = (StopLayer::for_endless_calls(leaving.clone()), RequestEndLayer::new(leaving.clone()));
        let health = HealthServer::new(HealthService::from_health_reporter(reporter));
        let v1 = reflection().build_v1().map_err(unreadable)?;
        let v1alpha = reflection().build_v1alpha().map_err(unreadable)?;
        Ok(self
            .routes
            // Never compressed: clients that check health by themselves (grpc-core) cannot read it otherwise.
            .add_service(endless.named_layer(health.max_decoding_message_size(grpc.max_request_size)))
            .add_service(endless.named_layer(with_limits!(grpc, v1).max_decoding_message_size(REFLECTION_MESSAGE)))
            .add_service(
                endless.named_layer(with_limits!(grpc, v1alpha).max_decoding_message_size(REFLECTION_MESSAGE)),
            ))
    }

    /// Adds one service, and its name to those whose health is reported.
    fn with<S>(mut self, service: S) -> Self
    where
        S: Service<http::Request<tonic::body::Body>, Error = Infallible> + NamedService + Clone + Send + Sync + 'static,
        S::Response: axum::response::IntoResponse,
        S::Future: Send + 'static,
    {
        self.routes = self.routes.add_service(service);
        self.names.push(S::NAME);
        self
    }
}
