//! The two texts that metrics are written in: OpenMetrics, and the older one of Prometheus.
//!
//! They differ in what a counter is called where it is described (with `_total` in the older one), and in `# UNIT` and
//! `# EOF`, which only OpenMetrics has. (<https://prometheus.io/docs/instrumenting/exposition_formats/>)

use crate::metrics::Metrics;
use std::fmt::Write as _;

/// Every metric now, as text, and its media type. `accept` is the reader's `Accept` header.
#[must_use]
pub fn text(metrics: &Metrics, accept: &str) -> (&'static str, String) {
    let format = Format::accepted(accept);
    let text = metrics.open_metrics().unwrap_or_else(|_error| {
        // Writing to a string does not fail, so a metric's own encoding did.
        tracing::error!("a metric could not be written");
        String::new()
    });
    let text = match format {
        Format::OpenMetrics => text,
        Format::Prometheus => to_prometheus(&text),
    };
    (format.content_type(), text)
}

/// Which text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Format {
    /// OpenMetrics 1.0.
    OpenMetrics,
    /// Prometheus' own, version 0.0.4.
    Prometheus,
}

impl Format {
    /// Negotiates the format from an `Accept` header (RFC 9110, section 12.5.1). OpenMetrics must be named, in a supported
    /// version, with at least the weight of the text format.
    fn accepted(accept: &str) -> Self {
        let (mut open_metrics, mut plain) = (0, 0);
        for range in accept.split(',') {
            let Some(Range { media_type, version, weight }) = Range::parse(range) else { continue };
            match (media_type.as_str(), version) {
                ("application/openmetrics-text", None | Some("1.0.0" | "0.0.1")) => {
                    open_metrics = weight.max(open_metrics)
                }
                ("text/plain", None | Some("0.0.4")) => plain = weight.max(plain),
                _ => {}
            }
        }
        if open_metrics > 0 && open_metrics >= plain { Self::OpenMetrics } else { Self::Prometheus }
    }

    /// What is answered in `Content-Type`.
    fn content_type(self) -> &'static str {
        match self {
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
            Self::Prometheus => "text/plain; version=0.0.4; charset=utf-8",
        }
    }
}

/// One media range of an `Accept` header.
struct Range<'a> {
    /// In lower case.
    media_type: String,
    version: Option<&'a str>,
    /// How much it is wanted, in thousandths; 0: not at all.
    weight: u16,
}

impl<'a> Range<'a> {
    /// `None` where it cannot be read.
    fn parse(range: &'a str) -> Option<Self> {
        let mut parts = range.split(';').map(str::trim);
        let media_type = parts.next()?.to_ascii_lowercase();
        let (mut version, mut weight) = (None, 1000);
        for (name, value) in parts.filter_map(|part| part.split_once('=')) {
            let value = value.trim().trim_matches('"');
            match name.trim().to_ascii_lowercase().as_str() {
                "version" => version = Some(value),
                "q" => weight = thousandths(value)?,
                _ => {}
            }
        }
        Some(Self { media_type, version, weight })
    }
}

/// A weight from `0` to `1`, with up to three digits after the point, in thousandths.
fn thousandths(weight: &str) -> Option<u16> {
    let (whole, digits) = weight.split_once('.').unwrap_or((weight, ""));
    if !matches!(whole, "0" | "1") || digits.len() > 3 || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    format!("{whole}{digits:0<3}").parse().ok().filter(|weight| *weight <= 1000)
}

/// Rewrites an OpenMetrics text as Prometheus' own.
fn to_prometheus(open_metrics: &str) -> String {
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
    use crate::metrics::Kind;

    #[test]
    fn what_is_read_is_written_in_both_texts() {
        let mut metrics = Metrics::default();
        metrics.read(Kind::Counter, "a_b", "What", || vec![(vec![("x", "1\"\n".into())], 3.0)]);
        metrics.read_one(Kind::Gauge, "c", "How many", || 1.5);
        metrics.read_one(Kind::Gauge, "d", "Unknown yet", || None::<f64>);
        let (media_type, written) = text(&metrics, "");
        assert_eq!(media_type, "text/plain; version=0.0.4; charset=utf-8");
        assert_eq!(
            written,
            "# HELP a_b_total What.\n# TYPE a_b_total counter\na_b_total{x=\"1\\\"\\n\"} 3.0\n\
             # HELP c How many.\n# TYPE c gauge\nc 1.5\n# HELP d Unknown yet.\n# TYPE d gauge\n"
        );
        assert!(text(&metrics, "application/openmetrics-text").1.ends_with("# EOF\n"));
    }

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
        for (accept, expected) in [
            ("", Format::Prometheus),
            ("*/*", Format::Prometheus),
            ("application/*", Format::Prometheus),
            ("application/openmetrics-text", Format::OpenMetrics),
            ("Application/OpenMetrics-Text; Version=1.0.0", Format::OpenMetrics),
            ("application/openmetrics-text;version=1.0.0,text/plain;q=0.5", Format::OpenMetrics),
            ("application/openmetrics-text;q=0", Format::Prometheus),
            ("application/openmetrics-text;version=1.0.0;q=0.000,*/*", Format::Prometheus),
            ("application/openmetrics-text; q=0, text/plain", Format::Prometheus),
            ("text/plain, application/openmetrics-text;q=0.9", Format::Prometheus),
            ("text/plain;q=0, application/openmetrics-text;q=0.1", Format::OpenMetrics),
            ("application/openmetrics-text;version=2.0.0, text/plain", Format::Prometheus),
            ("application/openmetrics-text;q=nonsense", Format::Prometheus),
            ("application/openmetrics-text;q=1.5", Format::Prometheus),
            ("application/openmetrics-text-x", Format::Prometheus),
            // What Prometheus sends.
            (
                "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,\
                 application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,\
                 text/plain;version=0.0.4;q=0.3,*/*;q=0.2",
                Format::OpenMetrics,
            ),
        ] {
            assert_eq!(Format::accepted(accept), expected, "{accept:?}");
        }
    }
}
