//! The services of the gRPC port, each with its limits and compression: those of the API, which need the event log, and
//! those about the server itself, which are there before it.

use super::error::DescriptorError;
use super::events::Events;
use crate::config::GrpcConfig;
use crate::pb::beneficial_owner_service_server::BeneficialOwnerServiceServer;
use crate::pb::customer_service_server::CustomerServiceServer;
use crate::pb::document_service_server::DocumentServiceServer;
use crate::pb::encoded::kyc_event_service_server::KycEventServiceServer;
use crate::pb::platform_service_server::PlatformServiceServer;
use crate::pb::verification_service_server::VerificationServiceServer;
use crate::rpc::{
    BeneficialOwners, Customers, Deliveries, Documents, Methods, Platform, Reflection, Services, UploadMemory,
    Verifications,
};
use crate::{grid, pb};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;
use tonic::codec::CompressionEncoding::{Gzip, Zstd};
use tonic::server::NamedService;
use tonic_health::pb::health_server::HealthServer;
use tonic_health::server::{HealthReporter, HealthService};
use tonic_reflection::server::{v1, v1alpha};

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

/// What calls are answered with.
pub(super) struct ApiParts {
    pub(super) grid: grid::Client,
    pub(super) uploads: UploadMemory,
    pub(super) watch_max_age: Duration,
}

/// What the services of the API are made of, beside the event log, which comes later.
pub(super) struct Api {
    pub(super) grpc: GrpcConfig,
    pub(super) grid: grid::Client,
    pub(super) uploads: UploadMemory,
    pub(super) deliveries: Deliveries,
    pub(super) watch_max_age: Duration,
    /// Cancelled when streams are to say goodbye.
    pub(super) leaving: CancellationToken,
}

impl Api {
    /// Every service of `gridgate.v1`: the one place where a new one is added.
    pub(super) fn routes(self, events: &Events) -> Services {
        let Api { grpc, grid, uploads, deliveries, watch_max_age, leaving } = self;
        let responses = || Arc::clone(events.responses());
        let watch = events.service(watch_max_age, leaving).observed_by(deliveries);
        let customers = CustomerServiceServer::new(Customers::new(grid.clone(), responses()));
        let owners = BeneficialOwnerServiceServer::new(BeneficialOwners::new(grid.clone()));
        let documents = DocumentServiceServer::new(Documents::new(grid.clone(), uploads));
        let verifications = VerificationServiceServer::new(Verifications::new(grid.clone(), responses()));
        let platform = PlatformServiceServer::new(Platform::new(grid));
        Services::default()
            .with(with_limits!(grpc, customers))
            .with(with_limits!(grpc, owners))
            .with(with_limits!(grpc, documents))
            .with(with_limits!(grpc, verifications))
            .with(with_limits!(grpc, platform))
            .with(with_limits!(grpc, KycEventServiceServer::new(watch)))
    }
}

/// The names of the services of the API, as the descriptors have them.
pub(super) fn names(methods: &Methods) -> Vec<String> {
    let services = methods.iter().filter_map(|method| method.name().split_once('/')).map(|(service, _)| service);
    let own: BTreeSet<&str> = services.filter(|service| !service.starts_with("grpc.")).collect();
    own.into_iter().map(str::to_owned).collect()
}

/// Health (`grpc.health.v1`) and reflection (v1 and v1alpha), which lists `names` too.
pub(super) fn health_and_reflection(
    names: &[String],
    grpc: &GrpcConfig,
    reporter: HealthReporter,
) -> Result<Services, DescriptorError> {
    // Only what is served is listed, although the descriptors may describe more.
    let others = [HealthServer::<HealthService>::NAME, REFLECTION_V1, REFLECTION_V1ALPHA].map(str::to_owned);
    let listed = names.iter().cloned().chain(others).collect();
    let reflection = Reflection::new(DESCRIPTORS, listed).map_err(|error| DescriptorError(error.into()))?;
    let health = HealthServer::new(HealthService::from_health_reporter(reporter));
    let v1 = v1::ServerReflectionServer::new(reflection.clone());
    let v1alpha = v1alpha::ServerReflectionServer::new(reflection);
    Ok(Services::default()
        // Never compressed: clients that check health by themselves (grpc-core) cannot read it otherwise.
        .with(health.max_decoding_message_size(grpc.max_request_size))
        .with(with_limits!(grpc, v1).max_decoding_message_size(REFLECTION_MESSAGE))
        .with(with_limits!(grpc, v1alpha).max_decoding_message_size(REFLECTION_MESSAGE)))
}
