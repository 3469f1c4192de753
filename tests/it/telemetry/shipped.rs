//! What `deploy/` has: a dashboard and alert rules that ask for metrics which exist, as promtool understands them; a service
//! config for clients and routes for meshes that repeat what reads, and nothing else; policies without mistakes. What Kubernetes gets is in `deployment`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Stdio;

use gridgate::identity::PolicyFile;
use gridgate::rpc::Method;
use gridgate::server;
use serde_json::Value;
use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;

use super::documents::described;
use super::metrics::{Busy, busy};
use crate::support::api::POOL;
use crate::support::soon;

fn shipped(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy").join(path)
}

fn text(path: &str) -> String {
    std::fs::read_to_string(shipped(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Runs promtool, with this on its standard input.
async fn promtool(arguments: &[&str], input: &str) -> (bool, String) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let installed = root.join(".tools/prometheus/usr/bin/promtool");
    let program = if installed.exists() { installed } else { PathBuf::from("promtool") };
    let mut running = Command::new(program)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("promtool is missing: run scripts/tools promtool");
    running.stdin.take().unwrap().write_all(input.as_bytes()).await.unwrap();
    let output = soon("promtool", running.wait_with_output()).await.unwrap();
    let said = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8_lossy(&said).into_owned())
}

/// Every name in a query that can be one of a metric.
fn names(query: &str) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    let (mut name, mut quoted) = (String::new(), false);
    for character in query.chars().chain([' ']) {
        if character == '"' {
            quoted = !quoted;
        }
        if !quoted && (character.is_ascii_alphanumeric() || "_:".contains(character)) {
            name.push(character);
        } else if !name.is_empty() {
            names.insert(std::mem::take(&mut name));
        }
    }
    let ours = |name: &String| {
        ["gridgate_", "rpc_server_", "http_client_", "http_server_", "process_"]
            .iter()
            .any(|prefix| name.starts_with(prefix))
    };
    names.into_iter().filter(ours).collect()
}

/// Queries of the dashboard, by panel, and of the rules, by alert.
pub fn queries() -> BTreeMap<String, Vec<String>> {
    let mut queries: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let dashboard: Value = serde_json::from_str(&text("grafana/gridgate.json")).unwrap();
    for panel in dashboard["panels"].as_array().unwrap() {
        let of_panel = panel["targets"].as_array().into_iter().flatten().map(|target| target["expr"].as_str().unwrap());
        queries.entry(panel["title"].as_str().unwrap().to_owned()).or_default().extend(of_panel.map(str::to_owned));
    }
    for variable in dashboard["templating"]["list"].as_array().unwrap() {
        queries.entry("variables".to_owned()).or_default().extend(variable["definition"].as_str().map(str::to_owned));
    }
    let mut alert = String::new();
    for line in text("prometheus/alerts.yaml").lines() {
        let line = line.trim();
        if let Some(name) = line.strip_prefix("- alert: ") {
            alert = name.to_owned();
        } else if !line.starts_with('#') && !alert.is_empty() {
            // Descriptions name no metrics, so every line of a rule may be its query.
            queries.entry(alert.clone()).or_default().push(line.to_owned());
        }
    }
    queries
}

#[tokio::test]
async fn every_query_asks_for_metrics_that_exist() {
    let Busy { scene, .. } = busy().await;
    let metrics = scene.metrics().await;
    let mut known = described(&metrics);
    let samples =
        metrics.lines().filter(|line| !line.starts_with('#')).filter_map(|line| line.split(['{', ' ']).next());
    known.extend(samples.map(str::to_owned));
    let mut asked = BTreeSet::new();
    for (place, queries) in queries() {
        let names: BTreeSet<_> = queries.iter().flat_map(|query| names(query)).collect();
        assert!(
            queries.is_empty() || !names.is_empty() || ["GridgateDown", "GridgateAbsent"].contains(&place.as_str()),
            "{place} asks for nothing: {queries:?}"
        );
        assert_eq!(names.difference(&known).collect::<Vec<_>>(), Vec::<&String>::new(), "in {place}");
        asked.extend(names);
    }
    assert!(asked.len() > 25, "{asked:?}");
}

#[tokio::test]
async fn promtool_accepts_the_metrics() {
    let Busy { scene, .. } = busy().await;
    let (fine, said) = promtool(&["check", "metrics"], &scene.metrics().await).await;
    assert!(fine && said.trim().is_empty(), "{said}");
}

#[tokio::test]
async fn promtool_accepts_the_rules() {
    let rules = shipped("prometheus/alerts.yaml");
    let (fine, said) = promtool(&["check", "rules", "--lint=all", "--lint-fatal", rules.to_str().unwrap()], "").await;
    assert!(fine, "{said}");
    // The dashboard's queries are no rules; written as some, promtool reads them too.
    let queries = queries().into_values().flatten().filter(|query| query.contains("[$__rate_interval]"));
    let mut file = String::from("groups:\n- name: dashboard\n  rules:\n");
    for (index, query) in queries.enumerate() {
        let query = query.replace("$__rate_interval", "5m").replace("$instance", ".*");
        file.push_str(&format!("  - record: query:{index}\n    expr: {}\n", Value::from(query)));
    }
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("dashboard.yaml");
    std::fs::write(&path, file).unwrap();
    let (fine, said) = promtool(&["check", "rules", "--lint=none", path.to_str().unwrap()], "").await;
    assert!(fine, "{said}");
}

#[tokio::test]
async fn every_alert_fires_in_its_case() {
    let cases = shipped("prometheus/alerts.test.yaml");
    let (fine, said) = promtool(&["test", "rules", cases.to_str().unwrap()], "").await;
    assert!(fine, "{said}");
    let cases = text("prometheus/alerts.test.yaml");
    let rules = text("prometheus/alerts.yaml");
    let alerts: Vec<_> = rules.lines().filter_map(|line| line.trim().strip_prefix("- alert: ")).collect();
    assert!(alerts.len() > 20, "{alerts:?}");
    for alert in alerts {
        assert!(
            cases.contains(&format!("exp_samples: [{{ labels: '{{alertname=\"{alert}\"}}', value: 1 }}]")),
            "{alert}"
        );
    }
}

/// Every method of the API (`Service/Method`): those that read, and those that change something.
pub fn methods() -> (BTreeSet<String>, BTreeSet<String>) {
    let all = server::methods().unwrap();
    let api: Vec<_> = all.iter().filter(|method| method.name().starts_with("gridgate.v1.")).collect();
    assert!(api.len() > 20);
    let (mutations, reads): (Vec<&Method>, Vec<&Method>) =
        api.into_iter().partition(|method| method.changes_something());
    let names = |methods: Vec<&Method>| methods.into_iter().map(|method| method.name().to_owned()).collect();
    (names(reads), names(mutations))
}

/// The text of a file with its lists of methods made anew. A list is a run of lines that are each what `entry` makes of a
/// method; it has all methods of the kind of its first one.
fn with_lists(text: &str, entry: fn(&str, &str) -> String) -> String {
    let served = server::methods().unwrap();
    let api = POOL.services().flat_map(|service| service.methods().collect::<Vec<_>>());
    let all: Vec<_> = api
        .map(|method| {
            let (service, name) = (method.parent_service().full_name().to_owned(), method.name().to_owned());
            (served.at(&format!("/{service}/{name}")).kind(), entry(&service, &name))
        })
        .collect();
    let kind_of = |line: &str| {
        let line = line.trim().trim_end_matches(',');
        all.iter().find(|(_, entry)| entry == line).map(|(kind, _)| *kind)
    };
    let (mut made, mut in_list) = (Vec::new(), false);
    for line in text.lines() {
        match kind_of(line) {
            Some(kind) if !in_list => {
                let indentation = &line[..line.len() - line.trim_start().len()];
                let entries =
                    all.iter().filter(|(of, _)| *of == kind).map(|(_, entry)| format!("{indentation}{entry}"));
                let separator = if line.trim().starts_with('{') { ",\n" } else { "\n" };
                made.push(entries.collect::<Vec<_>>().join(separator));
                in_list = true;
            }
            Some(_) => {}
            None => {
                made.push(line.to_owned());
                in_list = false;
            }
        }
    }
    made.join("\n") + "\n"
}

/// `UPDATE_DOCS=1 cargo test` writes the lists anew.
#[test]
fn lists_of_methods_are_those_of_the_protos() {
    let json: fn(&str, &str) -> String =
        |service, method| format!("{{ \"service\": \"{service}\", \"method\": \"{method}\" }}");
    let istio: fn(&str, &str) -> String = |service, method| format!("- uri: {{ exact: /{service}/{method} }}");
    let linkerd: fn(&str, &str) -> String =
        |service, method| format!("- method: {{ service: {service}, method: {method} }}");
    for (file, entry) in [
        ("grpc/service_config.json", json),
        ("kubernetes/overlays/istio/virtual-service.yaml", istio),
        ("kubernetes/overlays/linkerd/routes.yaml", linkerd),
    ] {
        let (written, expected) = (text(file), with_lists(&text(file), entry));
        if std::env::var_os("UPDATE_DOCS").is_some() {
            std::fs::write(shipped(file), &expected).unwrap();
        } else {
            assert!(
                written == expected,
                "deploy/{file} lists other methods than the protos: UPDATE_DOCS=1 writes it anew"
            );
        }
    }
}

#[test]
fn clients_repeat_what_reads_and_nothing_else() {
    let config: Value = serde_json::from_str(&text("grpc/service_config.json")).unwrap();
    let (mut repeated, mut named) = (BTreeSet::new(), BTreeSet::new());
    for of_methods in config["methodConfig"].as_array().unwrap() {
        for name in of_methods["name"].as_array().unwrap() {
            let Some(method) = name["method"].as_str() else {
                assert!(of_methods["retryPolicy"].is_null(), "whole services are repeated: {name}");
                continue;
            };
            let method = format!("{}/{method}", name["service"].as_str().unwrap());
            assert!(named.insert(method.clone()), "{method} is named twice");
            if let Some(policy) = of_methods["retryPolicy"].as_object() {
                assert_eq!(policy["retryableStatusCodes"], serde_json::json!(["UNAVAILABLE"]));
                assert!(policy["maxAttempts"].as_u64().unwrap() > 1);
                repeated.insert(method);
            }
        }
    }
    let (reads, mutations) = methods();
    assert_eq!(repeated, reads);
    let known: BTreeSet<_> = reads.union(&mutations).cloned().collect();
    assert!(named.is_subset(&known), "{named:?}");
    assert_eq!(config["healthCheckConfig"]["serviceName"], "");
}

/// The methods named in a part of a file.
fn methods_in(part: &str) -> BTreeSet<String> {
    let (reads, mutations) = methods();
    let written = |method: &&String| {
        let (service, name) = method.split_once('/').unwrap();
        part.contains(&format!("exact: /{method} ")) || part.contains(&format!("service: {service}, method: {name} "))
    };
    reads.union(&mutations).filter(written).cloned().collect()
}

#[test]
fn meshes_repeat_what_reads_and_nothing_else() {
    let (mut reads, _) = methods();
    reads.remove("gridgate.v1.KycEventService/WatchKycStatus");
    let istio = text("kubernetes/overlays/istio/virtual-service.yaml");
    let routes: Vec<_> = istio.split("    - name: ").skip(1).collect();
    assert_eq!(routes.len(), 3);
    for route in routes {
        // Istio repeats what nothing is said about.
        let repeats = !route.contains("retries:\n        attempts: 0\n");
        let named = methods_in(route);
        assert_eq!(repeats, named == reads, "{route}");
        assert!(route.contains("      retries:\n"), "{route}");
    }
    let linkerd = text("kubernetes/overlays/linkerd/routes.yaml");
    for route in linkerd.split("---\n") {
        let expected = if route.contains("retry.linkerd.io") { reads.clone() } else { BTreeSet::new() };
        assert_eq!(methods_in(route), expected, "{route}");
    }
}

#[tokio::test]
async fn policies_are_without_mistakes() {
    let methods = server::methods().unwrap();
    for policy in ["base", "overlays/istio", "overlays/linkerd"] {
        let path = shipped(&format!("kubernetes/{policy}/policy.toml"));
        let read = PolicyFile::new(path, methods.grantable()).load().await;
        assert!(read.is_ok(), "{}", read.err().unwrap());
    }
}
