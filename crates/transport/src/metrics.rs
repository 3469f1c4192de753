//! The metrics of ports and of certificate reloads.

use super::counters::{Counters, Snapshot};
use super::tls::ReloadCounts;
use gridgate_io::metrics::{Kind::Counter, Kind::Gauge, Labels, Metrics, count};
use std::sync::Arc;

/// Registers the counters of ports, each with the port's name, and of the certificates that they reload.
pub fn register_metrics(
    metrics: &mut Metrics,
    ports: Vec<(&'static str, Arc<Counters>)>,
    reloads: Vec<Arc<ReloadCounts>>,
) {
    let ports = Arc::new(ports);
    let each = |value: fn(Snapshot) -> u64| {
        let ports = Arc::clone(&ports);
        move || ports.iter().map(|(name, counters)| (of(name), count(value(counters.snapshot())))).collect()
    };
    metrics.read(Gauge, "gridgate_connections_open", "Open connections, by port", each(|seen| seen.open));
    metrics.read(Counter, "gridgate_connections_accepted", "Accepted connections, by port", each(|seen| seen.accepted));
    let of_port = Arc::clone(&ports);
    metrics.read(
        Counter,
        "gridgate_connections_refused",
        "Connections that gridgate rejected, evicted or closed, by port and reason",
        move || of_port.iter().flat_map(|(name, counters)| refused(name, counters.snapshot())).collect(),
    );
    let of_files = reloads.clone();
    metrics.read(Counter, "gridgate_tls_reloads", "Reloads of changed certificate files, by outcome", move || {
        let sum = |value: fn(&ReloadCounts) -> u64| count(of_files.iter().map(|counts| value(counts)).sum());
        let outcomes = [("reloaded", sum(ReloadCounts::reloaded)), ("refused", sum(ReloadCounts::refused))];
        outcomes.into_iter().map(|(outcome, n)| (vec![("outcome", outcome.into())], n)).collect()
    });
    metrics.read_one(
        Gauge,
        "gridgate_tls_refused_since_timestamp_seconds",
        "When the certificate files of a port became invalid, as Unix time; no value while they are valid",
        move || {
            reloads.iter().filter_map(|counts| counts.refused_since()).min().map(|at| at.as_duration().as_secs_f64())
        },
    );
}

fn of(name: &'static str) -> Labels {
    vec![("port", name.into())]
}

fn refused(name: &'static str, seen: Snapshot) -> [(Labels, f64); 6] {
    let Snapshot { accepted: _, open: _, turned_away, handshakes_failed, silent, aged, cut, gave_way } = seen;
    [
        ("turned_away", turned_away),
        ("handshake_failed", handshakes_failed),
        ("silent", silent),
        ("aged", aged),
        ("cut", cut),
        ("gave_way", gave_way),
    ]
    .map(|(reason, n)| (vec![("port", name.into()), ("reason", reason.into())], count(n)))
}
