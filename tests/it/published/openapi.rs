//! The examples of an OpenAPI document: those written in it, and those its schemas make.

use serde_json::{Value, json};

use super::exchange::{Exchange, Part};
use super::schema::{Direction, Document};
use crate::support::api::{RPCS, Rpc};

/// Operations of Grid's that have no RPC, the second under the path that it had until June 2026.
const WITHOUT_RPC: &[(&str, &str)] = &[("post", "/webhooks/test"), ("post", "/sandbox/webhooks/test")];

/// What Grid's document of August 2026 does not have yet.
const SINCE_SEPTEMBER: &[&str] = &["ListAgreements", "DeleteBeneficialOwner", "UpdatePlatformConfig"];

/// Webhooks that carry what an RPC answers, too.
const WEBHOOKS: &[(&str, &str)] =
    &[("customer-update", "GetCustomer"), ("verification-update", "GetVerification"), ("bulk-upload", "GetImportJob")];

/// The exchanges of a document that has all of Grid's operations of its time.
pub(super) fn exchanges(document: &Value) -> Vec<Exchange> {
    let found = of_paths(document);
    let has = |name: &str| found.iter().any(|exchange| exchange.rpc.name == name);
    let is_older = !SINCE_SEPTEMBER.iter().any(|name| has(name));
    for rpc in RPCS.iter().filter(|rpc| !(is_older && SINCE_SEPTEMBER.contains(&rpc.name))) {
        assert!(has(rpc.name), "{} is not in the document", rpc.name);
    }
    let document = Document(document);
    let webhooks = WEBHOOKS.iter().flat_map(|(webhook, rpc)| of_webhook(&document, webhook, Rpc::named(rpc)));
    found.into_iter().chain(webhooks).collect()
}

/// The exchanges of the operations that there are.
pub(super) fn of_paths(document: &Value) -> Vec<Exchange> {
    let document = Document(document);
    let mut found = Vec::new();
    for (path, item) in document.0["paths"].as_object().expect("paths") {
        for method in ["get", "put", "post", "delete", "patch"] {
            let Some(operation) = item.get(method) else { continue };
            if WITHOUT_RPC.contains(&(method, path)) {
                continue;
            }
            let rpc = rpc_of(method, path).unwrap_or_else(|| panic!("{method} {path} has no RPC"));
            of_operation(&document, rpc, item, operation, &mut found);
        }
    }
    found
}

fn rpc_of(method: &str, path: &str) -> Option<&'static Rpc> {
    let segments: Vec<_> =
        path.split('/').map(|segment| if segment.starts_with('{') { "*" } else { segment }).collect();
    RPCS.iter().find(|rpc| rpc.method.eq_ignore_ascii_case(method) && rpc.path == segments.join("/"))
}

fn of_operation<'a>(
    document: &Document<'a>,
    rpc: &'static Rpc,
    item: &'a Value,
    operation: &'a Value,
    found: &mut Vec<Exchange>,
) {
    let mut add = |source: String, part| found.push(Exchange { source: format!("{}, {source}", rpc.name), rpc, part });
    for query in queries(document, item, operation) {
        add("query".to_owned(), Part::Sent(query));
    }
    if let Some(body) = operation.get("requestBody") {
        for (source, body) in bodies(document, document.resolve(body), Direction::Sent) {
            let body = without_files(body);
            add(format!("request {source}"), Part::Sent(body));
        }
    }
    for (status, response) in operation["responses"].as_object().expect("responses") {
        let status: u16 = status.parse().expect("a status");
        for (source, body) in bodies(document, document.resolve(response), Direction::Answered) {
            let part = if status < 300 { Part::Answered(status, body) } else { Part::Refused(status, body) };
            add(format!("{status} {source}"), part);
        }
    }
}

/// What a request's or response's content can be.
fn bodies<'a>(document: &Document<'a>, content: &'a Value, direction: Direction) -> Vec<(String, Value)> {
    let mut bodies = Vec::new();
    for (media_type, content) in content.get("content").and_then(Value::as_object).into_iter().flatten() {
        let named = content.get("examples").and_then(Value::as_object).into_iter().flatten();
        bodies.extend(
            named.map(|(name, example)| (format!("example {name}"), document.resolve(example)["value"].clone())),
        );
        bodies.extend(content.get("example").map(|example| ("example".to_owned(), example.clone())));
        let made = document.bodies(&content["schema"], direction).into_iter().enumerate();
        bodies.extend(made.map(|(number, body)| (format!("{media_type}, body {number}"), body)));
    }
    bodies
}

/// Every query parameter at once, and once for each word of each.
fn queries<'a>(document: &Document<'a>, item: &'a Value, operation: &'a Value) -> Vec<Value> {
    let parameters = [item, operation].into_iter().filter_map(|node| node.get("parameters")?.as_array()).flatten();
    let in_query: Vec<_> = parameters.map(|node| document.resolve(node)).filter(|node| node["in"] == "query").collect();
    if in_query.is_empty() {
        return Vec::new();
    }
    let mut queries = vec![json!({})];
    for parameter in in_query {
        let name = parameter["name"].as_str().expect("a name");
        let values = document.bodies(&parameter["schema"], Direction::Sent);
        let value = |value: &Value| match (parameter.get("example"), value) {
            (Some(Value::String(text)), _) | (None, Value::String(text)) => json!(text),
            (Some(other), _) | (None, other) => json!(other.to_string()),
        };
        for (index, first) in values.iter().enumerate() {
            if index > 0 {
                queries.push(queries[0].clone());
            }
            let last = if index == 0 { queries.len() } else { 0 };
            for query in queries.iter_mut().take(last) {
                query[name] = value(first);
            }
            if index > 0 {
                queries.last_mut().unwrap()[name] = value(first);
            }
        }
    }
    queries
}

/// Files are bytes: their place in a form is tested elsewhere.
fn without_files(mut body: Value) -> Value {
    if let Some(fields) = body.as_object_mut() {
        fields.remove("file");
    }
    body
}

/// What a webhook carries.
pub(super) fn of_webhook(document: &Document<'_>, webhook: &str, rpc: &'static Rpc) -> Vec<Exchange> {
    let body = document.resolve(&document.0["webhooks"][webhook]["post"]["requestBody"]);
    let bodies = bodies(document, body, Direction::Answered);
    assert!(!bodies.is_empty(), "the webhook {webhook} has no body");
    let exchange = |(source, body): (String, Value)| {
        let part = Part::Answered(rpc.status, body["data"].clone());
        Exchange { source: format!("webhook {webhook}, {source}"), rpc, part }
    };
    bodies.into_iter().map(exchange).collect()
}
