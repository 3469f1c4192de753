//! OpenTelemetry's own environment variables, as far as its SDK passes over in silence, or before there is a log, what it
//! can't read. A wrong one stops nothing (OpenTelemetry's specification asks for that): it is warned of.

/// Samplers that the SDK has, and whether each takes a ratio.
const SAMPLERS: [(&str, bool); 6] = [
    ("always_on", false),
    ("always_off", false),
    ("traceidratio", true),
    ("parentbased_always_on", false),
    ("parentbased_always_off", false),
    ("parentbased_traceidratio", true),
];

/// Variables that are whole numbers.
const NUMBERS: [&str; 7] = [
    "OTEL_BSP_SCHEDULE_DELAY",
    "OTEL_BSP_MAX_QUEUE_SIZE",
    "OTEL_BSP_MAX_EXPORT_BATCH_SIZE",
    "OTEL_BSP_EXPORT_TIMEOUT",
    "OTEL_BSP_MAX_CONCURRENT_EXPORTS",
    "OTEL_EXPORTER_OTLP_TIMEOUT",
    "OTEL_EXPORTER_OTLP_TRACES_TIMEOUT",
];

/// What is wrong with those that are set: each with what happens instead.
pub(super) fn mistakes(variable: impl Fn(&str) -> Option<String>) -> Vec<String> {
    let set = |name: &str| variable(name).filter(|value| !value.is_empty());
    let mut mistakes = Vec::new();
    if let Some(sampler) = set("OTEL_TRACES_SAMPLER") {
        match SAMPLERS.iter().find(|(name, _)| *name == sampler) {
            None => {
                let names = SAMPLERS.map(|(name, _)| name).join(", ");
                mistakes.push(format!("OTEL_TRACES_SAMPLER must be one of {names}; everything is sampled"));
            }
            Some((_, true)) => {
                let ratio = set("OTEL_TRACES_SAMPLER_ARG").and_then(|ratio| ratio.parse::<f64>().ok());
                if !ratio.is_some_and(|ratio| (0.0..=1.0).contains(&ratio)) {
                    mistakes.push(format!(
                        "OTEL_TRACES_SAMPLER_ARG must be a number from 0 to 1, since OTEL_TRACES_SAMPLER is {sampler}; \
                         everything is sampled"
                    ));
                }
            }
            Some((_, false)) => {}
        }
    }
    for name in NUMBERS {
        if set(name).is_some_and(|value| value.parse::<u64>().is_err()) {
            mistakes.push(format!("{name} must be a whole number; its default holds"));
        }
    }
    mistakes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(set: &[(&str, &str)]) -> Vec<String> {
        mistakes(|name| set.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned()))
    }

    #[test]
    fn what_the_sdk_reads_is_no_mistake() {
        assert_eq!(of(&[]), Vec::<String>::new());
        for (sampler, takes_ratio) in SAMPLERS {
            let ratio: &[_] = if takes_ratio { &[("OTEL_TRACES_SAMPLER_ARG", "0.25")] } else { &[] };
            assert_eq!(of(&[&[("OTEL_TRACES_SAMPLER", sampler)], ratio].concat()), Vec::<String>::new());
        }
        assert_eq!(of(&NUMBERS.map(|name| (name, "512"))), Vec::<String>::new());
        assert_eq!(of(&[("OTEL_TRACES_SAMPLER", ""), ("OTEL_BSP_MAX_QUEUE_SIZE", "")]), Vec::<String>::new());
    }

    #[test]
    fn what_it_cannot_read_is_named() {
        for (set, name) in [
            (&[("OTEL_TRACES_SAMPLER", "sometimes")][..], "OTEL_TRACES_SAMPLER "),
            (&[("OTEL_TRACES_SAMPLER", "jaeger_remote")], "OTEL_TRACES_SAMPLER "),
            (&[("OTEL_TRACES_SAMPLER", "traceidratio")], "OTEL_TRACES_SAMPLER_ARG "),
            (
                &[("OTEL_TRACES_SAMPLER", "traceidratio"), ("OTEL_TRACES_SAMPLER_ARG", "10%")],
                "OTEL_TRACES_SAMPLER_ARG ",
            ),
            (
                &[("OTEL_TRACES_SAMPLER", "traceidratio"), ("OTEL_TRACES_SAMPLER_ARG", "1.5")],
                "OTEL_TRACES_SAMPLER_ARG ",
            ),
            (&[("OTEL_BSP_SCHEDULE_DELAY", "5s")], "OTEL_BSP_SCHEDULE_DELAY "),
            (&[("OTEL_EXPORTER_OTLP_TIMEOUT", "-1")], "OTEL_EXPORTER_OTLP_TIMEOUT "),
        ] {
            let found = of(set);
            assert!(matches!(&found[..], [mistake] if mistake.starts_with(name)), "{set:?}: {found:?}");
        }
    }
}
