//! Who may redirect every webhook: whom a policy names for exactly that, and each change is written down.

use gridgate::pb;
use serde_json::{Value, json};
use tonic::Code;

use super::{METHOD, Scene, endpoint};
use crate::identity::rig::{Rig, caller, outcome, token, until};
use crate::support::app::TestApp;
use crate::support::fake_grid::Reply;
use crate::support::log::CapturedLog;
use crate::support::raw_grpc::RawClient;
use crate::support::soon;

/// The audit lines of a log, without what all lines have.
fn lines(log: &CapturedLog) -> Vec<Value> {
    let all = log.text();
    let lines = all.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    lines.filter(|line| line["target"] == "audit").map(|line| line["fields"].clone()).collect()
}

#[tokio::test]
async fn only_its_exact_name_grants_it() {
    let not_allowed = (Code::PermissionDenied, "METHOD_NOT_ALLOWED".to_owned());
    let token = token();
    for (methods, granted) in [
        ("\"*/*\"", false),
        ("\"gridgate.v1.PlatformService/*\"", false),
        ("\"gridgate*/*\", \"gridgate.v1.*/Get*\"", false),
        (&format!("\"{METHOD}\""), true),
        (&format!("\"*/*\", \"{METHOD}\""), true),
    ] {
        let rig = Rig::with(&caller("ops", &token, &format!("methods = [{methods}]"))).await;
        let answer = rig.call_as(&token, METHOD).await;
        if granted {
            assert_eq!(answer.code(), Code::Ok, "{methods}");
        } else {
            assert_eq!(outcome(&answer), not_allowed, "{methods}");
            assert!(answer.status().message().contains("exact name"), "it says what to do");
        }
    }
    // By a role as well, and a pattern that could mean nothing else is a mistake.
    let role =
        format!("[roles.endpoint]\nmethods = [\"{METHOD}\"]\n{}", caller("ops", &token, "roles = [\"endpoint\"]"));
    assert_eq!(Rig::with(&role).await.call_as(&token, METHOD).await.code(), Code::Ok);
}

#[tokio::test]
async fn without_a_policy_nobody_may_and_everything_else_is_as_before() {
    let log = CapturedLog::start();
    let app = TestApp::with_sandbox().await;
    let mut client = RawClient::connect(app.addresses.grpc).await;
    let answer = client.call(&format!("/{METHOD}"), &[]).await;
    assert_eq!(outcome(&answer), (Code::PermissionDenied, "POLICY_NEEDED".to_owned()));
    let message = answer.status().message().to_owned();
    assert!(message.contains("GRIDGATE_IDENTITY_POLICY_FILE") && message.contains("docs/IDENTITY.md"), "{message}");
    let read = client.call("/gridgate.v1.PlatformService/GetPlatformConfig", &[]).await;
    assert_eq!(read.code(), Code::Ok);

    let lines = lines(&log);
    assert_eq!(lines.len(), 1, "{lines:#?}");
    for (key, value) in [
        ("decision", "denied"),
        ("method", METHOD),
        ("reason", "there is no policy, and only a policy grants this method"),
        ("code", "PERMISSION_DENIED"),
        ("peer", "127.0.0.1"),
    ] {
        assert_eq!(lines[0][key], value, "{}", lines[0]);
    }
    // Nobody can flood the log with it.
    for _ in 0..150 {
        client.call(&format!("/{METHOD}"), &[]).await;
    }
    let written = self::lines(&log).len();
    assert!((100..130).contains(&written), "{written} lines");
}

#[tokio::test]
async fn every_change_says_in_the_audit_log_what_it_was_about() {
    let log = CapturedLog::start();
    let scene = Scene::start().await;
    let fields = ["brandingCanary", "name of Jane Canary"].map(|name| (name.to_owned(), prost_types::Value::default()));
    let others = Some(prost_types::Struct { fields: fields.into() });
    let secret = "https://hooks.example:8443/grid?key=secret";
    let ok = Reply::json(200, json!({ "id": "PlatformConfig:1" }));
    let changes = [
        (ok.clone(), endpoint(secret), "OK", "webhook_endpoint", Some("hooks.example:8443")),
        (
            Reply::error(501, "NOT_IMPLEMENTED", "no"),
            endpoint(secret),
            "UNIMPLEMENTED",
            "webhook_endpoint",
            Some("hooks.example:8443"),
        ),
        (Reply::close(), endpoint(secret), "UNKNOWN", "webhook_endpoint", Some("hooks.example:8443")),
        (
            ok,
            pb::PlatformConfigUpdate {
                uma_domain: Some("secret.example".to_owned()),
                supported_currencies: vec![pb::PlatformCurrency::default()],
                other_fields: others,
                ..endpoint("http://user:secret@evil.example/secret")
            },
            "INVALID_ARGUMENT",
            "uma_domain,webhook_endpoint,supported_currencies,other_fields.brandingCanary,other_fields.(no name)",
            Some("evil.example"),
        ),
    ];
    for (reply, update, code, changes, host) in changes {
        scene.upstream.on("PATCH", "/config", reply);
        let before = lines(&log).len();
        let request =
            scene.request(pb::UpdatePlatformConfigRequest { platform_config: Some(update), update_mask: None });
        let mut client = pb::platform_service_client::PlatformServiceClient::new(scene.rig.app.channel().await);
        let _ = client.update_platform_config(request).await;
        soon("the audit line", until(|| lines(&log).len() > before)).await;
        let lines = lines(&log).split_off(before);
        assert_eq!(lines.len(), 1, "{lines:#?}");
        let line = &lines[0];
        for (key, value) in [
            ("decision", "allowed"),
            ("caller", "everything"),
            ("method", METHOD),
            ("code", code),
            ("changes", changes),
        ] {
            assert_eq!(line[key], value, "{line}");
        }
        assert_eq!(line.get("endpoint_host").and_then(Value::as_str), host, "{line}");
    }
    assert!(!lines(&log).iter().any(|line| line.to_string().contains("secret")), "{:#?}", lines(&log));
    for personal in ["Jane", "key=secret", "user:secret"] {
        assert!(!log.text().contains(personal), "{personal} is in the log");
    }
}
