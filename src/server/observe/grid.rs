//! What happens between this program and Grid, in numbers, by OpenTelemetry's conventions for HTTP clients.

use crate::grid::model::{Notes, Unreadable};
use crate::grid::{Exchanged, HeldBack, Observer, Operation, Server};
use crate::telemetry::Metrics;
use crate::telemetry::context;
use crate::telemetry::metrics::{Durations, durations};
use crate::throttle::Throttle;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use reqwest::header::HeaderMap;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RequestLabels {
    grid_operation: &'static str,
    http_request_method: &'static str,
    http_response_status_code: Option<u16>,
    error_type: Option<&'static str>,
    server_address: Option<Arc<str>>,
    server_port: Option<u16>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OperationLabels {
    grid_operation: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct HeldBackLabels {
    reason: &'static str,
}

/// The vocabulary of words.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct WordLabels {
    pub(super) vocabulary: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct UnreadableLabels {
    grid_operation: &'static str,
    part: &'static str,
}

/// Counts requests to Grid.
#[derive(Debug)]
pub(super) struct GridMetrics {
    duration: Durations<RequestLabels>,
    repetitions: Family<OperationLabels, Counter>,
    held_back: Family<HeldBackLabels, Counter>,
    unknown_words: Family<WordLabels, Counter>,
    unreadable: Family<UnreadableLabels, Counter>,
    /// Lines about what cannot be read.
    lines: Throttle,
    /// Known once there is a client.
    server: OnceLock<Server>,
}

impl GridMetrics {
    pub(super) fn new(metrics: &mut Metrics) -> Self {
        let grid = Self {
            duration: durations(),
            repetitions: Family::default(),
            held_back: Family::default(),
            unknown_words: Family::default(),
            unreadable: Family::default(),
            lines: Throttle::default(),
            server: OnceLock::new(),
        };
        for why in [HeldBack::CircuitOpen, HeldBack::Saturated, HeldBack::BudgetSpent] {
            // There from the beginning, so that the first one is seen as a change.
            drop(grid.held_back.get_or_create(&labels_of(why)));
        }
        metrics.register(
            "http_client_request_duration_seconds",
            "How long requests to Grid took, each try by itself, by operation and by what came of it",
            grid.duration.clone(),
        );
        metrics.register(
            "gridgate_grid_repetitions",
            "Requests to Grid that were sent once more, because the one before came to nothing",
            grid.repetitions.clone(),
        );
        metrics.register(
            "gridgate_grid_held_back",
            "Requests to Grid that were not sent, by reason",
            grid.held_back.clone(),
        );
        metrics.register(
            "gridgate_grid_unknown_words",
            "Words of Grid's that this version does not know, by the vocabulary that they should have been of",
            grid.unknown_words.clone(),
        );
        metrics.register(
            "gridgate_grid_unreadable",
            "Parts of Grid's answers that could not be read and were left out, by operation and kind of part",
            grid.unreadable.clone(),
        );
        grid
    }

    /// Says where requests go.
    pub(super) fn go_to(&self, server: &Server) {
        let _ = self.server.set(server.clone());
    }

    /// Where unknown words are counted.
    pub(super) fn unknown_words(&self) -> Family<WordLabels, Counter> {
        self.unknown_words.clone()
    }
}

impl Observer for GridMetrics {
    fn headers(&self, headers: &mut HeaderMap) {
        context::inject(headers);
    }

    fn exchanged(&self, operation: Operation, attempt: u32, exchanged: Exchanged, took: Duration) {
        let labels = RequestLabels {
            grid_operation: operation.name(),
            http_request_method: method(operation),
            // Whatever comes as a status has three digits (RFC 9110, section 15).
            http_response_status_code: exchanged.status(),
            error_type: error_type(exchanged),
            server_address: self.server.get().map(|server| Arc::clone(&server.address)),
            server_port: self.server.get().map(|server| server.port),
        };
        self.duration.get_or_create(&labels).observe(took.as_secs_f64());
        if attempt > 0 {
            self.repetitions.get_or_create(&OperationLabels { grid_operation: operation.name() }).inc();
        }
    }

    fn held_back(&self, _: Operation, why: HeldBack) {
        self.held_back.get_or_create(&labels_of(why)).inc();
    }

    fn noted(&self, operation: Operation, notes: &Notes) {
        let Notes { unknown_words, unreadable } = notes;
        for vocabulary in unknown_words {
            self.unknown_words.get_or_create(&WordLabels { vocabulary }).inc();
        }
        if unreadable.is_nothing() {
            return;
        }
        let Unreadable { fields, items, text, paths } = unreadable;
        for (part, number) in [("field", *fields), ("item", *items), ("text", u64::from(*text))] {
            if number > 0 {
                self.unreadable
                    .get_or_create(&UnreadableLabels { grid_operation: operation.name(), part })
                    .inc_by(number);
            }
        }
        if let Some(held_back) = self.lines.pass() {
            tracing::warn!(
                %operation, fields, items, mended = text, paths = paths.join(", "), held_back,
                "parts of an answer of Grid's could not be read; they were left out"
            );
        }
    }
}

fn labels_of(why: HeldBack) -> HeldBackLabels {
    let reason = match why {
        HeldBack::CircuitOpen => "circuit_open",
        HeldBack::Saturated => "saturated",
        HeldBack::BudgetSpent => "retry_budget_spent",
    };
    HeldBackLabels { reason }
}

fn method(operation: Operation) -> &'static str {
    match operation.method().as_str() {
        "GET" => "GET",
        "POST" => "POST",
        "PUT" => "PUT",
        "PATCH" => "PATCH",
        "DELETE" => "DELETE",
        _ => "_OTHER",
    }
}

/// What kind of failure it was; none of a success. An error status is said by the status already.
fn error_type(exchanged: Exchanged) -> Option<&'static str> {
    match exchanged {
        Exchanged::Answered(0..=399) => None,
        Exchanged::Answered(400..=499) => Some("4xx"),
        Exchanged::Answered(_) => Some("5xx"),
        Exchanged::DeadlinePassed
        | Exchanged::Unreachable
        | Exchanged::Lost
        | Exchanged::SourceFailed
        | Exchanged::GivenUp => Some(exchanged.word()),
    }
}
