//! What can never be right is refused before Grid is asked, with a `BadRequest` that names every such field; the rest is
//! Grid's business.

mod agreements;
mod customers;
mod documents;
mod ids;
mod pages;

use prost_reflect::{DynamicMessage, FieldDescriptor, ReflectMessage as _, Value as Field};
use tonic::Code;

use crate::support::api::Rpc;
use crate::support::details::Details;
use crate::support::stage::Stage;

/// Makes a call that has to be refused for exactly these fields, without a request to Grid; what is said of each.
async fn refused(stage: &Stage, rpc: &Rpc, messages: Vec<DynamicMessage>, paths: &[&str]) -> Vec<String> {
    let status = match stage.gateway.call(rpc, messages).await {
        Ok(answer) => panic!("{} was not refused for {paths:?}, but answered {answer}", rpc.name),
        Err(status) => status,
    };
    let details = Details::of(&status);
    assert_eq!(status.code(), Code::InvalidArgument, "{}: {status:?}", rpc.name);
    assert_eq!((details.domain.as_str(), details.reason.as_str()), ("gridgate", "INVALID_REQUEST"), "{}", rpc.name);
    assert_eq!(details.bad_paths(), paths, "{}: {:?}", rpc.name, details.bad_fields);
    assert_eq!((details.retry_after, details.pushback), (None, None), "it is no use to try again");
    assert!(stage.upstream.requests().is_empty(), "{}: Grid was asked", rpc.name);
    details.bad_fields.into_iter().map(|(_, description)| description).collect()
}

/// Sets a field, given by its path.
fn set(message: &mut DynamicMessage, path: &str, value: Field) {
    match path.split_once('.') {
        Some((outer, rest)) => {
            set(message.get_field_by_name_mut(outer).unwrap().as_message_mut().unwrap(), rest, value)
        }
        None => message.set_field_by_name(path, value),
    }
}

fn text(text: &str) -> Field {
    Field::String(text.to_owned())
}

/// A `google.protobuf.Timestamp`, right or wrong.
fn time(seconds: i64, nanos: i32) -> Field {
    let time = prost_types::Timestamp { seconds, nanos };
    let descriptor = field("ListCustomersRequest", "created_after").kind().as_message().unwrap().clone();
    let mut message = DynamicMessage::new(descriptor);
    message.transcode_from(&time).unwrap();
    Field::Message(message)
}

/// A `google.protobuf.FieldMask`.
fn mask(paths: &[&str]) -> Field {
    let descriptor = field("UpdateCustomerRequest", "update_mask").kind().as_message().unwrap().clone();
    let mut mask = DynamicMessage::new(descriptor);
    mask.set_field_by_name("paths", Field::List(paths.iter().copied().map(text).collect()));
    Field::Message(mask)
}

fn field(message: &str, name: &str) -> FieldDescriptor {
    let message = crate::support::api::POOL.get_message_by_name(&format!("gridgate.v1.{message}")).unwrap();
    message.get_field_by_name(name).unwrap()
}

/// The name of a message, for texts.
fn name(message: &DynamicMessage) -> String {
    message.descriptor().name().to_owned()
}
