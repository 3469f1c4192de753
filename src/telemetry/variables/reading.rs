//! The variables, and the warnings about them.

use crate::telemetry::OtelVariables;

/// The variables, and the warnings about them.
pub(super) struct Reading<'v> {
    pub(super) variables: &'v OtelVariables,
    pub(super) warnings: Vec<String>,
}

impl<'v> Reading<'v> {
    pub(super) fn warn(&mut self, warning: impl Into<String>) {
        self.warnings.push(warning.into());
    }

    /// The variable of traces, or else the one of every signal, with its name.
    pub(super) fn of_traces(&self, what: &str) -> Option<(String, &'v str)> {
        ["OTEL_EXPORTER_OTLP_TRACES_", "OTEL_EXPORTER_OTLP_"].into_iter().find_map(|prefix| {
            let name = format!("{prefix}{what}");
            self.variables.get(&name).map(|value| (name, value))
        })
    }
}
