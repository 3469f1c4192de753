//! Messages and statuses as trees, by reflection: nothing here knows any single message.

use super::tree::Tree;
use crate::pb;
use heck::ToSnakeCase as _;
use prost::Message;
use prost_reflect::{
    DescriptorError, DescriptorPool, DynamicMessage, Kind, MapKey, MessageDescriptor, ReflectMessage as _, Value,
};
use serde_json::Number;
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
        let mut pool = DescriptorPool::decode(pb::FILE_DESCRIPTOR_SET)?;
        pool.decode_file_descriptor_set(tonic_types::pb::FILE_DESCRIPTOR_SET)?;
        Ok(Reflection { pool })
    }

    /// Every method of the package, as `Service/Method`.
    pub(super) fn methods(&self) -> Vec<String> {
        let services = self.pool.services().filter(|service| service.package_name() == PACKAGE);
        services
            .flat_map(|service| {
                service.methods().map(|method| method_name(service.name(), method.name())).collect::<Vec<_>>()
            })
            .collect()
    }

    /// A request of a method.
    pub(super) fn request(&self, service: &str, method: &str, message: &impl Message) -> Tree {
        self.tree(self.find(service, method).map(|method| method.input()), &message.encode_to_vec())
    }

    /// A response of a method.
    pub(super) fn response(&self, service: &str, method: &str, message: &impl Message) -> Tree {
        self.tree(self.find(service, method).map(|method| method.output()), &message.encode_to_vec())
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
            fields.push((name, self.tree(self.pool.get_message_by_name(full_name), &any.value)));
        }
        Tree::Object(fields)
    }

    fn find(&self, service: &str, method: &str) -> Option<prost_reflect::MethodDescriptor> {
        let service = self.pool.get_service_by_name(&format!("{}.{service}", PACKAGE))?;
        service.methods().find(|candidate| candidate.name() == method)
    }

    fn tree(&self, descriptor: Option<MessageDescriptor>, encoded: &[u8]) -> Tree {
        match descriptor.map(|descriptor| DynamicMessage::decode(descriptor, encoded)) {
            Some(Ok(message)) => of_message(&message),
            Some(Err(_)) | None => Tree::Note(format!("{} bytes that cannot be read", encoded.len())),
        }
    }
}

/// The name of a method as the demo writes it.
pub(super) fn method_name(service: &str, method: &str) -> String {
    format!("{service}/{method}")
}

/// The name of a gRPC code as the specification writes it.
pub(super) fn code_name(code: tonic::Code) -> String {
    use heck::ToShoutySnakeCase as _;
    format!("{code:?}").to_shouty_snake_case()
}

fn of_message(message: &DynamicMessage) -> Tree {
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
    match message.descriptor().full_name() {
        "google.protobuf.Timestamp" => {
            let time = message.transcode_to::<prost_types::Timestamp>().ok()?;
            let time = jiff::Timestamp::new(time.seconds, time.nanos).ok()?;
            Some(Tree::Word(time.to_string()))
        }
        "google.protobuf.Duration" => {
            let duration = message.transcode_to::<prost_types::Duration>().ok()?;
            Some(Tree::Word(duration.to_string()))
        }
        "google.protobuf.FieldMask" => {
            let paths = message.get_field_by_name("paths")?;
            let paths = paths.as_list()?.iter().filter_map(Value::as_str).collect::<Vec<_>>();
            Some(Tree::Text(paths.join(",")))
        }
        "google.protobuf.Struct" => Some(of_value(message.get_field_by_name("fields")?.as_ref(), &Kind::String)),
        "google.protobuf.ListValue" => Some(of_value(message.get_field_by_name("values")?.as_ref(), &Kind::String)),
        "google.protobuf.Value" => {
            let field = message.descriptor().fields().find(|field| message.has_field(field));
            match field {
                Some(field) if field.name() != "null_value" => {
                    Some(of_value(&message.get_field(&field), &field.kind()))
                }
                Some(_) | None => Some(Tree::Word("null".to_owned())),
            }
        }
        _ => None,
    }
}

fn of_value(value: &Value, kind: &Kind) -> Tree {
    match value {
        Value::Bool(value) => Tree::Bool(*value),
        Value::I32(value) => Tree::Number((*value).into()),
        Value::I64(value) => Tree::Number((*value).into()),
        Value::U32(value) => Tree::Number((*value).into()),
        Value::U64(value) => Tree::Number((*value).into()),
        Value::F32(value) => of_float((*value).into()),
        Value::F64(value) => of_float(*value),
        Value::String(text) => Tree::Text(text.clone()),
        Value::Bytes(bytes) => Tree::Note(format!("{} bytes", bytes.len())),
        Value::EnumNumber(number) => {
            let name = kind.as_enum().and_then(|kind| kind.get_value(*number)).map(|value| value.name().to_owned());
            Tree::Word(name.unwrap_or_else(|| number.to_string()))
        }
        Value::Message(message) => of_message(message),
        Value::List(items) => Tree::List(items.iter().map(|item| of_value(item, kind)).collect()),
        Value::Map(entries) => {
            let mut fields: Vec<_> = entries.iter().map(|(key, value)| (of_key(key), of_value(value, kind))).collect();
            fields.sort_by(|(this, _), (that, _)| this.cmp(that));
            Tree::Object(fields)
        }
    }
}

fn of_float(value: f64) -> Tree {
    // What JSON keeps as a float is shown as the whole number that it is.
    let whole = format!("{value}").parse::<i64>().ok().map(Number::from);
    whole.or_else(|| Number::from_f64(value)).map_or_else(|| Tree::Word(value.to_string()), Tree::Number)
}

fn of_key(key: &MapKey) -> String {
    match key {
        MapKey::Bool(key) => key.to_string(),
        MapKey::I32(key) => key.to_string(),
        MapKey::I64(key) => key.to_string(),
        MapKey::U32(key) => key.to_string(),
        MapKey::U64(key) => key.to_string(),
        MapKey::String(key) => key.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use tonic::Code;
    use tonic_types::{ErrorDetails, StatusExt as _};

    fn shown(tree: &Tree) -> serde_json::Value {
        serde_json::to_value(tree).unwrap()
    }

    #[test]
    fn the_methods_are_those_of_the_package() {
        let methods = Reflection::new().unwrap().methods();
        assert!(methods.iter().any(|method| method == "CustomerService/CreateCustomer"));
        assert!(!methods.iter().any(|method| method.contains("ServerReflection")));
    }

    #[test]
    fn a_request_shows_what_is_set() {
        let reflection = Reflection::new().unwrap();
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
        assert_eq!(shown(&reflection.request("CustomerService", "UpdateCustomer", &request)), expected);

        let upload = pb::UploadDocumentRequest { metadata: None, chunk: bytes::Bytes::from_static(b"secret") };
        let expected = json!({ "chunk": "6 bytes" });
        assert_eq!(shown(&reflection.request("DocumentService", "UploadDocument", &upload)), expected);
    }

    #[test]
    fn a_raw_word_is_shown_where_the_enum_does_not_say_it() {
        let reflection = Reflection::new().unwrap();
        let answer = |kyc_status: pb::KycStatus, raw: &str| {
            let kyc_status_raw = raw.to_owned();
            let customer = pb::Customer { kyc_status: kyc_status.into(), kyc_status_raw, ..pb::Customer::default() };
            let response = pb::GetCustomerResponse { customer: Some(customer) };
            shown(&reflection.response("CustomerService", "GetCustomer", &response))
        };
        let known = json!({ "customer": { "kyc_status": "KYC_STATUS_HOLD" } });
        assert_eq!(answer(pb::KycStatus::Hold, "HOLD"), known);
        assert_eq!(answer(pb::KycStatus::Unspecified, "PAUSED"), json!({ "customer": { "kyc_status_raw": "PAUSED" } }));
    }

    #[test]
    fn times_and_structs_look_as_in_json() {
        let reflection = Reflection::new().unwrap();
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
            "import_job": { "errors": [{ "details": { "row": 3 } }], "completed_at": "2026-01-15T14:30:00.5Z" },
        });
        assert_eq!(shown(&reflection.response("CustomerService", "GetImportJob", &response)), expected);
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
        assert_eq!(shown(&reflection.status(&status)), expected);
    }
}
