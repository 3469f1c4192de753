//! The trace in which an event was recorded, on its way to the other replicas.
//!
//! What a trace is, this module does not know: it carries a text beside the event, and whoever knows makes and reads it.

use std::fmt;

use super::id::ObservationId;

/// Who knows of traces.
pub trait Traces: fmt::Debug + Send + Sync + 'static {
    /// The context that the current task records in, as the value of a `traceparent` header
    /// (<https://www.w3.org/TR/trace-context/#traceparent-header>). None: it is in no trace that anyone collects.
    fn current(&self) -> Option<String>;

    /// An event has arrived that was recorded in this context, here or in another process. Called before anyone hears of it.
    fn arrived(&self, id: &ObservationId, traceparent: &str);
}
