//! The program with a policy, from its command line.

use std::io::Write as _;

use super::rig::{bearer, caller, token};
use crate::support::process::Process;
use crate::support::raw_grpc::RawClient;
use crate::support::soon;
use tonic::Code;

fn policy(text: &str) -> tempfile::NamedTempFile {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(text.as_bytes()).unwrap();
    file
}

fn flag(file: &tempfile::NamedTempFile) -> String {
    format!("--identity-policy-file={}", file.path().display())
}

#[tokio::test]
async fn a_policy_with_mistakes_keeps_the_program_from_starting_and_all_are_told() {
    let file = policy("[callers.a]\nmethods = [\"no.Such/Method\"]\n[callers.b]\ncolor = 1\n");
    let ended = Process::serve_sandbox(&[&flag(&file)]).ended().await;
    assert_eq!(ended.status.code(), Some(2), "{}", ended.stderr);
    for part in ["identity.policy_file", "GRIDGATE_IDENTITY_POLICY_FILE", "line 1", "line 2", "line 3", "line 4"] {
        assert!(ended.stderr.contains(part), "{part} is not in {}", ended.stderr);
    }
    let ended = Process::serve_sandbox(&["--identity-policy-file=/no/such/file"]).ended().await;
    assert_eq!(ended.status.code(), Some(2));
    assert!(ended.stderr.contains("/no/such/file"), "{}", ended.stderr);
}

#[tokio::test]
async fn other_machines_may_connect_where_a_policy_says_who_may_call() {
    let everywhere = [
        "serve",
        "--sandbox",
        "--grpc-addr=0.0.0.0:0",
        "--webhook-addr=127.0.0.1:0",
        "--admin-addr=127.0.0.1:0",
        "--sandbox-addr=127.0.0.1:0",
    ];
    let ended = Process::start(&everywhere, &[]).ended().await;
    assert_eq!(ended.status.code(), Some(2));
    for part in ["grpc.addr", "GRIDGATE_IDENTITY_POLICY_FILE", "GRIDGATE_GRPC_INSECURE_ALLOW_REMOTE"] {
        assert!(ended.stderr.contains(part), "{part} is not in {}", ended.stderr);
    }
    let known = token();
    let file = policy(&caller("a", &known, "methods = [\"*/*\"]"));
    let flag = flag(&file);
    let mut program = Process::start(&[&everywhere[..], &[&flag]].concat(), &[]);
    let ready = program.json_line().await;
    let port = ready["grpc"].rsplit_once(':').unwrap().1.parse().unwrap();
    let mut client = RawClient::connect(([127, 0, 0, 1], port).into()).await;
    let path = "/gridgate.v1.PlatformService/GetPlatformConfig";
    assert_eq!(client.call(path, &[]).await.code(), Code::Unauthenticated);
    assert_eq!(client.call(path, &[("authorization", &bearer(&known))]).await.code(), Code::Ok);
    program.signal("TERM").await;
    let ended = program.ended().await;
    assert!(ended.stderr.contains("the gRPC port has no TLS"), "{}", ended.stderr);
}

#[tokio::test]
async fn a_hang_up_makes_the_policy_be_read_and_does_not_end_the_program() {
    let (old, new) = (token(), token());
    let file = policy(&caller("a", &old, "methods = [\"*/*\"]"));
    let mut program = Process::serve_sandbox(&[&flag(&file), "--identity-reload-interval=1h"]);
    let ready = program.json_line().await;
    let mut client = RawClient::connect(ready["grpc"].parse().unwrap()).await;
    std::fs::write(file.path(), caller("a", &new, "methods = [\"*/*\"]")).unwrap();
    program.signal("HUP").await;
    let path = "/gridgate.v1.PlatformService/GetPlatformConfig";
    let header = bearer(&new);
    soon("the new policy", async {
        while client.call(path, &[("authorization", &header)]).await.code() != Code::Ok {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    })
    .await;
    program.signal("TERM").await;
    assert!(program.ended().await.status.success());
}
