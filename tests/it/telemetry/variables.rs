//! OpenTelemetry's variables, as clusters set them for everyone: they stop no start, and what is not followed is said.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use gridgate::pb;
use gridgate::pb::platform_service_client::PlatformServiceClient;
use tokio::net::TcpListener;
use tokio_util::task::AbortOnDropHandle;
use tonic::transport::Endpoint;

use super::collector::{Collector, Taken};
use crate::support::certificates::{Authority, Files};
use crate::support::process::{Ended, Process};
use crate::support::soon;

const ENDPOINT: &str = "OTEL_EXPORTER_OTLP_ENDPOINT";
const PROTOCOL: &str = "OTEL_EXPORTER_OTLP_PROTOCOL";
const SOON: (&str, &str) = ("OTEL_BSP_SCHEDULE_DELAY", "20");
const PORTS: [&str; 4] =
    ["--grpc-addr=127.0.0.1:0", "--webhook-addr=127.0.0.1:0", "--admin-addr=127.0.0.1:0", "--sandbox-addr=127.0.0.1:0"];

/// A gridgate with these variables and arguments, once it is ready; a call to it has been answered.
async fn started(arguments: &[&str], variables: &[(&str, &str)]) -> Process {
    let mut program = Process::start(&[&["serve", "--sandbox"], &PORTS[..], arguments].concat(), variables);
    let grpc = format!("http://{}", program.json_line().await["grpc"]);
    let channel = soon("connected", Endpoint::from_shared(grpc).unwrap().connect()).await.unwrap();
    let request = pb::GetPlatformConfigRequest::default();
    soon("an answer", PlatformServiceClient::new(channel).get_platform_config(request)).await.unwrap();
    program
}

async fn stopped(program: Process) -> String {
    program.signal("TERM").await;
    let Ended { status, stderr, .. } = program.ended().await;
    assert!(status.success(), "{stderr}");
    stderr
}

/// The lines about traces.
fn said(stderr: &str) -> Vec<&str> {
    stderr.lines().filter(|line| line.contains("traces")).collect()
}

#[tokio::test]
async fn no_variable_stops_a_start_and_what_is_not_followed_is_said() {
    let refusing = crate::support::fake_grid::Refusing::start();
    let url = refusing.base_url();
    /// Variables, and what is said of them.
    type Case<'a> = (&'a [(&'a str, &'a str)], &'a [&'a str]);
    let table: &[Case<'_>] = &[
        (&[(PROTOCOL, "http/json")], &[]),
        (&[(ENDPOINT, &url), (PROTOCOL, "http/json")], &["OTEL_EXPORTER_OTLP_PROTOCOL is http/json"]),
        (&[(ENDPOINT, "collector.invalid:4317"), (PROTOCOL, "grpc")], &["has no scheme"]),
        (&[(ENDPOINT, "localhost:1")], &["has no scheme; gridgate uses http://"]),
        (&[(ENDPOINT, "http://me:hush@localhost:1")], &["must not hold a user or a password"]),
        (&[(ENDPOINT, "hush")], &[]),
        (&[(ENDPOINT, &url), ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "grpc")], &[]),
        (&[(ENDPOINT, &url), ("OTEL_SDK_DISABLED", "true")], &["traces are not sent: OTEL_SDK_DISABLED is true"]),
        (&[(ENDPOINT, &url), ("OTEL_TRACES_EXPORTER", "none")], &["traces are not sent: OTEL_TRACES_EXPORTER is none"]),
        (
            &[(ENDPOINT, "https://localhost:1"), ("OTEL_EXPORTER_OTLP_CERTIFICATE", "/no/such/file")],
            &["OTEL_EXPORTER_OTLP_CERTIFICATE: cannot read /no/such/file", "no traces are sent"],
        ),
        (
            &[
                (ENDPOINT, &url),
                ("OTEL_BSP_MAX_QUEUE_SIZE", "18446744073709551615"),
                ("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "0"),
                ("OTEL_BSP_SCHEDULE_DELAY", "-1"),
                ("OTEL_EXPORTER_OTLP_TIMEOUT", "soon"),
                ("OTEL_EXPORTER_OTLP_COMPRESSION", "brotli"),
                ("OTEL_EXPORTER_OTLP_HEADERS", "hush"),
                ("OTEL_RESOURCE_ATTRIBUTES", "a,=b,,"),
                ("OTEL_TRACES_SAMPLER", "jaeger_remote"),
                ("OTEL_PROPAGATORS", "b3"),
                ("OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", "many"),
                ("OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT", "0"),
            ],
            &[
                "OTEL_BSP_MAX_QUEUE_SIZE is more than 65536",
                "OTEL_BSP_MAX_EXPORT_BATCH_SIZE must be at least 1",
                "OTEL_BSP_SCHEDULE_DELAY must be a whole number",
                "OTEL_EXPORTER_OTLP_TIMEOUT must be a whole number",
                "OTEL_EXPORTER_OTLP_COMPRESSION must be",
                "entry 1 of OTEL_EXPORTER_OTLP_HEADERS",
                "entry 2 of OTEL_RESOURCE_ATTRIBUTES",
                "OTEL_TRACES_SAMPLER must be one of",
                "OTEL_PROPAGATORS is not followed",
                "OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT must be",
                "OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT is not followed",
            ],
        ),
    ];
    for (variables, parts) in table {
        let stderr = stopped(started(&[], variables).await).await;
        for part in *parts {
            let lines = said(&stderr);
            let of_part = lines.iter().filter(|line| line.contains(part)).count();
            assert_eq!(of_part, 1, "{variables:?}: {part} is not said once in {lines:#?}");
        }
        assert!(!stderr.contains("hush"), "{variables:?}: {stderr}");
        if variables.len() == 1 && variables[0].0 == PROTOCOL {
            assert_eq!(said(&stderr), Vec::<&str>::new());
        }
    }
}

#[tokio::test]
async fn a_variable_that_is_no_text_stops_nothing() {
    let refusing = crate::support::fake_grid::Refusing::start();
    let url = refusing.base_url();
    for (name, other) in [(ENDPOINT, None), (PROTOCOL, Some((ENDPOINT, url.as_str())))] {
        let mut command = tokio::process::Command::new(env!("CARGO_BIN_EXE_gridgate"));
        command.args(["serve", "--sandbox", "--grpc-addr=nonsense"]).args(PORTS.get(1..).unwrap()).env_clear();
        command.env(name, OsStr::from_bytes(b"\xff\xfe")).envs(other);
        let output = soon("the end", command.output()).await.unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        // Of the mistakes there is one, and that is another one.
        assert!(stderr.contains("a mistake in the configuration") && stderr.contains("grpc.addr"), "{stderr}");
    }
}

#[tokio::test]
async fn what_a_flag_says_has_to_be_right() {
    for flag in ["--traces-otlp-endpoint=collector:4317", "--traces-otlp-protocol=http/json"] {
        let arguments = [&["serve", "--sandbox", flag], &PORTS[..]].concat();
        let Ended { status, stderr, .. } = Process::start(&arguments, &[]).ended().await;
        assert_eq!(status.code(), Some(2), "{stderr}");
        assert!(stderr.contains("traces.otlp_"), "{stderr}");
    }
}

fn any(taken: &Taken) -> bool {
    !taken.headers.is_empty() || !taken.spans.is_empty()
}

#[tokio::test]
async fn the_variables_of_traces_count_more_and_compression_is_followed() {
    let collector = Collector::start().await;
    let refusing = crate::support::fake_grid::Refusing::start();
    let (http, grpc) = (format!("http://{}/v1/traces", collector.http), format!("http://{}", collector.grpc));
    let variables = [
        (ENDPOINT, refusing.base_url()),
        ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", http),
        (PROTOCOL, "grpc".to_owned()),
        ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "http/protobuf".to_owned()),
        ("OTEL_EXPORTER_OTLP_TRACES_COMPRESSION", "gzip".to_owned()),
    ];
    let variables: Vec<_> = variables.iter().map(|(name, value)| (*name, value.as_str())).chain([SOON]).collect();
    let program = started(&[], &variables).await;
    let taken = collector.wait_for("spans over HTTP", any).await;
    assert_eq!(taken.headers[0]["content-encoding"], "gzip");
    stopped(program).await;

    // And the other way round; a flag counts more than either.
    let collector = Collector::start().await;
    let endpoint = format!("--traces-otlp-endpoint=http://{}", collector.grpc);
    let variables =
        [(ENDPOINT, grpc.as_str()), (PROTOCOL, "http/protobuf"), ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "grpc"), SOON];
    let program = started(&[&endpoint], &variables).await;
    let taken = collector.wait_for("spans over gRPC", any).await;
    assert!(taken.headers.is_empty() && !taken.spans.is_empty());
    stopped(program).await;
}

#[tokio::test]
async fn spans_for_a_collector_on_this_host_are_shown_to_no_proxy() {
    let collector = Collector::start().await;
    let proxy = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", proxy.local_addr().unwrap());
    let asked = Arc::new(AtomicUsize::new(0));
    let counting = Arc::clone(&asked);
    let _proxy = AbortOnDropHandle::new(tokio::spawn(async move {
        while proxy.accept().await.is_ok() {
            counting.fetch_add(1, Ordering::SeqCst);
        }
    }));
    let by_name = format!("http://localhost:{}", collector.http.port());
    for endpoint in [format!("http://{}", collector.http), by_name] {
        let before = collector.taken().headers.len();
        let variables = [
            (ENDPOINT, endpoint.as_str()),
            ("OTEL_EXPORTER_OTLP_HEADERS", "authorization=Bearer%20hush"),
            ("HTTP_PROXY", &address),
            ("http_proxy", &address),
            ("ALL_PROXY", &address),
            SOON,
        ];
        let program = started(&[], &variables).await;
        let taken = collector.wait_for("spans", |taken| taken.headers.len() > before).await;
        assert_eq!(taken.headers[before]["authorization"], "Bearer hush");
        stopped(program).await;
    }
    assert_eq!(asked.load(Ordering::SeqCst), 0, "the proxy was asked");
}

#[tokio::test]
async fn a_collector_is_verified_by_the_file_that_is_named_and_without_roots_nothing_is_sent() {
    let files = Files::new();
    let (ca, other) = (files.write("ca.pem", &Authority::new("collectors").pem()), files.path("none"));
    let other = other.to_str().unwrap();
    for protocol in ["grpc", "http/protobuf"] {
        let bare = [(ENDPOINT, "https://collector.invalid:8443"), (PROTOCOL, protocol), ("SSL_CERT_FILE", other)];
        let stderr = stopped(started(&[], &bare).await).await;
        assert!(stderr.contains("https://collector.invalid:8443 is reached over TLS"), "{stderr}");
        assert!(stderr.contains("no traces are sent"), "{stderr}");
        let with_ca = [&bare[..], &[("OTEL_EXPORTER_OTLP_CERTIFICATE", ca.as_str())]].concat();
        let stderr = stopped(started(&[], &with_ca).await).await;
        assert!(!stderr.contains("no traces are sent"), "{stderr}");
    }
}
