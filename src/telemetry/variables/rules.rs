//! Variables that OpenTelemetry's SDK reads by itself, as far as it passes over in silence, or before there is a log, what it
//! cannot read; and variables that nothing here follows.

use crate::telemetry::OtelVariables;
use http::{HeaderName, HeaderValue};
use percent_encoding::percent_decode_str;

/// Samplers that the SDK has, and whether each takes a ratio.
pub(super) const SAMPLERS: [(&str, bool); 6] = [
    ("always_on", false),
    ("always_off", false),
    ("traceidratio", true),
    ("parentbased_always_on", false),
    ("parentbased_always_off", false),
    ("parentbased_traceidratio", true),
];

/// Limits that the SDK follows: whole numbers of 32 bits.
pub(super) const LIMITS: [&str; 3] =
    ["OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", "OTEL_SPAN_EVENT_COUNT_LIMIT", "OTEL_SPAN_LINK_COUNT_LIMIT"];

/// What is not followed, and what holds instead.
pub(super) const NOT_FOLLOWED: [(&str, &str); 13] = [
    ("OTEL_ATTRIBUTE_COUNT_LIMIT", "set OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT"),
    ("OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT", "attributes are ids, names from fixed lists, and numbers"),
    ("OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT", "attributes are ids, names from fixed lists, and numbers"),
    ("OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT", "spans have no events"),
    ("OTEL_LINK_ATTRIBUTE_COUNT_LIMIT", "links have no attributes"),
    ("OTEL_BSP_MAX_CONCURRENT_EXPORTS", "one batch is sent at a time"),
    ("OTEL_METRICS_EXPORTER", "metrics are read at /metrics"),
    ("OTEL_LOGS_EXPORTER", "log lines are written to standard error"),
    ("OTEL_LOG_LEVEL", "GRIDGATE_LOG_LEVEL says what is logged"),
    ("OTEL_CONFIG_FILE", "settings and variables say what is traced"),
    ("OTEL_EXPERIMENTAL_CONFIG_FILE", "settings and variables say what is traced"),
    ("OTEL_EXPORTER_ZIPKIN_ENDPOINT", "traces are sent by OTLP"),
    ("OTEL_EXPORTER_JAEGER_ENDPOINT", "traces are sent by OTLP"),
];

/// The warnings about variables that are set and wrong, or not followed.
pub(super) fn judge(variables: &OtelVariables, warnings: &mut Vec<String>) {
    for name in variables.unreadable() {
        warnings.push(format!("{name} is not Unicode text; it counts as not set"));
    }
    warnings.extend(sampler(variables));
    for name in LIMITS {
        if variables.get(name).is_some_and(|value| value.parse::<u32>().is_err()) {
            warnings.push(format!("{name} must be a whole number up to {}; its default holds", u32::MAX));
        }
    }
    for name in ["OTEL_EXPORTER_OTLP_INSECURE", "OTEL_EXPORTER_OTLP_TRACES_INSECURE"] {
        let is_switch = |value: &str| value.eq_ignore_ascii_case("true") || value.eq_ignore_ascii_case("false");
        if variables.get(name).is_some_and(|value| !is_switch(value)) {
            warnings.push(format!("{name} must be true or false; it counts as false"));
        }
    }
    for name in ["OTEL_EXPORTER_OTLP_HEADERS", "OTEL_EXPORTER_OTLP_TRACES_HEADERS"] {
        let entries = variables.get(name).into_iter().flat_map(|value| value.split_terminator(','));
        let wrong = entries.zip(1..).filter(|(entry, _)| !is_header(entry)).map(|(_, number)| number);
        warnings
            .extend(wrong.map(|number: usize| format!("entry {number} of {name} is not name=value; it is left out")));
    }
    let attributes =
        variables.get("OTEL_RESOURCE_ATTRIBUTES").into_iter().flat_map(|value| value.split_terminator(','));
    let is_attribute = |entry: &str| entry.split_once('=').is_some_and(|(key, _)| !key.trim().is_empty());
    let wrong = attributes.zip(1..).filter(|(entry, _)| !is_attribute(entry)).map(|(_, number)| number);
    warnings.extend(
        wrong.map(|number: usize| {
            format!("entry {number} of OTEL_RESOURCE_ATTRIBUTES is not key=value; it is left out")
        }),
    );
    if let Some(propagators) = variables.get("OTEL_PROPAGATORS")
        && !propagators.eq_ignore_ascii_case("tracecontext")
    {
        warnings.push(
            "OTEL_PROPAGATORS is not followed: traceparent (tracecontext) is handed on, and nothing else".to_owned(),
        );
    }
    for (name, instead) in NOT_FOLLOWED {
        let is_followed = match name {
            "OTEL_METRICS_EXPORTER" | "OTEL_LOGS_EXPORTER" => Some("none"),
            "OTEL_BSP_MAX_CONCURRENT_EXPORTS" => Some("1"),
            _ => None,
        };
        if variables.get(name).is_some_and(|value| Some(value) != is_followed) {
            warnings.push(format!("{name} is not followed: {instead}"));
        }
    }
}

fn sampler(variables: &OtelVariables) -> Option<String> {
    let sampler = variables.get("OTEL_TRACES_SAMPLER")?;
    match SAMPLERS.iter().find(|(name, _)| *name == sampler) {
        None => {
            let names = SAMPLERS.map(|(name, _)| name).join(", ");
            Some(format!(
                "OTEL_TRACES_SAMPLER must be one of {names}; everything is sampled that a caller's parent does not rule out"
            ))
        }
        Some((_, true)) => {
            let ratio = variables.get("OTEL_TRACES_SAMPLER_ARG").and_then(|ratio| ratio.parse::<f64>().ok());
            let is_ratio = ratio.is_some_and(|ratio| (0.0..=1.0).contains(&ratio));
            (!is_ratio).then(|| {
                "OTEL_TRACES_SAMPLER_ARG must be a number from 0 to 1 for this OTEL_TRACES_SAMPLER; everything is sampled"
                    .to_owned()
            })
        }
        Some((_, false)) => None,
    }
}

/// Whether this can be sent as a header, as the SDK reads it.
fn is_header(entry: &str) -> bool {
    let Some((name, value)) = entry.split_once('=') else { return false };
    let value = percent_decode_str(value.trim()).decode_utf8_lossy();
    HeaderName::try_from(name.trim()).is_ok() && !value.is_empty() && HeaderValue::from_str(&value).is_ok()
}
