//! Messages and statuses as trees, by reflection: nothing here knows any single message.

use super::tree::Tree;
use crate::pb;
use heck::{ToShoutySnakeCase as _, ToSnakeCase as _};
use prost::Message as _;
use prost_reflect::{
    DescriptorError, DescriptorPool, DynamicMessage, Kind, MapKey, MethodDescriptor, ReflectMessage as _, Value,
};
use serde_json::Value as Json;
use tonic::Status;

/// The package of the API.
const PACKAGE: &str = "gridgate.v1";

/// What ends the name of a field that repeats Grid's own word for the enum beside it.
const RAW: &str = "_raw";

/// The descriptors of the API and of error details.
pub(super) struct Reflection {
    pool: DescriptorPool,
}

impl Reflection {
    /// Reads the descriptors that were compiled in.
    ///
    /// # Errors
    /// They cannot be read.
    pub(super) fn new() -> Result<Self, DescriptorError> {
        Ok(Reflection { pool: DescriptorPool::decode(pb::FILE_DESCRIPTOR_SET)? })
    }

    /// Every method of the package.
    pub(super) fn methods(&self) -> impl Iterator<Item = MethodDescriptor> {
        let services = self.pool.services().filter(|service| service.package_name() == PACKAGE);
        services.flat_map(|service| service.methods().collect::<Vec<_>>())
    }

    /// The method with this name, which no two services share.
    pub(super) fn method(&self, name: &str) -> Option<MethodDescriptor> {
        self.methods().find(|method| method.name() == name)
    }

    /// Every message of the API and of error details.
    #[cfg(test)]
    pub(super) fn messages(&self) -> impl Iterator<Item = prost_reflect::MessageDescriptor> {
        self.pool.all_messages()
    }

    /// A status: code, message, and each detail under its name, such as `error_info`.
    pub(super) fn status(&self, status: &Status) -> Tree {
        let mut fields = vec![
            ("code".to_owned(), Tree::Word(code_name(status.code()))),
            ("message".to_owned(), status.message().into()),
        ];
        let details = tonic_types::pb::Status::decode(status.details()).unwrap_or_default().details;
        for any in details {
            let full_name = any.type_url.rsplit('/').next().unwrap_or_default();
            let name = full_name.rsplit('.').next().unwrap_or_default().to_snake_case();
            let descriptor = self.pool.get_message_by_name(full_name);
            let message = descriptor.and_then(|detail| DynamicMessage::decode(detail, &*any.value).ok());
            let unreadable = || Tree::Note(format!("{} bytes that cannot be read", any.value.len()));
            fields.push((name, message.as_ref().map_or_else(unreadable, of_message)));
        }
        Tree::Object(fields)
    }
}

/// The name of a method as the demo tells it: `Service/Method`.
pub(super) fn full_name(method: &MethodDescriptor) -> String {
    format!("{}/{}", method.parent_service().name(), method.name())
}

/// The name of a gRPC code as the specification writes it.
pub(super) fn code_name(code: tonic::Code) -> String {
    format!("{code:?}").to_shouty_snake_case()
}

/// A message as a tree.
pub(super) fn of_message(message: &DynamicMessage) -> Tree {
    if let Some(text) = well_known(message) {
        return text;
    }
    let mut fields = Vec::new();
    for field in message.descriptor().fields().filter(|field| message.has_field(field)) {
        if !is_repetition(message, field.name()) {
            fields.push((field.name().to_owned(), of_value(&message.get_field(&field), &field.kind())));
        }
    }
    Tree::Object(fields)
}

/// Whether a field says again what the enum beside it says.
fn is_repetition(message: &DynamicMessage, name: &str) -> bool {
    let value = name.strip_suffix(RAW).and_then(|name| message.get_field_by_name(name));
    matches!(value.as_deref(), Some(Value::EnumNumber(number)) if *number != 0)
}

/// The messages of `google.protobuf` that JSON has a form of its own for.
fn well_known(message: &DynamicMessage) -> Option<Tree> {
    let descriptor = message.descriptor();
    if descriptor.package_name() != "google.protobuf" {
        return None;
    }
    match (descriptor.name(), serde_json::to_value(message).ok()?) {
        // JSON has its paths in other letters.
        ("FieldMask", _) => {
            let paths = message.get_field_by_name("paths")?;
            let paths = paths.as_list()?.iter().filter_map(Value::as_str).collect::<Vec<_>>();
            Some(Tree::Text(paths.join(",")))
        }
        ("Timestamp" | "Duration", Json::String(text)) => Some(Tree::Word(text)),
        (_, json) => Some(json.into()),
    }
}

fn of_value(value: &Value, kind: &Kind) -> Tree {
    match value {
        Value::Bool(value) => Tree::Bool(*value),
        Value::I32(value) => Tree::Number((*value).into()),
        Value::I64(value) => Tree::Number((*value).into()),
        Value::U32(value) => Tree::Number((*value).into()),
        Value::U64(value) => Tree::Number((*value).into()),
        Value::F32(value) => Json::from(*value).into(),
        Value::F64(value) => Json::from(*value).into(),
        Value::String(text) => Tree::Text(text.clone()),
        Value::Bytes(bytes) => Tree::Note(format!("{} bytes", bytes.len())),
        Value::EnumNumber(number) => {
            let name = kind.as_enum().and_then(|kind| kind.get_value(*number)).map(|value| value.name().to_owned());
            Tree::Word(name.unwrap_or_else(|| number.to_string()))
        }
        Value::Message(message) => of_message(message),
        Value::List(items) => Tree::List(items.iter().map(|item| of_value(item, kind)).collect()),
        Value::Map(entries) => {
            let name = |key: &MapKey| key.as_str().map_or_else(|| format!("{key:?}"), str::to_owned);
            let entries = entries.iter().map(|(key, value)| (name(key), of_value(value, kind)));
            let mut fields: Vec<_> = entries.collect();
            fields.sort_by(|(this, _), (that, _)| this.cmp(that));
            Tree::Object(fields)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use tonic::Code;
    use tonic_types::{ErrorDetails, StatusExt as _};

    fn json_of(tree: &Tree) -> serde_json::Value {
        serde_json::to_value(tree).unwrap()
    }

    fn shown(message: &impl prost::Message, name: &str) -> serde_json::Value {
        let descriptor = Reflection::new().unwrap().pool.get_message_by_name(&format!("{PACKAGE}.{name}")).unwrap();
        json_of(&of_message(&DynamicMessage::decode(descriptor, message.encode_to_vec().as_slice()).unwrap()))
    }

    #[test]
    fn the_methods_are_those_of_the_package() {
        let methods: Vec<_> = Reflection::new().unwrap().methods().map(|method| full_name(&method)).collect();
        assert!(methods.iter().any(|method| method == "CustomerService/CreateCustomer"));
        assert!(!methods.iter().any(|method| method.contains("ServerReflection")));
    }

    #[test]
    fn no_two_services_have_a_method_of_the_same_name() {
        let reflection = Reflection::new().unwrap();
        for method in reflection.methods() {
            assert_eq!(reflection.method(method.name()), Some(method));
        }
    }

    #[test]
    fn a_request_shows_what_is_set() {
        let request = pb::UpdateCustomerRequest {
            customer_id: "Customer:1".to_owned(),
            customer_type: pb::CustomerType::Business.into(),
            customer: Some(pb::CustomerUpdate { email: Some(String::new()), ..pb::CustomerUpdate::default() }),
            update_mask: Some(prost_types::FieldMask { paths: vec!["email".to_owned(), "address.line1".to_owned()] }),
            ..pb::UpdateCustomerRequest::default()
        };
        let expected = json!({
            "customer_id": "Customer:1",
            "customer_type": "CUSTOMER_TYPE_BUSINESS",
            "customer": { "email": "" },
            "update_mask": "email,address.line1",
        });
        assert_eq!(shown(&request, "UpdateCustomerRequest"), expected);

        let upload = pb::UploadDocumentRequest { metadata: None, chunk: bytes::Bytes::from_static(b"secret") };
        let expected = json!({ "chunk": "6 bytes" });
        assert_eq!(shown(&upload, "UploadDocumentRequest"), expected);
    }

    #[test]
    fn a_raw_word_is_shown_where_the_enum_does_not_say_it() {
        let answer = |kyc_status: pb::KycStatus, raw: &str| {
            let kyc_status_raw = raw.to_owned();
            let customer = pb::Customer { kyc_status: kyc_status.into(), kyc_status_raw, ..pb::Customer::default() };
            let response = pb::GetCustomerResponse { customer: Some(customer) };
            shown(&response, "GetCustomerResponse")
        };
        let known = json!({ "customer": { "kyc_status": "KYC_STATUS_HOLD" } });
        assert_eq!(answer(pb::KycStatus::Hold, "HOLD"), known);
        assert_eq!(answer(pb::KycStatus::Unspecified, "PAUSED"), json!({ "customer": { "kyc_status_raw": "PAUSED" } }));
    }

    #[test]
    fn times_and_structs_look_as_in_json() {
        let kind = prost_types::value::Kind::NumberValue(3.0);
        let fields = [("row".to_owned(), prost_types::Value { kind: Some(kind) })];
        let details = prost_types::Struct { fields: fields.into_iter().collect() };
        let job = pb::ImportJob {
            errors: vec![pb::ImportJobError { details: Some(details), ..pb::ImportJobError::default() }],
            completed_at: Some(prost_types::Timestamp { seconds: 1_768_487_400, nanos: 500_000_000 }),
            ..pb::ImportJob::default()
        };
        let response = pb::GetImportJobResponse { import_job: Some(job) };
        let expected = json!({
            "import_job": { "errors": [{ "details": { "row": 3 } }], "completed_at": "2026-01-15T14:30:00.500Z" },
        });
        assert_eq!(shown(&response, "GetImportJobResponse"), expected);
    }

    #[test]
    fn a_status_shows_its_details_by_name() {
        let reflection = Reflection::new().unwrap();
        let mut details = ErrorDetails::new();
        details.set_error_info("CONFLICT", "grid.lightspark.com", []).add_bad_request_violation("email", "is bad");
        let status = Status::with_error_details(Code::AlreadyExists, "taken", details);
        let expected = json!({
            "code": "ALREADY_EXISTS",
            "message": "taken",
            "error_info": { "reason": "CONFLICT", "domain": "grid.lightspark.com" },
            "bad_request": { "field_violations": [{ "field": "email", "description": "is bad" }] },
        });
        assert_eq!(json_of(&reflection.status(&status)), expected);
    }
}
