//! Update masks: what they name is sent, and nothing else.

use prost_reflect::{DynamicMessage, FieldDescriptor, Kind, MessageDescriptor, ReflectMessage as _, Value as Field};
use serde_json::{Value, json};

use crate::support::api::{RPCS, Rpc};
use crate::support::equivalent::{self, Placed};
use crate::support::samples;
use crate::support::stage::Stage;

const UPDATES: [&str; 2] = ["UpdateCustomer", "UpdateBeneficialOwner"];

fn updates() -> impl Iterator<Item = (&'static Rpc, Value)> {
    let sent = samples::sent().into_iter().filter(|(name, _)| UPDATES.contains(name));
    sent.map(|(name, sent)| (Rpc::named(name), sent))
}

/// A leaf's path as a mask has it: relative to the update, and of the whole list.
fn path_of(rpc: &Rpc, leaf: &Placed) -> Option<String> {
    let within = leaf.api.strip_prefix(rpc.sent_from())?.strip_prefix('.')?;
    Some(within.split('[').next().unwrap().to_owned())
}

fn masked(message: &DynamicMessage, paths: &[String]) -> DynamicMessage {
    let mut message = message.clone();
    let field = message.descriptor().get_field_by_name("update_mask").unwrap();
    let mut mask = DynamicMessage::new(field.kind().as_message().unwrap().clone());
    let paths = paths.iter().map(|path| Field::String(path.clone())).collect();
    mask.set_field_by_name("paths", Field::List(paths));
    message.set_field(&field, Field::Message(mask));
    message
}

async fn body_of(stage: &Stage, rpc: &Rpc, message: DynamicMessage) -> Value {
    stage.gateway.call(rpc, vec![message]).await.unwrap();
    stage.received().json()
}

#[tokio::test]
async fn a_mask_of_everything_changes_nothing() {
    let stage = Stage::start().await;
    stage.answers_everything(RPCS);
    for (rpc, sent) in updates() {
        let request = equivalent::request(rpc, samples::id_for(rpc.id.unwrap()), &sent);
        let mut paths: Vec<_> = request.placed.iter().filter_map(|leaf| path_of(rpc, leaf)).collect();
        assert_eq!(body_of(&stage, rpc, masked(&request.message, &paths)).await, sent);
        paths.reverse();
        paths.extend(paths.clone());
        assert_eq!(body_of(&stage, rpc, masked(&request.message, &paths)).await, sent, "the order means nothing");
        for path in &mut paths {
            *path = path.split('.').next().unwrap().to_owned();
        }
        assert_eq!(body_of(&stage, rpc, masked(&request.message, &paths)).await, sent, "whole messages");
    }
}

#[tokio::test]
async fn a_mask_of_one_field_sends_that_field() {
    let stage = Stage::start().await;
    stage.answers_everything(RPCS);
    for (rpc, sent) in updates() {
        let request = equivalent::request(rpc, samples::id_for(rpc.id.unwrap()), &sent);
        for leaf in &request.placed {
            let Some(path) = path_of(rpc, leaf) else { continue };
            let mut expected = json!({});
            if let Some(customer_type) = sent.get("customerType") {
                expected["customerType"] = customer_type.clone();
            }
            // A mask names whole lists.
            let mut names = leaf.grid.split('[').next().unwrap().split('.').peekable();
            let (mut part, mut whole) = (&mut expected, &sent);
            while let Some(name) = names.next() {
                (part, whole) = (&mut part[name], &whole[name]);
                if names.peek().is_none() {
                    *part = whole.clone();
                }
            }
            assert_eq!(
                body_of(&stage, rpc, masked(&request.message, std::slice::from_ref(&path))).await,
                expected,
                "{path}"
            );
        }
    }
}

#[tokio::test]
async fn an_empty_list_that_is_named_is_sent_and_only_then() {
    let stage = Stage::start().await;
    stage.answers_everything(RPCS);
    for name in UPDATES {
        let rpc = Rpc::named(name);
        let mut paths = Vec::new();
        lists(&rpc.sent(), "", &mut paths);
        assert!(!paths.is_empty());
        for path in paths {
            let customer_type = if path.starts_with("business.") { "BUSINESS" } else { "INDIVIDUAL" };
            let sent = if name == "UpdateCustomer" { json!({ "customerType": customer_type }) } else { json!({}) };
            let mut request = equivalent::request(rpc, samples::id_for(rpc.id.unwrap()), &sent).message;
            if name == "UpdateCustomer" {
                // A list of the other type is named by its path alone.
                request.clear_field_by_name("customer");
            }
            assert_eq!(body_of(&stage, rpc, request.clone()).await, sent, "without a mask");
            let body = body_of(&stage, rpc, masked(&request, std::slice::from_ref(&path))).await;
            let mut empty = Vec::new();
            empty_lists(&body, &mut empty);
            let name = path.rsplit('.').next().unwrap();
            let field = lists_field(&rpc.sent(), &path);
            assert_eq!(empty, [field.json_name()], "{name} in {body}");
        }
    }
}

fn lists(message: &MessageDescriptor, at: &str, paths: &mut Vec<String>) {
    for field in message.fields() {
        let path = if at.is_empty() { field.name().to_owned() } else { format!("{at}.{}", field.name()) };
        match field.kind() {
            _ if field.is_list() => paths.push(path),
            Kind::Message(inner) if inner.package_name() == "gridgate.v1" => lists(&inner, &path, paths),
            _ => {}
        }
    }
}

fn lists_field(message: &MessageDescriptor, path: &str) -> FieldDescriptor {
    match path.split_once('.') {
        Some((outer, rest)) => {
            lists_field(message.get_field_by_name(outer).unwrap().kind().as_message().unwrap(), rest)
        }
        None => message.get_field_by_name(path).unwrap(),
    }
}

/// The names of the empty lists in it.
fn empty_lists(body: &Value, names: &mut Vec<String>) {
    for (name, value) in body.as_object().unwrap() {
        match value {
            Value::Array(items) if items.is_empty() => names.push(name.clone()),
            Value::Object(_) => empty_lists(value, names),
            _ => {}
        }
    }
}
