//! Who was let in, and how busy it is, in numbers.

use super::{Counter, Gauge, count, label};
use crate::identity::{Counted, Gate};
use crate::rpc::{ConcurrencyLayer, LimiterSnapshot};
use crate::telemetry::Metrics;
use std::sync::Arc;

/// Adds what is decided about callers; without a policy there is nothing to say.
pub(super) fn register_gate(metrics: &mut Metrics, gate: Option<Arc<Gate>>) {
    let counters = gate.as_ref().map(|gate| gate.counters());
    metrics.read(
        Counter,
        "gridgate_identity_decisions",
        "What was decided about calls and about the policy file, where there is one",
        move || {
            let decided =
                |counted: Counted| Some((label("decision", counted.as_str()), count(counters.as_ref()?.of(counted))));
            Counted::ALL.into_iter().filter_map(decided).collect()
        },
    );
    let of = gate.clone();
    metrics.read_one(
        Gauge,
        "gridgate_identity_next_token_expiry_timestamp_seconds",
        "When the next token of the policy expires, as Unix time; no value while none will",
        move || of.as_ref()?.next_expiry().map(|at| at.as_duration().as_secs_f64()),
    );
    let of = gate.clone();
    metrics.read_one(
        Gauge,
        "gridgate_identity_policy_loaded_timestamp_seconds",
        "When the policy that holds was read, as Unix time",
        move || of.as_ref().map(|gate| gate.state().loaded_at.as_duration().as_secs_f64()),
    );
    metrics.read_one(
        Gauge,
        "gridgate_identity_policy_refused_since_timestamp_seconds",
        "Since when the policy file has mistakes, and the one before holds, as Unix time; no value while it is fine",
        move || gate.as_ref()?.state().refused_since.map(|at| at.as_duration().as_secs_f64()),
    );
}

/// Adds how many calls are served at once, and how many were refused.
pub(super) fn register_load(metrics: &mut Metrics, load: &ConcurrencyLayer) {
    let each = |value: fn(LimiterSnapshot) -> u64| {
        let load = load.clone();
        move || {
            load.snapshot().into_iter().map(|(kind, limiter)| (label("kind", kind), count(value(limiter)))).collect()
        }
    };
    metrics.read(
        Gauge,
        "gridgate_load_places",
        "How many calls of a kind are served at once",
        each(|limiter| limiter.capacity),
    );
    metrics.read(
        Gauge,
        "gridgate_load_places_taken",
        "How many calls of a kind are being served",
        each(|limiter| limiter.taken),
    );
    metrics.read(
        Counter,
        "gridgate_load_shed",
        "Calls that were refused because too many of their kind were being served",
        each(|limiter| limiter.refused),
    );
}
