//! Every overlay: nothing is missing in it, and the program starts with what its pods get.

use std::fs;

use aws_lc_rs::encoding::AsDer as _;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use gridgate::config::settings;
use serde_json::{Value, json};

use super::pod::{Mount, Pod, Variable};
use super::references::mistakes;
use super::rendered::{OVERLAYS, Rendered, entries, items};
use crate::support::fake_grid::{FakeGrid, Reply};
use crate::support::nats::Nats;
use crate::support::process::Process;
use crate::support::soon;

#[tokio::test]
async fn whatever_an_overlay_names_is_there() {
    for overlay in OVERLAYS {
        let rendered = Rendered::of(overlay).await;
        assert!(rendered.objects.len() >= 9, "{overlay}: {:#?}", rendered.objects);
        assert_eq!(mistakes(&rendered), Vec::<String>::new(), "{overlay}");
    }
}

#[tokio::test]
async fn what_is_missing_is_noticed() {
    type Break = fn(&mut Rendered);
    let in_jetstream: [(&str, Break); 14] = [
        ("gridgate-data", |it| {
            let volumes = &mut it.one_mut("Deployment")["spec"]["template"]["spec"]["volumes"];
            volumes[0] = json!({ "name": "data", "persistentVolumeClaim": { "claimName": "gridgate-data" } });
        }),
        ("source", |it| {
            it.one_mut("Deployment")["spec"]["template"]["spec"]["volumes"][0]["secret"] = json!({});
        }),
        ("volume", |it| {
            it.one_mut("Deployment")["spec"]["template"]["spec"]["volumes"][0]["name"] = json!("other");
        }),
        ("has no place", |it| {
            let variables = &mut it.one_mut("Deployment")["spec"]["template"]["spec"]["containers"][0]["env"];
            variables.as_array_mut().unwrap().retain(|variable| variable["name"] != "TMPDIR");
        }),
        ("gridgate-policy", |it| {
            it.objects.retain(|object| object["metadata"]["name"] != "gridgate-policy");
        }),
        ("config map", |it| {
            it.objects
                .retain(|object| object["kind"] != "ConfigMap" || object["metadata"]["name"] == "gridgate-policy");
        }),
        ("service account", |it| it.objects.retain(|object| object["kind"] != "ServiceAccount")),
        ("target", |it| it.one_mut("Service")["spec"]["ports"][0]["targetPort"] = json!("http")),
        ("PodDisruptionBudget", |it| {
            it.one_mut("PodDisruptionBudget")["spec"]["selector"]["matchLabels"]["app"] = json!("gridgate");
        }),
        ("own labels", |it| {
            it.one_mut("NetworkPolicy")["spec"]["egress"][0]["to"][0]["podSelector"] =
                json!({ "matchLabels": { "app.kubernetes.io/name": "gridgate", "k8s-app": "kube-dns" } });
        }),
        ("out to nats", |it| {
            it.one_mut("NetworkPolicy")["spec"]["egress"].as_array_mut().unwrap().pop();
        }),
        ("the port of", |it| {
            it.one_mut("Deployment")["spec"]["template"]["spec"]["containers"][0]["livenessProbe"]["httpGet"]["port"] =
                json!("metrics");
        }),
        ("grace period", |it| {
            it.one_mut("Deployment")["spec"]["template"]["spec"]["terminationGracePeriodSeconds"] = json!(25);
        }),
        ("not the admin port", |it| {
            it.one_mut("Deployment")["spec"]["template"]["metadata"]["annotations"]["prometheus.io/port"] = json!("80");
        }),
    ];
    let sound = Rendered::of("overlays/jetstream").await;
    for (expected, damage) in in_jetstream {
        let mut broken = sound.clone();
        damage(&mut broken);
        let found = mistakes(&broken);
        assert!(found.iter().any(|mistake| mistake.contains(expected)), "{expected}: {found:?}");
    }
    for (overlay, kind, path) in [
        ("overlays/istio", "VirtualService", "/spec/http/0/route/0/destination/port/number"),
        ("overlays/istio", "DestinationRule", "/spec/host"),
        ("overlays/linkerd", "GRPCRoute", "/spec/rules/0/backendRefs/0/name"),
    ] {
        let mut broken = Rendered::of(overlay).await;
        *broken.one_mut(kind).pointer_mut(path).unwrap() = Value::from("elsewhere");
        assert_eq!(mistakes(&broken).len(), 1, "{kind}{path}");
    }
}

/// The program with the variables and files of a pod, except for where others are. It may write where the pod may.
async fn start_as(pod: &Pod, nats: &Nats) {
    let key = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).unwrap();
    let spki = STANDARD.encode(key.public_key().as_der().unwrap().as_ref());
    let pem = format!("-----BEGIN PUBLIC KEY-----\n{spki}\n-----END PUBLIC KEY-----\n");
    let secret = |key: &str| if key == "webhook-pubkey" { pem.clone() } else { "made-up".to_owned() };

    let root = tempfile::tempdir().unwrap();
    let here = |path: &str| root.path().join(path.trim_start_matches('/'));
    for (at, mount) in &pod.mounts {
        fs::create_dir_all(here(at)).unwrap();
        if let Mount::Files(files) = mount {
            for (name, contents) in files {
                fs::write(here(at).join(name), contents.clone().unwrap_or_else(|| secret(name))).unwrap();
            }
        }
    }
    let upstream = FakeGrid::start().await;
    upstream.on("GET", "/customers", Reply::json(200, json!({ "data": [], "hasMore": false })));
    upstream.on("GET", "/config", Reply::json(200, json!({})));
    // Where the pod names none it is below a root that can't be written to.
    let mut variables = vec![("TMPDIR".to_owned(), here("/tmp").display().to_string())];
    for (name, variable) in &pod.variables {
        let value = match variable {
            Variable::Secret(key) => secret(key),
            Variable::Is(value) if value.starts_with('/') => here(value).display().to_string(),
            Variable::Is(value) if value.starts_with("nats://") => nats.url(),
            Variable::Is(value) => match (value.strip_prefix("sqlite:"), name.strip_suffix("_ADDR")) {
                (Some(path), _) => format!("sqlite:{}", here(path).display()),
                (_, Some(_)) => "0.0.0.0:0".to_owned(),
                _ => value.clone(),
            },
        };
        variables.push((name.clone(), value));
    }
    variables.push(("LIGHTSPARK_GRID_BASE_URL".to_owned(), upstream.base_url()));
    variables
        .push(("GRIDGATE_NATS_PREFIX".to_owned(), format!("pod-{:.20}", uuid::Uuid::new_v4().simple().to_string())));
    variables.push(("GRIDGATE_NATS_REPLICAS".to_owned(), "1".to_owned()));
    let variables: Vec<_> = variables.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let mut program = Process::start_in(root.path(), &["serve"], &variables);
    let addresses = program.json_line().await;
    let admin = addresses["admin"].replace("0.0.0.0", "127.0.0.1");
    for path in ["livez", "readyz"] {
        let answer = soon("an answer", reqwest::get(format!("http://{admin}/{path}"))).await.unwrap();
        assert_eq!(answer.status(), 200, "{path}");
    }
}

#[tokio::test]
async fn the_program_starts_as_its_pods_start_it() {
    let nats = Nats::shared_single().await;
    for overlay in OVERLAYS {
        let pod = Pod::of(&Rendered::of(overlay).await);
        let known = |name: &str| settings::ALL.iter().any(|setting| setting.env == name) || name == "TMPDIR";
        let unknown: Vec<_> = pod.variables.keys().filter(|name| !known(name)).collect();
        assert_eq!(unknown, Vec::<&String>::new(), "{overlay}");
        start_as(&pod, &nats).await;
    }
}

/// A mesh's proxy connects from within the pod, so what it lets through to the admin port would look like a tool on the
/// machine; and a limit of its own for a try would answer before the caller's deadline.
#[tokio::test]
async fn meshes_leave_the_admin_port_and_deadlines_alone() {
    for (overlay, name) in [
        ("overlays/istio", "traffic.sidecar.istio.io/excludeInboundPorts"),
        ("overlays/linkerd", "config.linkerd.io/skip-inbound-ports"),
    ] {
        let rendered = Rendered::of(overlay).await;
        assert_eq!(rendered.pods().0["metadata"]["annotations"][name], "9090", "{overlay}");
        let http = rendered.all("VirtualService").flat_map(|service| items(&service["spec"]["http"]));
        for route in http {
            assert_eq!(route["timeout"], "0s", "{route}");
            assert!(route["retries"]["perTryTimeout"].is_null(), "{route}");
        }
        for route in rendered.all("GRPCRoute") {
            let limits = entries(&route["metadata"]["annotations"]).filter(|(name, _)| name.contains("timeout"));
            assert_eq!(limits.count(), 0, "{route}");
        }
    }
}
