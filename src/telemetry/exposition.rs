//! The two texts that metrics are written in: OpenMetrics, and the older one of Prometheus.
//!
//! They differ in what a counter is called where it is described (with `_total` in the older one), and in `# UNIT` and
//! `# EOF`, which only OpenMetrics has. (<https://prometheus.io/docs/instrumenting/exposition_formats/>)

use std::fmt::Write as _;

/// Which text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    /// OpenMetrics 1.0.
    OpenMetrics,
    /// Prometheus' own, version 0.0.4.
    Prometheus,
}

impl Format {
    /// What is asked for with an `Accept` header.
    pub(super) fn accepted(accept: &str) -> Self {
        if accept.contains("application/openmetrics-text") { Self::OpenMetrics } else { Self::Prometheus }
    }

    /// What is answered in `Content-Type`.
    pub(super) fn content_type(self) -> &'static str {
        match self {
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
            Self::Prometheus => "text/plain; version=0.0.4; charset=utf-8",
        }
    }
}

/// Rewrites an OpenMetrics text as Prometheus' own.
pub(super) fn to_prometheus(open_metrics: &str) -> String {
    let mut text = String::with_capacity(open_metrics.len() + 1024);
    let mut help: Option<(&str, &str)> = None;
    for line in open_metrics.lines() {
        if let Some((name, words)) = described(line, "# HELP ") {
            help = Some((name, words));
        } else if let Some((name, kind)) = described(line, "# TYPE ") {
            let (suffix, kind) = match kind {
                "counter" => ("_total", "counter"),
                "info" => ("_info", "gauge"),
                "unknown" => ("", "untyped"),
                other => ("", other),
            };
            if let Some((_, words)) = help.take().filter(|(of, _)| *of == name) {
                let _ = writeln!(text, "# HELP {name}{suffix} {words}");
            }
            let _ = writeln!(text, "# TYPE {name}{suffix} {kind}");
        } else if !line.starts_with("# UNIT ") && line != "# EOF" {
            text.push_str(line);
            text.push('\n');
        }
    }
    text
}

/// The name and the rest of a line that describes a metric.
fn described<'a>(line: &'a str, what: &str) -> Option<(&'a str, &'a str)> {
    line.strip_prefix(what)?.split_once(' ')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_and_infos_are_described_by_their_whole_name() {
        let open_metrics = "# HELP a_b What.\n# TYPE a_b counter\na_b_total{x=\"1\"} 1\n# HELP c_seconds How long.\n\
                            # TYPE c_seconds gauge\n# UNIT c_seconds seconds\nc_seconds 2\n# HELP d Which.\n\
                            # TYPE d info\nd_info{v=\"1\"} 1\n# EOF\n";
        let prometheus = "# HELP a_b_total What.\n# TYPE a_b_total counter\na_b_total{x=\"1\"} 1\n\
                          # HELP c_seconds How long.\n# TYPE c_seconds gauge\nc_seconds 2\n# HELP d_info Which.\n\
                          # TYPE d_info gauge\nd_info{v=\"1\"} 1\n";
        assert_eq!(to_prometheus(open_metrics), prometheus);
    }

    #[test]
    fn prometheus_own_text_unless_the_other_is_asked_for() {
        assert_eq!(Format::accepted("*/*"), Format::Prometheus);
        assert_eq!(
            Format::accepted("application/openmetrics-text;version=1.0.0,text/plain;q=0.5"),
            Format::OpenMetrics
        );
    }
}
