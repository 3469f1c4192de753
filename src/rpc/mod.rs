//! The gRPC services: a file per resource, with the conversions between the API ([`crate::pb`]) and Grid's JSON
//! ([`crate::grid::model`]) beside it.
//!
//! Nothing here knows the sandbox or how the server is put together. Handlers check only what can never be right, call
//! Grid once, and convert; what a field must look like is Grid's business. Errors become a `tonic::Status` in
//! [`status`] and nowhere else.

mod beneficial_owner;
mod call;
mod customer;
mod document;
mod error;
mod field_mask;
mod field_path;
mod kyc_event;
mod layer;
mod mapping;
mod open_enum;
mod other_fields;
mod page;
mod pieces;
mod platform;
mod reflection;
mod refused;
pub mod status;
mod timestamp;
mod upload;
mod verification;

pub use beneficial_owner::BeneficialOwners;
pub use customer::Customers;
pub use document::Documents;
pub use error::{Error, Resource, Violations};
pub use kyc_event::{Deliveries, KycEvents, WatchConfig};
pub use layer::{
    AdmitLayer, BeginLayer, BufferLayer, BufferLimits, BufferedBody, Call, CallInfo, CallMetrics, CarryLayer,
    ConcurrencyLayer, ConcurrencyLimits, Deadlines, GrpcService, Identity, Later, LimiterSnapshot, Method, MethodKind,
    Methods, PortServices, ServeLayer, Services, Stops, Tracing,
};
pub use platform::Platform;
pub use reflection::Reflection;
pub use status::code_name;
pub use upload::UploadMemory;
pub use verification::Verifications;
