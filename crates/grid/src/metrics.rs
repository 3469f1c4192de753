//! The metrics of requests to Grid, by OpenTelemetry's conventions for HTTP clients.

use crate::model::{Notes, Unreadable};
use crate::{Exchanged, HeldBack, Operation, Server};
use gridgate_io::metrics::{Durations, Metrics, UnknownWords, durations};
use gridgate_io::throttle::Throttle;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use std::sync::Arc;
use std::time::Duration;

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RequestLabels {
    grid_operation: &'static str,
    http_request_method: &'static str,
    http_response_status_code: Option<u16>,
    error_type: Option<&'static str>,
    server_address: Arc<str>,
    server_port: u16,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OperationLabels {
    grid_operation: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct HeldBackLabels {
    reason: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct UnreadableLabels {
    grid_operation: &'static str,
    part: &'static str,
}

/// Counts requests to Grid.
pub(crate) struct ClientMetrics {
    server: Server,
    duration: Durations<RequestLabels>,
    repetitions: Family<OperationLabels, Counter>,
    held_back: Family<HeldBackLabels, Counter>,
    unknown_words: UnknownWords,
    unreadable: Family<UnreadableLabels, Counter>,
    /// Log lines about what cannot be read.
    lines: Throttle,
}

impl ClientMetrics {
    pub(crate) fn new(server: Server, unknown_words: UnknownWords) -> Self {
        let held_back = Family::default();
        for why in [HeldBack::CircuitOpen, HeldBack::Saturated, HeldBack::BudgetSpent] {
            // There from the beginning, so that the first one is seen as a change.
            drop(held_back.get_or_create(&labels_of(why)));
        }
        Self {
            server,
            duration: durations(),
            repetitions: Family::default(),
            held_back,
            unknown_words,
            unreadable: Family::default(),
            lines: Throttle::default(),
        }
    }

    pub(crate) fn register(&self, metrics: &mut Metrics) {
        metrics.register(
            "http_client_request_duration_seconds",
            "Duration of requests to Grid, each try by itself, by operation and outcome",
            self.duration.clone(),
        );
        metrics.register(
            "gridgate_grid_repetitions",
            "Requests to Grid that were sent again because the try before failed",
            self.repetitions.clone(),
        );
        metrics.register(
            "gridgate_grid_held_back",
            "Requests to Grid that were not sent, by reason",
            self.held_back.clone(),
        );
        metrics.register(
            "gridgate_grid_unreadable",
            "Parts of Grid's responses that could not be read and were left out, by operation and kind of part",
            self.unreadable.clone(),
        );
    }

    /// A request was sent; `attempt` counts from 0 within its call.
    pub(crate) fn exchanged(&self, operation: Operation, attempt: u32, exchanged: Exchanged, took: Duration) {
        let labels = RequestLabels {
            grid_operation: operation.name(),
            http_request_method: method(operation),
            // Whatever comes as a status has three digits (RFC 9110, section 15).
            http_response_status_code: exchanged.status(),
            error_type: error_type(exchanged),
            server_address: Arc::clone(&self.server.address),
            server_port: self.server.port,
        };
        self.duration.get_or_create(&labels).observe(took.as_secs_f64());
        if attempt > 0 {
            self.repetitions.get_or_create(&OperationLabels { grid_operation: operation.name() }).inc();
        }
    }

    /// A request was not sent.
    pub(crate) fn held_back(&self, _: Operation, why: HeldBack) {
        self.held_back.get_or_create(&labels_of(why)).inc();
    }

    /// A success was read, with words in it that this version does not know, or parts that cannot be read.
    pub(crate) fn noted(&self, operation: Operation, notes: &Notes) {
        let Notes { unknown_words, unreadable } = notes;
        for vocabulary in unknown_words {
            self.unknown_words.count(vocabulary);
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
