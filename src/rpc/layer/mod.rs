//! What calls pass on their way to a service. `server/grpc.rs` puts the layers in their order.
//!
//! A request becomes a `Call` ([`BeginLayer`]). Some steps look at its head alone and let it pass or refuse it ([`AdmitLayer`]).
//! From there on one future and one body carry it to its end ([`CarryLayer`]), with what may end it early and what is written
//! down of it.

mod admit;
mod buffering;
mod call;
mod carry;
mod concurrency;
mod deadline;
mod ends;
mod fair_share;
mod grpc_timeout;
mod identity;
mod limiter;
mod methods;
mod record;
mod revoked;
mod services;

pub use admit::{AdmitLayer, BeginLayer, ServeLayer, Tracing};
pub use buffering::{BufferLayer, BufferLimits, BufferedBody};
pub use call::{Call, CallInfo};
pub use carry::CarryLayer;
pub use concurrency::{ConcurrencyLayer, ConcurrencyLimits};
pub use deadline::Deadlines;
pub use ends::Stops;
pub use identity::Identity;
pub use limiter::LimiterSnapshot;
pub use methods::{Method, MethodKind, Methods};
pub use record::CallMetrics;
pub use services::{GrpcService, Later, PortServices, Services};
