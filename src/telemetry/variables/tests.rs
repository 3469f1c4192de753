use super::rules::{LIMITS, NOT_FOLLOWED, SAMPLERS};
use super::*;
use crate::telemetry::OtelVariables;
use crate::telemetry::TracesChoice;
use std::ffi::OsString;

const ENDPOINT: (&str, &str) = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector:4318");

fn variables(set: &[(&str, &str)]) -> OtelVariables {
    OtelVariables::of(&set.iter().map(|(name, value)| ((*name).to_owned(), OsString::from(value))).collect())
}

fn plan(set: &[(&str, &str)]) -> Plan {
    Plan::of(&TracesConfig { variables: variables(set), ..TracesConfig::default() })
}

/// With an endpoint.
fn with(set: &[(&str, &str)]) -> (Export, Vec<String>) {
    let Plan { export, warnings, off } = plan(&[&[ENDPOINT], set].concat());
    assert_eq!(off, None, "{set:?}");
    (export.unwrap_or_else(|| panic!("{set:?}: {warnings:?}")), warnings)
}

#[test]
fn nothing_is_sent_nor_said_without_an_address() {
    for set in [
        &[][..],
        &[("OTEL_EXPORTER_OTLP_PROTOCOL", "http/json")],
        &[("OTEL_BSP_MAX_QUEUE_SIZE", "18446744073709551615")],
        &[("OTEL_SDK_DISABLED", "true")],
        &[("OTEL_TRACES_EXPORTER", "none")],
        &[("OTEL_EXPORTER_OTLP_ENDPOINT", "  ")],
    ] {
        let Plan { export, warnings, off } = plan(set);
        assert_eq!((export, warnings, off), (None, vec![], None), "{set:?}");
    }
    let warnings = plan(&[("OTEL_TRACES_EXPORTER", "otlp")]).warnings;
    assert!(
        matches!(&warnings[..], [one] if one.contains("no effect without OTEL_EXPORTER_OTLP_ENDPOINT")),
        "{warnings:?}"
    );
}

#[test]
fn what_can_be_followed_is_and_nothing_is_said() {
    let (export, warnings) = with(&[]);
    assert_eq!(warnings, Vec::<String>::new());
    assert_eq!(export.endpoint.as_str(), "http://collector:4318/v1/traces");
    assert_eq!((export.queue, export.batch, export.delay.as_secs(), export.timeout.as_secs()), (2048, 512, 5, 10));
    let (export, warnings) = with(&[
        ("OTEL_SDK_DISABLED", "False"),
        ("OTEL_TRACES_EXPORTER", "otlp"),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"),
        ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "HTTP/protobuf"),
        ("OTEL_EXPORTER_OTLP_COMPRESSION", "gzip"),
        ("OTEL_EXPORTER_OTLP_TIMEOUT", "1"),
        ("OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "7000"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "authorization=Bearer%20hush,x-tenant=seven"),
        ("OTEL_BSP_MAX_QUEUE_SIZE", "64"),
        ("OTEL_BSP_SCHEDULE_DELAY", " 50 "),
        ("OTEL_BSP_EXPORT_TIMEOUT", "6000"),
        ("OTEL_BSP_MAX_CONCURRENT_EXPORTS", "1"),
        ("OTEL_RESOURCE_ATTRIBUTES", "a=b,c=d=e,"),
        ("OTEL_PROPAGATORS", "tracecontext"),
        ("OTEL_METRICS_EXPORTER", "none"),
        ("OTEL_SPAN_LINK_COUNT_LIMIT", "9"),
    ]);
    assert_eq!(warnings, Vec::<String>::new());
    assert_eq!((export.protocol, export.compression), (OtlpProtocol::HttpProtobuf, Some(Compression::Gzip)));
    assert_eq!((export.queue, export.batch, export.delay.as_millis(), export.timeout.as_secs()), (64, 64, 50, 6));
    for (sampler, takes_ratio) in SAMPLERS {
        let ratio: &[_] = if takes_ratio { &[("OTEL_TRACES_SAMPLER_ARG", "0.25")] } else { &[] };
        assert_eq!(with(&[&[("OTEL_TRACES_SAMPLER", sampler)], ratio].concat()).1, Vec::<String>::new());
    }
}

#[test]
fn what_cannot_be_followed_is_named_and_stops_nothing() {
    let table: &[(&[(&str, &str)], &str)] = &[
        (&[("OTEL_SDK_DISABLED", "yes")], "OTEL_SDK_DISABLED must be"),
        (&[("OTEL_TRACES_EXPORTER", "otlp,console")], "OTEL_TRACES_EXPORTER names more"),
        (&[("OTEL_TRACES_EXPORTER", "otpl")], "OTEL_TRACES_EXPORTER must be"),
        (&[("OTEL_EXPORTER_OTLP_PROTOCOL", "http/json")], "OTEL_EXPORTER_OTLP_PROTOCOL is http/json"),
        (&[("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "http/json")], "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL is http/json"),
        (&[("OTEL_EXPORTER_OTLP_PROTOCOL", "hush")], "OTEL_EXPORTER_OTLP_PROTOCOL must be"),
        (&[("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "grpc")], "OTEL_EXPORTER_OTLP_ENDPOINT has port 4318"),
        (&[("OTEL_EXPORTER_OTLP_COMPRESSION", "zstd")], "OTEL_EXPORTER_OTLP_COMPRESSION is zstd"),
        (&[("OTEL_EXPORTER_OTLP_COMPRESSION", "hush")], "OTEL_EXPORTER_OTLP_COMPRESSION must be"),
        (&[("OTEL_EXPORTER_OTLP_CERTIFICATE", "/hush")], "OTEL_EXPORTER_OTLP_CERTIFICATE has no effect"),
        (&[("OTEL_EXPORTER_OTLP_TRACES_CLIENT_KEY", "/hush")], "OTEL_EXPORTER_OTLP_TRACES_CLIENT_KEY has no effect"),
        (&[("OTEL_EXPORTER_OTLP_INSECURE", "hush")], "OTEL_EXPORTER_OTLP_INSECURE must be"),
        (&[("OTEL_EXPORTER_OTLP_HEADERS", "a=b,hush")], "entry 2 of OTEL_EXPORTER_OTLP_HEADERS"),
        (&[("OTEL_EXPORTER_OTLP_HEADERS", "hush hush=b")], "entry 1 of OTEL_EXPORTER_OTLP_HEADERS"),
        (&[("OTEL_EXPORTER_OTLP_TRACES_HEADERS", "a=%0ahush")], "entry 1 of OTEL_EXPORTER_OTLP_TRACES_HEADERS"),
        (&[("OTEL_RESOURCE_ATTRIBUTES", "hush")], "entry 1 of OTEL_RESOURCE_ATTRIBUTES"),
        (&[("OTEL_RESOURCE_ATTRIBUTES", "a=b,=hush")], "entry 2 of OTEL_RESOURCE_ATTRIBUTES"),
        (&[("OTEL_PROPAGATORS", "tracecontext,baggage")], "OTEL_PROPAGATORS is not followed"),
        (&[("OTEL_PROPAGATORS", "b3multi")], "OTEL_PROPAGATORS is not followed"),
        (&[("OTEL_TRACES_SAMPLER", "sometimes")], "OTEL_TRACES_SAMPLER must be"),
        (&[("OTEL_TRACES_SAMPLER", "parentbased_jaeger_remote")], "OTEL_TRACES_SAMPLER must be"),
        (&[("OTEL_TRACES_SAMPLER", "xray")], "OTEL_TRACES_SAMPLER must be"),
        (&[("OTEL_TRACES_SAMPLER", "traceidratio")], "OTEL_TRACES_SAMPLER_ARG must be"),
        (
            &[("OTEL_TRACES_SAMPLER", "traceidratio"), ("OTEL_TRACES_SAMPLER_ARG", "NaN")],
            "OTEL_TRACES_SAMPLER_ARG must be",
        ),
        (
            &[("OTEL_TRACES_SAMPLER", "traceidratio"), ("OTEL_TRACES_SAMPLER_ARG", "1.5")],
            "OTEL_TRACES_SAMPLER_ARG must be",
        ),
        (
            &[("OTEL_BSP_MAX_QUEUE_SIZE", "8"), ("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "9")],
            "OTEL_BSP_MAX_EXPORT_BATCH_SIZE is more than OTEL_BSP_MAX_QUEUE_SIZE",
        ),
    ];
    for (set, says) in table {
        let warnings = with(set).1;
        assert!(matches!(&warnings[..], [one] if one.starts_with(says)), "{set:?}: {warnings:?}");
        assert!(!warnings[0].contains("hush"), "{warnings:?}");
    }
    for (name, _) in NOT_FOLLOWED {
        let warnings = with(&[(name, "hush")]).1;
        assert!(matches!(&warnings[..], [one] if one.starts_with(&format!("{name} is not followed"))), "{warnings:?}");
    }
    for name in LIMITS {
        let warnings = with(&[(name, "-1")]).1;
        assert!(matches!(&warnings[..], [one] if one.starts_with(&format!("{name} must be"))), "{warnings:?}");
    }
}

#[test]
fn numbers_have_bounds() {
    const NUMBERS: [&str; 6] = [
        "OTEL_BSP_SCHEDULE_DELAY",
        "OTEL_BSP_MAX_QUEUE_SIZE",
        "OTEL_BSP_MAX_EXPORT_BATCH_SIZE",
        "OTEL_BSP_EXPORT_TIMEOUT",
        "OTEL_EXPORTER_OTLP_TIMEOUT",
        "OTEL_EXPORTER_OTLP_TRACES_TIMEOUT",
    ];
    for name in NUMBERS {
        for (value, says) in [
            ("0", "must be at least 1"),
            ("-1", "must be a whole number"),
            ("5s", "must be a whole number"),
            ("1.5", "must be a whole number"),
            ("18446744073709551615", "is more than"),
            ("99999999999999999999999", "is more than"),
        ] {
            let (export, warnings) = with(&[(name, value)]);
            assert!(
                warnings.iter().any(|one| one.starts_with(&format!("{name} {says}"))),
                "{name}={value}: {warnings:?}"
            );
            let Export { timeout, queue, batch, delay, .. } = export;
            assert!((1..=MOST_SPANS).contains(&queue) && (1..=queue).contains(&batch), "{name}={value}");
            assert!(!delay.is_zero() && delay <= LONGEST_DELAY, "{name}={value}");
            assert!(!timeout.is_zero() && timeout <= LONGEST_EXPORT, "{name}={value}");
        }
    }
}

#[test]
fn it_can_be_switched_off() {
    for (set, why) in [
        (("OTEL_SDK_DISABLED", "TRUE"), "OTEL_SDK_DISABLED is true"),
        (("OTEL_TRACES_EXPORTER", "none"), "OTEL_TRACES_EXPORTER is none"),
        (("OTEL_TRACES_EXPORTER", "None,"), "OTEL_TRACES_EXPORTER is none"),
        (("OTEL_TRACES_EXPORTER", "console"), "OTEL_TRACES_EXPORTER does not name otlp"),
        (("OTEL_TRACES_EXPORTER", "zipkin,console"), "OTEL_TRACES_EXPORTER does not name otlp"),
    ] {
        let Plan { export, off, .. } = plan(&[ENDPOINT, set]);
        assert_eq!((export, off), (None, Some(why)), "{set:?}");
    }
}

#[test]
fn addresses_are_taken_as_they_are_meant() {
    const ALL: &str = "OTEL_EXPORTER_OTLP_ENDPOINT";
    const TRACES: &str = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT";
    const GRPC: (&str, &str) = ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc");
    const INSECURE: (&str, &str) = ("OTEL_EXPORTER_OTLP_INSECURE", "true");
    /// Variables, where spans go, and what is said.
    type Case<'a> = (&'a [(&'a str, &'a str)], &'a str, Option<&'a str>);
    let table: &[Case<'_>] = &[
        (&[(ALL, "https://c/base/")], "https://c/base/v1/traces", None),
        (&[(TRACES, "http://c:4318/own")], "http://c:4318/own", None),
        (&[(ALL, "http://a:4318"), (TRACES, "http://c:4318/v1/traces")], "http://c:4318/v1/traces", None),
        (&[(ALL, "http://c:4317"), GRPC], "http://c:4317/", None),
        (&[(ALL, "https://c:4317"), GRPC], "https://c:4317/", None),
        (&[(ALL, "http://c:4317")], "http://c:4317/v1/traces", Some("has port 4317")),
        (&[(ALL, "http://c:4318"), GRPC], "http://c:4318/", Some("has port 4318")),
        (&[(TRACES, "http://c:4317/v1/traces"), GRPC], "http://c:4317/", Some("has a path")),
        (&[(ALL, "c:4317"), GRPC], "https://c:4317/", Some("has no scheme; gridgate uses https")),
        (&[(ALL, "c:4317"), GRPC, INSECURE], "http://c:4317/", Some("has no scheme; gridgate uses http:")),
        (&[(ALL, "localhost:4317"), GRPC], "http://localhost:4317/", Some("has no scheme; gridgate uses http:")),
        (&[(ALL, "c:8080")], "https://c:8080/v1/traces", Some("has no scheme")),
        (&[(ALL, "10.0.0.1:8080")], "https://10.0.0.1:8080/v1/traces", Some("has no scheme")),
        (&[(ALL, "[::1]:8080")], "http://[::1]:8080/v1/traces", Some("has no scheme")),
    ];
    for (set, url, says) in table {
        let Plan { export, warnings, off: _ } = plan(set);
        assert_eq!(export.unwrap().endpoint.as_str(), *url, "{set:?}");
        match says {
            Some(says) => assert!(matches!(&warnings[..], [one] if one.contains(says)), "{set:?}: {warnings:?}"),
            None => assert_eq!(warnings, Vec::<String>::new(), "{set:?}"),
        }
    }
    for (value, says) in [
        ("ftp://c:4317", "must begin with"),
        ("grpc://c:4317", "must begin with"),
        ("http://", "is not a URL"),
        ("http://c:port", "is not a URL"),
        ("c:port", "is not a URL"),
        ("unix:///run/hush", "must begin with"),
        ("http://me:hush@c:4318", "must not hold a user"),
        ("me:hush@c:4318", ""),
        ("http://c:99999", "is not a URL"),
        ("/hush", ""),
        ("${HUSH}", "has no host"),
        ("http://${HUSH}:4318", "has no host"),
    ] {
        for name in [ALL, TRACES] {
            let Plan { export, warnings, off: _ } = plan(&[(name, value)]);
            assert_eq!(export, None, "{value}");
            let warning = warnings.last().unwrap();
            assert!(warning.starts_with(name) && warning.contains(says), "{value}: {warnings:?}");
            assert!(
                warning.ends_with("no traces are sent") && !warning.to_lowercase().contains("hush"),
                "{warnings:?}"
            );
        }
    }
}

#[test]
fn flags_count_before_variables_and_the_file_after_them() {
    let choice = |url: &str, protocol| TracesChoice { endpoint: url.parse().ok(), protocol: Some(protocol) };
    let file = choice("http://file:4317", OtlpProtocol::Grpc);
    let of = |flags: TracesChoice, set: &[(&str, &str)]| {
        let config = TracesConfig { flags, file: file.clone(), variables: variables(set) };
        let export = Plan::of(&config).export.unwrap();
        (export.endpoint.to_string(), export.protocol)
    };
    let set = [ENDPOINT, ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "http/protobuf")];
    let collector = ("http://collector:4318/v1/traces".to_owned(), OtlpProtocol::HttpProtobuf);
    assert_eq!(of(TracesChoice::default(), &[]), ("http://file:4317/".to_owned(), OtlpProtocol::Grpc));
    assert_eq!(of(TracesChoice::default(), &set), collector);
    let flags = choice("http://flag:4317", OtlpProtocol::Grpc);
    assert_eq!(of(flags, &set), ("http://flag:4317/".to_owned(), OtlpProtocol::Grpc));
}

#[test]
fn files_of_tls_are_taken_where_they_have_an_effect() {
    let https = ("OTEL_EXPORTER_OTLP_ENDPOINT", "https://collector:4318");
    let file = |variable: &str, path: &str| NamedFile { variable: variable.to_owned(), path: path.into() };
    let (ca, certificate, key) = (
        "OTEL_EXPORTER_OTLP_TRACES_CERTIFICATE",
        "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE",
        "OTEL_EXPORTER_OTLP_CLIENT_KEY",
    );
    let Plan { export, warnings, .. } = plan(&[https, (ca, "/ca"), (certificate, "/crt"), (key, "/key")]);
    assert_eq!(warnings, Vec::<String>::new());
    let TlsFiles { ca: read, identity } = export.unwrap().tls;
    assert_eq!(read, Some(file(ca, "/ca")));
    assert_eq!(identity, Some((file(certificate, "/crt"), file(key, "/key"))));
    let Plan { export, warnings, .. } = plan(&[https, (certificate, "/crt")]);
    assert_eq!(export.unwrap().tls, TlsFiles::default());
    assert!(matches!(&warnings[..], [one] if one.starts_with(certificate)), "{warnings:?}");
}

#[test]
fn what_becomes_of_each_is_documented() {
    let document = include_str!("../../../docs/TELEMETRY.md");
    let (_, section) = document.split_once("### OpenTelemetry's variables").unwrap();
    for name in NOT_FOLLOWED.map(|(name, _)| name).into_iter().chain(LIMITS) {
        assert!(section.contains(&format!("`{name}`")), "{name}");
    }
}
