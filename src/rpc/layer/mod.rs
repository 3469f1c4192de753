//! What calls pass on their way to a service.

mod deadline;
mod ending;
mod grpc_timeout;
mod methods;
mod request_end;
mod stop;

pub use deadline::{Deadline, DeadlineLayer, DeadlineService, Deadlines};
pub use grpc_timeout::MalformedTimeout;
pub use methods::{MethodKind, Methods};
pub use request_end::RequestEndLayer;
pub use stop::{StopLayer, StopService};
