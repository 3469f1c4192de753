//! The gRPC services and the layers that every call passes.

mod layer;

pub use layer::{Deadline, DeadlineLayer, DeadlineService, Deadlines, MethodKind, Methods, StopLayer, StopService};
