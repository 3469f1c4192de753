//! What calls pass on their way to a service.

mod arrival;
mod audited;
mod content_type;
mod deadline;
mod ending;
mod grpc_timeout;
mod identity;
mod load;
mod methods;
mod reasons;
mod revoked;
mod starting;
mod stop;

pub use arrival::{ArrivalLayer, ArrivalLimits, ArrivalService, NotArrived};
pub use audited::code_name;
pub use content_type::{ContentTypeLayer, ContentTypeService};
pub use deadline::{Deadline, DeadlineLayer, DeadlineService, Deadlines};
pub use grpc_timeout::MalformedTimeout;
pub use identity::{IdentityLayer, IdentityService};
pub use load::{LoadLayer, LoadLimits, LoadService, PlacesSnapshot, Shed};
pub use methods::{MethodKind, Methods};
pub use reasons::{ReasonsLayer, ReasonsService};
pub use starting::{Later, StartingService};
pub use stop::{StopLayer, StopService};
