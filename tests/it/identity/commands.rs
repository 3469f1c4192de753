//! Commands for whoever keeps the policy, and commands that call as somebody.

use std::path::Path;

use gridgate::identity::TokenHash;

use super::pki;
use super::rig::{Rig, caller, token};
use crate::support::certificates::Authority;
use crate::support::process::{Ended, Process};

async fn run(directory: &Path, args: &[&str], env: &[(&str, &str)]) -> Ended {
    Process::start_in(directory, args, env).ended().await
}

#[tokio::test]
async fn a_token_is_printed_once_with_its_hash() {
    let ended = run(Path::new("."), &["token"], &[]).await;
    assert!(ended.status.success(), "{}", ended.stderr);
    let shown: serde_json::Value = serde_json::from_str(&ended.stdout).unwrap();
    let (token, hash) = (shown["token"].as_str().unwrap(), shown["hash"].as_str().unwrap());
    assert_eq!(TokenHash::of(token.as_bytes()).to_string(), hash);
    assert!(!ended.stderr.contains(token));
}

#[tokio::test]
async fn a_policy_is_checked_without_a_server() {
    let directory = tempfile::tempdir().unwrap();
    let good = caller("a", &token(), "methods = [\"gridgate.v1.*/Get*\"]");
    std::fs::write(directory.path().join("good.toml"), &good).unwrap();
    std::fs::write(directory.path().join("bad.toml"), good.replace("Get*", "Got*")).unwrap();
    let ended = run(directory.path(), &["policy", "good.toml"], &[]).await;
    assert_eq!((ended.status.code(), ended.stdout.as_str()), (Some(0), "{\"callers\":1}\n"), "{}", ended.stderr);
    let ended = run(directory.path(), &["policy", "bad.toml"], &[]).await;
    assert_eq!((ended.status.code(), ended.stdout.as_str()), (Some(2), ""));
    assert!(ended.stderr.contains("line 3") && ended.stderr.contains("Got*"), "{}", ended.stderr);
    assert_eq!(run(directory.path(), &["policy", "none.toml"], &[]).await.status.code(), Some(2));
}

#[tokio::test]
async fn watching_as_somebody() {
    let token = token();
    let rig = Rig::with(&caller("a", &token, "methods = [\"gridgate.v1.KycEventService/*\"]")).await;
    let file = rig.policy_file().with_file_name("token");
    std::fs::write(&file, format!("{}\n", token.expose())).unwrap();
    let url = format!("http://{}", rig.app.addresses.grpc);
    let args = ["watch", "--json"];
    let as_a = [("GRIDGATE_CLIENT_URL", url.as_str()), ("GRIDGATE_CLIENT_TOKEN_FILE", file.to_str().unwrap())];
    let mut program = Process::start(&args, &as_a);
    assert!(program.line().await.contains("synced"));
    program.signal("INT").await;
    assert!(program.ended().await.status.success());

    let ended = run(Path::new("."), &args, &as_a[..1]).await;
    assert_eq!(ended.status.code(), Some(1));
    assert!(ended.stderr.contains("UNAUTHENTICATED: nothing says who is calling"), "{}", ended.stderr);
}

#[tokio::test]
async fn asking_for_health_over_tls_with_a_certificate_where_one_is_required() {
    let ca = Authority::new("mesh");
    let rig = Rig::secured(&caller("a", &token(), "methods = [\"*/*\"]"), |directory, sources| {
        pki::asking(&ca, directory, sources).with(&gridgate::config::settings::GRPC_TLS_CLIENT_CERTIFICATES, "required")
    })
    .await;
    let directory = rig.policy_file().parent().unwrap().to_owned();
    let own = ca.client("spiffe://mesh/probe");
    std::fs::write(directory.join("own.pem"), &own.certificate).unwrap();
    std::fs::write(directory.join("own.key"), &own.key).unwrap();
    let url = format!("https://{}", rig.app.addresses.grpc);
    let flags = [
        "healthcheck",
        "--client-url",
        &url,
        "--client-tls-ca=ca.pem",
        "--client-tls-certificate=own.pem",
        "--client-tls-key=own.key",
    ];
    let ended = run(&directory, &flags, &[]).await;
    assert!(ended.status.success(), "{}", ended.stderr);
    // Without a certificate; and for somebody else than the server is.
    assert_eq!(run(&directory, &flags[..4], &[]).await.status.code(), Some(1));
    let other = [&flags[..], &["--client-tls-server-name=other.internal"]].concat();
    assert_eq!(run(&directory, &other, &[]).await.status.code(), Some(1));
}

#[tokio::test]
async fn a_token_gets_into_no_log_whatever_is_logged() {
    let known = token();
    let directory = tempfile::tempdir().unwrap();
    let policy = directory.path().join("policy.toml");
    std::fs::write(&policy, caller("a", &known, "methods = [\"*/*\"]")).unwrap();
    let flag = format!("--identity-policy-file={}", policy.display());
    let mut program = Process::serve_sandbox(&[&flag, "--log-level=trace"]);
    let ready = program.json_line().await;
    let mut client = crate::support::raw_grpc::RawClient::connect(ready["grpc"].parse().unwrap()).await;
    for sent in [super::rig::bearer(&known), format!("Bearer {}-wrong", known.expose()), known.expose().to_owned()] {
        client.call("/gridgate.v1.CustomerService/DeleteCustomer", &[("authorization", &sent)]).await;
    }
    program.signal("TERM").await;
    let ended = program.ended().await;
    assert!(ended.stderr.contains("TRACE") && ended.stderr.contains("the token is nobody's"), "not all is logged");
    assert!(!ended.stderr.contains(known.expose()), "the token is in the log");
    assert!(!ended.stderr.contains(&known.hash().to_string()["sha256:".len()..]), "its hash is in the log");
}
