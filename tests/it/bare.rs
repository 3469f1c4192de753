//! In an image without CA certificates: what speaks TLS to nobody runs, and what does says which address needs them.

use crate::support::process::{Ended, Process};

/// Where CA certificates are looked for, instead of in the system's folders.
struct Bare {
    directory: tempfile::TempDir,
}

impl Bare {
    fn new() -> Self {
        Self { directory: tempfile::tempdir().unwrap() }
    }

    /// Starts the program where there are no certificates, with more variables.
    fn start(&self, args: &[&str], env: &[(&str, &str)]) -> Process {
        let directory = self.directory.path().to_str().unwrap();
        let missing = format!("{directory}/missing.pem");
        let bare = [("SSL_CERT_FILE", missing.as_str()), ("SSL_CERT_DIR", directory)];
        Process::start_in(self.directory.path(), args, &[&bare[..], env].concat())
    }

    async fn run(&self, args: &[&str], env: &[(&str, &str)]) -> Ended {
        self.start(args, env).ended().await
    }
}

#[tokio::test]
async fn a_sandbox_and_what_asks_it_need_none() {
    let bare = Bare::new();
    let ports = [
        "--grpc-addr=127.0.0.1:0",
        "--webhook-addr=127.0.0.1:0",
        "--admin-addr=127.0.0.1:0",
        "--sandbox-addr=127.0.0.1:0",
    ];
    let mut program = bare.start(&[&["serve", "--sandbox"], &ports[..]].concat(), &[]);
    let addresses = program.json_line().await;
    let (grpc, admin) = (addresses["grpc"].as_str(), addresses["admin"].as_str());
    for args in [
        &["quarantine", "list", "--admin-addr", admin][..],
        &["healthcheck", "--grpc-addr", grpc],
        &["healthcheck", "--grpc-addr", grpc, "--service=gridgate.v1.CustomerService"],
    ] {
        let ended = bare.run(args, &[]).await;
        assert_eq!(ended.status.code(), Some(0), "{args:?}: {}", ended.stderr);
    }
    // A doctor gets as far as what Grid says to the account.
    let sandbox = format!("http://{}/grid/2025-10-13", addresses["sandbox"]);
    let account =
        [("GRID_CLIENT_ID", "id"), ("GRID_CLIENT_SECRET", "hush"), ("LIGHTSPARK_GRID_BASE_URL", sandbox.as_str())];
    let doctor = bare.run(&["doctor", "--grpc-addr", grpc, "--admin-addr", admin], &account).await;
    let said = format!("{}{}", doctor.stdout, doctor.stderr);
    assert!(!said.contains("CA certificates") && said.contains("401"), "{said}");
    program.signal("TERM").await;
    let ended = program.ended().await;
    assert_eq!(ended.status.code(), Some(0), "{}", ended.stderr);

    let mut program = bare.start(&["sandbox", "--sandbox-addr=127.0.0.1:0"], &[]);
    program.json_line().await;
    program.signal("TERM").await;
    assert_eq!(program.ended().await.status.code(), Some(0));
}

#[tokio::test]
async fn the_first_address_that_needs_them_is_named() {
    let bare = Bare::new();
    let account = [
        ("GRID_CLIENT_ID", "id"),
        ("GRID_CLIENT_SECRET", "hush"),
        ("LIGHTSPARK_GRID_BASE_URL", "https://grid.invalid:8443/v1"),
        ("GRIDGATE_GRPC_ADDR", "127.0.0.1:0"),
        ("GRIDGATE_ADMIN_ADDR", "127.0.0.1:0"),
        ("GRIDGATE_WEBHOOK_ADDR", "127.0.0.1:0"),
        ("GRIDGATE_EVENT_LOG", "temporary"),
    ];
    let plain = [&account[..2], &[("LIGHTSPARK_GRID_BASE_URL", "http://127.0.0.1:1/")], &account[3..6]].concat();
    let nats = [&plain[..], &[("GRIDGATE_EVENT_LOG", "tls://nats.invalid:4222")]].concat();
    let relay = [
        &plain[..],
        &[("GRIDGATE_EVENT_LOG", "temporary"), ("GRIDGATE_WEBHOOK_RELAY_URL", "https://relay.invalid/")],
        &[("GRID_WEBHOOK_PUBKEY", KEY)],
    ]
    .concat();
    for (args, env, address) in [
        (&["serve"][..], &account[..], "https://grid.invalid:8443"),
        (&["serve"], &nats, "tls://nats.invalid:4222"),
        (&["serve"], &relay, "https://relay.invalid"),
        (&["doctor", "--grpc-addr=127.0.0.1:1", "--admin-addr=127.0.0.1:1"], &account, "https://grid.invalid:8443"),
        (&["healthcheck", "--client-url=https://gridgate.invalid"], &[], "https://gridgate.invalid"),
        (&["watch", "--client-url=https://gridgate.invalid"], &[], "https://gridgate.invalid"),
        (&["quarantine", "list"], &[("GRIDGATE_ADMIN_TLS_CERTIFICATE", "x")], "https://127.0.0.1:9090"),
    ] {
        let Ended { status, stdout, stderr } = bare.run(args, env).await;
        assert_eq!(status.code(), Some(1), "{args:?}: {stdout}{stderr}");
        for part in [address, "there are no CA certificates to verify it by", "missing.pem", "SSL_CERT_FILE"] {
            assert!(stderr.contains(part), "{args:?}: {part} is not in {stderr}");
        }
    }
}

const KEY: &str = "-----BEGIN PUBLIC KEY-----\nMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEwYnakp8ckteS5EMvsweg/S+ENn75\n\
                   QE9eemNTN9ji/+eoPLf0u9WH52imy8FTkUQoTTN926qE2z69MQDxcFFc8g==\n-----END PUBLIC KEY-----\n";
