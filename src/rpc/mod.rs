//! The gRPC services and the layers that every call passes.

mod layer;

pub use layer::{Deadline, DeadlineLayer, Deadlines, LeavingLayer, MethodKind, Methods};
