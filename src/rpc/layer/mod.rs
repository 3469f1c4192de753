//! What calls pass on their way to a service.

mod deadline;
mod ending;
mod grpc_timeout;
mod leaving;
mod methods;

pub use deadline::{Deadline, DeadlineLayer, Deadlines};
pub use leaving::LeavingLayer;
pub use methods::{MethodKind, Methods};
