//! Whether what an overlay names is in it: volumes' claims and config maps, ports, pods by their labels, services by their
//! names. A schema knows nothing of that.

use std::collections::BTreeSet;

use serde_json::Value;

use super::pod::{Mount, Pod};
use super::rendered::{Rendered, entries, items};

/// Everything that is named and is not there, or does not fit together.
pub fn mistakes(rendered: &Rendered) -> Vec<String> {
    let pod = Pod::of(rendered);
    let mut mistakes = pod.missing.clone();
    mistakes.extend(of_files(rendered, &pod));
    mistakes.extend(of_the_event_log(rendered, &pod));
    mistakes.extend(of_the_deployment(rendered, &pod));
    mistakes.extend(of_ports(rendered, &pod));
    mistakes.extend(of_selectors(rendered));
    mistakes.extend(of_network_policies(rendered, &pod));
    mistakes.extend(of_meshes(rendered));
    mistakes
}

/// Paths in variables lead to files that there are.
fn of_files(rendered: &Rendered, pod: &Pod) -> Vec<String> {
    let (_, container) = rendered.pods();
    let mut mistakes = Vec::new();
    if container["securityContext"]["readOnlyRootFilesystem"] != true {
        mistakes.push("the root file system can be written to".to_owned());
    }
    for name in pod.variables.keys() {
        let path = pod.value(name).unwrap_or_default();
        let path = path.strip_prefix("sqlite:").unwrap_or(path);
        if !path.starts_with('/') {
            continue;
        }
        match pod.mount_of(path) {
            None => mistakes.push(format!("{name}: {path} is on no volume")),
            Some((Mount::Files(files), rest)) if !files.contains_key(rest) => {
                mistakes.push(format!("{name}: {path} is not a file of its volume"));
            }
            Some(_) => {}
        }
    }
    mistakes
}

/// SQLite is for one process and on a volume that stays; JetStream is for several, whose tables are in the temporary directory.
fn of_the_event_log(rendered: &Rendered, pod: &Pod) -> Vec<String> {
    let spec = &rendered.all("Deployment").next().unwrap()["spec"];
    let log = pod.value("GRIDGATE_EVENT_LOG").unwrap_or_default();
    let fits = if let Some(path) = log.strip_prefix("sqlite:") {
        spec["replicas"] == 1
            && spec["strategy"]["type"] == "Recreate"
            && matches!(pod.mount_of(path), Some((Mount::Kept, _)))
    } else {
        let directory = pod.value("TMPDIR").unwrap_or("/tmp");
        log.starts_with("nats://") && matches!(pod.mount_of(directory), Some((Mount::Scratch, _)))
    };
    (!fits).then(|| format!("the event log {log} has no place")).into_iter().collect()
}

fn of_the_deployment(rendered: &Rendered, pod: &Pod) -> Vec<String> {
    let (template, container) = rendered.pods();
    let mut mistakes = Vec::new();
    let account = &template["spec"]["serviceAccountName"];
    if rendered.find("ServiceAccount", account).is_none() {
        mistakes.push(format!("service account {account}"));
    }
    let grace = pod.value("GRIDGATE_SHUTDOWN_GRACE_PERIOD").and_then(|value| value.strip_suffix('s')?.parse().ok());
    let given = template["spec"]["terminationGracePeriodSeconds"].as_u64();
    if grace.zip(given).is_none_or(|(grace, given): (u64, u64)| given <= grace) {
        mistakes.push(format!("a grace period of {given:?} s is not longer than gridgate's own"));
    }
    for probe in ["startupProbe", "readinessProbe", "livenessProbe"] {
        let probe = &container[probe];
        let port = [&probe["httpGet"]["port"], &probe["grpc"]["port"]].into_iter().find(|port| !port.is_null());
        if port.is_none_or(|port| !has_port(container, port)) {
            mistakes.push(format!("the port of {probe}"));
        }
    }
    mistakes
}

/// Whether a container has a port of this name or number.
fn has_port(container: &Value, port: &Value) -> bool {
    items(&container["ports"]).any(|known| known["name"] == *port || known["containerPort"] == *port)
}

fn numbers(container: &Value) -> BTreeSet<u64> {
    items(&container["ports"]).filter_map(|port| port["containerPort"].as_u64()).collect()
}

/// The ports of the container are those that the settings name, and what else names ports names these.
fn of_ports(rendered: &Rendered, pod: &Pod) -> Vec<String> {
    let (template, container) = rendered.pods();
    let mut mistakes = Vec::new();
    let listening = ["GRPC", "WEBHOOK", "ADMIN"].map(|port| {
        let address = pod.value(&format!("GRIDGATE_{port}_ADDR")).unwrap_or_default();
        address.strip_prefix("0.0.0.0:").and_then(|port| port.parse().ok()).unwrap_or_default()
    });
    if numbers(container) != BTreeSet::from(listening) {
        mistakes.push(format!("the container's ports are not {listening:?}"));
    }
    for service in rendered.all("Service") {
        for port in items(&service["spec"]["ports"]) {
            if !has_port(container, &port["targetPort"]) {
                mistakes.push(format!("the target of {port}"));
            }
        }
    }
    let admin = listening[2].to_string();
    let by_number =
        ["prometheus.io/port", "traffic.sidecar.istio.io/excludeInboundPorts", "config.linkerd.io/skip-inbound-ports"];
    for (name, value) in entries(&template["metadata"]["annotations"]) {
        if by_number.contains(&name.as_str()) && *value != *admin {
            mistakes.push(format!("{name}: {value} is not the admin port"));
        }
    }
    mistakes
}

/// Whether pods with these labels are selected.
fn selects(selector: &Value, labels: &Value) -> bool {
    let mut wanted = entries(selector).peekable();
    wanted.peek().is_some() && wanted.all(|(name, value)| labels[name] == *value)
}

/// What selects gridgate's pods does so, by their labels.
fn of_selectors(rendered: &Rendered) -> Vec<String> {
    let (template, _) = rendered.pods();
    let labels = &template["metadata"]["labels"];
    let by_kind = [
        ("Deployment", "/spec/selector/matchLabels"),
        ("Service", "/spec/selector"),
        ("PodDisruptionBudget", "/spec/selector/matchLabels"),
        ("NetworkPolicy", "/spec/podSelector/matchLabels"),
        ("PeerAuthentication", "/spec/selector/matchLabels"),
    ];
    let mut mistakes = Vec::new();
    for (kind, path) in by_kind {
        for object in rendered.all(kind) {
            if object.pointer(path).is_none_or(|selector| !selects(selector, labels)) {
                mistakes.push(format!("{kind} {} selects other pods", object["metadata"]["name"]));
            }
        }
    }
    for constraint in items(&template["spec"]["topologySpreadConstraints"]) {
        if !selects(&constraint["labelSelector"]["matchLabels"], labels) {
            mistakes.push(format!("{constraint} is about other pods"));
        }
    }
    mistakes
}

/// What has to get in and out does.
fn of_network_policies(rendered: &Rendered, pod: &Pod) -> Vec<String> {
    let (template, container) = rendered.pods();
    let Some(policy) = rendered.all("NetworkPolicy").next() else { return vec!["no network policy".to_owned()] };
    let mut mistakes = Vec::new();
    let ports =
        |rule: &Value| -> BTreeSet<u64> { items(&rule["ports"]).filter_map(|port| port["port"].as_u64()).collect() };
    let open: BTreeSet<u64> = items(&policy["spec"]["ingress"]).flat_map(ports).collect();
    if !numbers(container).is_subset(&open) {
        mistakes.push(format!("the network policy lets connect to {open:?} only"));
    }
    let egress: Vec<_> = items(&policy["spec"]["egress"]).collect();
    let lets_out = |namespace: &str, port: u64| {
        egress.iter().any(|rule| {
            ports(rule).contains(&port)
                && items(&rule["to"])
                    .any(|to| to["namespaceSelector"]["matchLabels"]["kubernetes.io/metadata.name"] == namespace)
        })
    };
    if !lets_out("kube-system", 53) {
        mistakes.push("the network policy lets nobody ask for names".to_owned());
    }
    // nats://SERVICE.NAMESPACE.svc…:PORT
    let log = pod.value("GRIDGATE_EVENT_LOG").unwrap_or_default();
    if let Some((host, port)) = log.strip_prefix("nats://").and_then(|address| address.rsplit_once(':')) {
        let namespace = host.split('.').nth(1).unwrap_or_default();
        if !port.parse().is_ok_and(|port| lets_out(namespace, port)) {
            mistakes.push(format!("the network policy lets nobody out to {log}"));
        }
    }
    // Kustomize adds gridgate's labels to every selector of pods that it finds, those of other people's pods too.
    let peers = ["ingress", "egress"].into_iter().flat_map(|way| items(&policy["spec"][way]));
    let peers = peers.flat_map(|rule| items(&rule["from"]).chain(items(&rule["to"])));
    for peer in peers.filter(|peer| !peer["namespaceSelector"].is_null()) {
        let ours = entries(&template["metadata"]["labels"]);
        let wanted = &peer["podSelector"]["matchLabels"];
        if ours.into_iter().any(|(name, value)| wanted[name] == *value) {
            mistakes.push(format!("{peer} wants gridgate's own labels"));
        }
    }
    mistakes
}

/// Routes lead to services that there are, by ports that they have.
fn of_meshes(rendered: &Rendered) -> Vec<String> {
    let (_, container) = rendered.pods();
    let mut mistakes = Vec::new();
    let mut service = |name: &str, port: &Value| {
        let service = rendered.find("Service", &Value::from(name));
        let found = service.is_some_and(|service| {
            port.is_null() || items(&service["spec"]["ports"]).any(|known| known["port"] == *port)
        });
        if !found {
            mistakes.push(format!("service {name}, port {port}"));
        }
    };
    let name_of = |host: &Value| -> String {
        let host = host.as_str().unwrap_or_default();
        host.strip_suffix(".gridgate.svc.cluster.local").unwrap_or_default().to_owned()
    };
    for object in rendered.all("VirtualService") {
        items(&object["spec"]["hosts"]).for_each(|host| service(&name_of(host), &Value::Null));
        for route in items(&object["spec"]["http"]).flat_map(|http| items(&http["route"])) {
            service(&name_of(&route["destination"]["host"]), &route["destination"]["port"]["number"]);
        }
    }
    for object in rendered.all("DestinationRule") {
        service(&name_of(&object["spec"]["host"]), &Value::Null);
    }
    for object in rendered.all("GRPCRoute") {
        let rules = items(&object["spec"]["rules"]).flat_map(|rule| items(&rule["backendRefs"]));
        for reference in items(&object["spec"]["parentRefs"]).chain(rules) {
            service(reference["name"].as_str().unwrap_or_default(), &reference["port"]);
        }
    }
    for object in rendered.all("PeerAuthentication") {
        for (port, _) in entries(&object["spec"]["portLevelMtls"]) {
            if !port.parse().is_ok_and(|port| numbers(container).contains(&port)) {
                mistakes.push(format!("portLevelMtls {port}"));
            }
        }
    }
    mistakes
}
