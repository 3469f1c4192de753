//! The process and its runtime: memory, processor time, open files, tasks.
//!
//! The names are those that Prometheus' client libraries use. What the operating system says is read from `/proc`, where
//! there is one (Linux); elsewhere those metrics have no value.

use crate::metrics::{Kind, Metrics, size};
use std::fs;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::runtime::{Handle, RuntimeMetrics};

/// Linux tells times in units of this, whatever the kernel's own clock does (`USER_HZ`).
const TICKS_PER_SECOND: f64 = 100.0;

/// Registers them; `runtimes` are all that the server uses.
pub fn register(metrics: &mut Metrics, runtimes: impl IntoIterator<Item = Handle>) {
    let runtimes: Vec<_> = runtimes.into_iter().map(|runtime| runtime.metrics()).collect();
    use Kind::{Counter, Gauge};
    let started = SystemTime::now().duration_since(UNIX_EPOCH).as_ref().map_or(0.0, Duration::as_secs_f64);
    metrics.read(Gauge, "gridgate_build_info", "The version that runs; always 1", || {
        vec![(vec![("version", env!("CARGO_PKG_VERSION").into())], 1.0)]
    });
    metrics.read_one(Gauge, "process_start_time_seconds", "When the server was set up, as Unix time", move || started);
    metrics.read_one(Counter, "process_cpu_seconds", "Processor time used, of user and system", cpu_seconds);
    metrics.read_one(Gauge, "process_resident_memory_bytes", "Memory that is in use", || status_kib("VmRSS:"));
    metrics.read_one(Gauge, "process_virtual_memory_bytes", "Memory that is mapped", || status_kib("VmSize:"));
    metrics.read_one(Gauge, "process_open_fds", "Open files and sockets", open_files);
    metrics.read_one(Gauge, "process_max_fds", "How many files and sockets may be open", most_files);
    let mut sum = |name, help, of: fn(&RuntimeMetrics) -> usize| {
        let runtimes = runtimes.clone();
        metrics.read_one(Gauge, name, help, move || size(runtimes.iter().map(of).sum()));
    };
    sum("gridgate_runtime_workers", "Threads that run tasks", RuntimeMetrics::num_workers);
    sum("gridgate_runtime_alive_tasks", "Tasks that have not ended", RuntimeMetrics::num_alive_tasks);
    let queued = "Tasks that wait for a thread, in the common queues";
    sum("gridgate_runtime_queued_tasks", queued, RuntimeMetrics::global_queue_depth);
}

fn cpu_seconds() -> Option<f64> {
    let stat = fs::read_to_string("/proc/self/stat").ok()?;
    ticks(&stat).map(|ticks| ticks / TICKS_PER_SECOND)
}

/// The fields `utime` and `stime` of proc(5). The second field, the program's name, may have spaces and parentheses in it.
fn ticks(stat: &str) -> Option<f64> {
    let mut fields = stat.rsplit_once(')')?.1.split_ascii_whitespace().skip(11);
    let (user, system): (f64, f64) = (fields.next()?.parse().ok()?, fields.next()?.parse().ok()?);
    Some(user + system)
}

fn status_kib(field: &str) -> Option<f64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(field))?;
    let kib: f64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib * 1024.0)
}

fn open_files() -> Option<f64> {
    Some(size(fs::read_dir("/proc/self/fd").ok()?.count()))
}

fn most_files() -> Option<f64> {
    let limits = fs::read_to_string("/proc/self/limits").ok()?;
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"))?;
    line.split_ascii_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_program_s_name_does_not_confuse_its_times() {
        let stat = "1 (a) b) c) S 0 1 1 0 -1 4194560 1 2 3 4 150 50 7 8 20 0 1 0 1 1 1";
        assert_eq!(ticks(stat), Some(200.0));
        assert_eq!(ticks("nonsense"), None);
    }
}
