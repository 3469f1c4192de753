//! A client that is configured as `deploy/grpc/service_config.json` has it.

use std::process::Stdio;

use crate::support::app::{TestApp, free_ports};
use crate::support::raw_grpc::RawClient;
use crate::support::soon;
use gridgate::config::{Config, settings};
use http_body_util::BodyExt as _;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tonic::Code;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// A client of another implementation of gRPC; dropped, it is killed.
struct GrpcCore {
    _child: Child,
    stdin: ChildStdin,
    stdout: Lines<BufReader<ChildStdout>>,
}

impl GrpcCore {
    fn start(app: &TestApp) -> Self {
        let python = format!("{ROOT}/.tools/python/bin/python");
        let mut child = Command::new(python)
            .arg(format!("{ROOT}/tests/it/support/configured_client.py"))
            .arg(app.addresses.grpc.to_string())
            .arg(format!("{ROOT}/deploy/grpc/service_config.json"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("grpcio is missing: run scripts/tools python");
        let stdout = BufReader::new(child.stdout.take().unwrap()).lines();
        Self { stdin: child.stdin.take().unwrap(), stdout, _child: child }
    }

    /// Makes a call, and says how it ended.
    async fn call(&mut self) -> String {
        self.stdin.write_all(b"call\n").await.unwrap();
        soon("the end of the call", self.stdout.next_line()).await.unwrap().expect("it goes on")
    }
}

#[tokio::test]
async fn its_calls_are_answered_and_it_notices_that_the_server_is_not_ready() {
    let sources = free_ports().with(&settings::SHUTDOWN_DRAIN_DELAY, "1h").with(&settings::SHUTDOWN_GRACE_PERIOD, "2h");
    let app = TestApp::start(Config::load(sources, true).unwrap()).await;
    let mut client = GrpcCore::start(&app);
    assert_eq!(client.call().await, "OK");
    assert_eq!(client.call().await, "OK");

    // Calls are still taken; it is the client that makes none.
    app.tell_to_stop();
    let noticed = async {
        loop {
            let said = client.call().await;
            if said != "OK" {
                return said;
            }
        }
    };
    let said = soon("it notices", noticed).await;
    assert!(said.starts_with("UNAVAILABLE"), "{said}");
    let mut another = RawClient::connect(app.addresses.grpc).await;
    assert_eq!(another.call("/gridgate.v1.PlatformService/GetPlatformConfig", &[]).await.code(), Code::Ok);
}

#[tokio::test]
async fn health_is_never_compressed() {
    let app = TestApp::with_sandbox().await;
    let mut client = RawClient::connect(app.addresses.grpc).await;
    let takes_all = [("grpc-accept-encoding", "gzip,zstd,identity")];
    for method in ["Check", "Watch"] {
        let response = soon("an answer", client.send(&format!("/grpc.health.v1.Health/{method}"), &takes_all)).await;
        let (head, mut body) = response.unwrap().into_parts();
        assert!(!head.headers.contains_key("grpc-encoding"), "{method}: {head:?}");
        let message = soon("a message", body.frame()).await.unwrap().unwrap().into_data().unwrap();
        // Not compressed, two bytes long: SERVING.
        assert_eq!(message.as_ref(), [0, 0, 0, 0, 2, 8, 1], "{method}");
    }
    // The control: other services do compress.
    let config = client.send("/gridgate.v1.PlatformService/GetPlatformConfig", &takes_all);
    let config = soon("an answer", config).await.unwrap();
    assert!(config.headers().contains_key("grpc-encoding"), "{config:?}");
    app.stop().await.unwrap();
}
