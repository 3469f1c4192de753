//! The metrics of decisions about callers.

use super::counters::Counted;
use super::gate::Gate;
use crate::metrics::Kind::{Counter, Gauge};
use crate::metrics::{Metrics, count, label};
use std::sync::Arc;

/// Registers what the gate decides. Without a policy there is no gate, and the metrics have no values.
pub fn register_metrics(metrics: &mut Metrics, gate: Option<Arc<Gate>>) {
    let counters = gate.as_ref().map(|gate| gate.counters());
    metrics.read(
        Counter,
        "gridgate_identity_decisions",
        "Decisions on calls and reloads of the policy file, by outcome; no values without a policy",
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
        "When the current policy was read, as Unix time",
        move || of.as_ref().map(|gate| gate.state().loaded_at.as_duration().as_secs_f64()),
    );
    metrics.read_one(
        Gauge,
        "gridgate_identity_policy_refused_since_timestamp_seconds",
        "When the policy file became invalid, as Unix time; no value while it is valid",
        move || gate.as_ref()?.state().refused_since.map(|at| at.as_duration().as_secs_f64()),
    );
}
