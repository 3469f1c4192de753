//! `google.api.field_behavior` says what gridgate does: an empty request is refused for exactly the fields that are REQUIRED.

use crate::support::api::{POOL, RPCS, Rpc};
use crate::support::details::Details;
use crate::support::stage::Stage;
use prost_reflect::{DynamicMessage, FieldDescriptor, MessageDescriptor, Value};

/// `google.api.FieldBehavior.REQUIRED`.
const REQUIRED: i32 = 2;

fn is_required(field: &FieldDescriptor) -> bool {
    let option = POOL.get_extension_by_name("google.api.field_behavior").unwrap();
    let options = field.options();
    let Value::List(behaviors) = options.get_extension(&option).into_owned() else { panic!("a list") };
    behaviors.contains(&Value::EnumNumber(REQUIRED))
}

/// The paths of the fields of an RPC's request that are marked as required.
fn marked(rpc: &Rpc) -> Vec<String> {
    let prefix = if has_metadata(rpc) { "metadata." } else { "" };
    let message = if has_metadata(rpc) { rpc.sent() } else { rpc.request() };
    message.fields().filter(is_required).map(|field| format!("{prefix}{}", field.name())).collect()
}

fn has_metadata(rpc: &Rpc) -> bool {
    rpc.sent_from() == "metadata"
}

fn empty_request(rpc: &Rpc) -> DynamicMessage {
    let mut message = DynamicMessage::new(rpc.request());
    if has_metadata(rpc) {
        message.set_field_by_name("metadata", Value::Message(DynamicMessage::new(rpc.sent())));
    }
    message
}

#[tokio::test]
async fn an_empty_request_is_refused_for_what_is_required() {
    let stage = Stage::start().await;
    let mut checked = 0;
    for rpc in RPCS.iter().filter(|rpc| !marked(rpc).is_empty()) {
        let status = stage.gateway.call(rpc, vec![empty_request(rpc)]).await.unwrap_err();
        let bad = Details::of(&status).bad_fields;
        let missing = bad.into_iter().filter(|(_, description)| description == "is required");
        assert_eq!(missing.map(|(path, _)| path).collect::<Vec<_>>(), marked(rpc), "{}: {status:?}", rpc.name);
        checked += 1;
    }
    assert!(checked > 15, "{checked}");
    assert!(stage.upstream.requests().is_empty());
}

#[test]
fn what_a_comment_calls_required_is_marked() {
    let mut seen = 0;
    for message in POOL.all_messages().filter(|message| message.package_name() == "gridgate.v1") {
        for field in message.fields() {
            let comment = comment_of(&message, &field);
            assert_eq!(comment.ends_with("Required."), is_required(&field), "{}: {comment}", field.full_name());
            seen += usize::from(is_required(&field));
        }
    }
    assert!(seen > 15, "{seen}");
}

/// The comment above a field.
fn comment_of(message: &MessageDescriptor, field: &FieldDescriptor) -> String {
    let file = message.parent_file();
    let locations = &file.file_descriptor_proto().source_code_info.as_ref().unwrap().location;
    let location = locations.iter().find(|location| location.path == field.path()).unwrap();
    location.leading_comments().trim().to_owned()
}
