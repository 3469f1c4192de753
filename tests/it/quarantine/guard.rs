//! Web pages, and whoever else is not a tool on this machine, are kept out.

use reqwest::{Client, Method};
use serde_json::json;
use std::net::IpAddr;

use super::rig::{Rig, answer};

#[tokio::test]
async fn a_web_page_gets_nothing_and_changes_nothing() {
    let rig = Rig::start().await;
    rig.quarantine("Webhook:odd", None).await;
    let named = json!({ "id": "Webhook:odd" });
    let dismiss = || rig.request(Method::POST, "/quarantine/dismiss");

    // A name that was made to point at this machine.
    let rebound = dismiss().json(&named).header("host", "evil.example:9090");
    assert_eq!(answer(rebound).await.0, 403);
    assert_eq!(answer(rig.request(Method::GET, "/quarantine").header("host", "evil.example")).await.0, 403);
    assert_eq!(answer(rig.request(Method::GET, "/webhooks").header("host", "evil.example")).await.0, 403);
    // A page's script, and a page's form.
    assert_eq!(answer(dismiss().json(&named).header("origin", "http://evil.example")).await.0, 403);
    assert_eq!(answer(dismiss().json(&named).header("origin", "null")).await.0, 403);
    for form in ["application/x-www-form-urlencoded", "text/plain", "multipart/form-data; boundary=x"] {
        let sent = dismiss().header("content-type", form).body(named.to_string());
        assert_eq!(answer(sent).await.0, 415, "{form}");
    }
    assert_eq!(answer(dismiss().body(named.to_string())).await.0, 415);
    // A link, and an image.
    assert_eq!(answer(rig.request(Method::GET, "/quarantine/dismiss?id=Webhook:odd")).await.0, 405);
    // What a page has to ask before it may send JSON elsewhere is not allowed.
    let asked = rig.request(Method::OPTIONS, "/quarantine/dismiss").header("origin", "http://evil.example");
    let preflight = asked.header("access-control-request-method", "POST").send().await.unwrap();
    assert!(!preflight.status().is_success());
    assert!(preflight.headers().keys().all(|name| !name.as_str().starts_with("access-control")));

    assert_eq!(rig.ids().await, ["Webhook:odd"]);
    assert_eq!(answer(dismiss().json(&named)).await.0, 204);
}

#[tokio::test]
async fn what_a_proxy_brings_gets_nothing_and_changes_nothing() {
    let rig = Rig::start().await;
    rig.quarantine("Webhook:odd", None).await;
    let named = json!({ "id": "Webhook:odd" });
    // As Istio's sidecar connects, whoever it brings.
    let sidecar = Client::builder().local_address("127.0.0.6".parse::<IpAddr>().unwrap()).build().unwrap();
    let url = format!("http://{}/quarantine/dismiss", rig.app.addresses.admin);
    assert_eq!(answer(sidecar.post(&url).json(&named)).await.0, 403);
    // A proxy that connects as tools do.
    for (name, value) in [
        ("x-forwarded-for", "10.1.2.3"),
        ("forwarded", "for=10.1.2.3"),
        ("via", "1.1 proxy"),
        ("x-forwarded-client-cert", "Hash=1;URI=spiffe://mesh/metrics"),
        ("x-envoy-external-address", "10.1.2.3"),
        ("l5d-client-id", "metrics.mesh"),
    ] {
        let dismissal = rig.request(Method::POST, "/quarantine/dismiss").json(&named).header(name, value);
        assert_eq!(answer(dismissal).await.0, 403, "{name}");
    }
    assert_eq!(rig.ids().await, ["Webhook:odd"]);
    // Metrics are for everybody, by whatever way.
    let metrics = format!("http://{}/metrics", rig.app.addresses.admin);
    assert_eq!(sidecar.get(metrics).send().await.unwrap().status(), 200);
}

#[tokio::test]
async fn probes_are_for_everybody() {
    let rig = Rig::start().await;
    for path in ["/livez", "/readyz"] {
        let asked = rig.request(Method::GET, path).header("host", "gridgate.example").send().await.unwrap();
        assert_eq!(asked.status(), 200, "{path}");
    }
}
