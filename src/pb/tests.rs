//! Personal data never shows in `Debug`, and every field says whether it is personal.

use std::collections::BTreeSet;

use prost::Message;
use prost_reflect::{DescriptorPool, DynamicMessage, FieldDescriptor, Kind, MessageDescriptor, Value};

use super::*;

/// Fields that are personal although other messages have public ones of the same name.
const PERSONAL: &[&str] = &["ConfirmEmailVerificationRequest.code", "ConfirmPhoneVerificationRequest.code"];

/// Grid's cursors are opaque, so nobody knows what is in them. Those of the event log are our own.
const OPAQUE: &[&str] = &["page_token", "next_page_token"];
const OWN_TOKENS: &[&str] = &["ListKycEventsRequest", "ListKycEventsResponse"];

/// Names of the public string fields: ids, types, statuses, rules and the platform's own settings. All others are personal.
const PUBLIC: &[&str] = &[
    "acceptance_method",
    "accepted_document_types",
    "allowed_values",
    "at_least",
    "beneficial_owner_id",
    "cause_event_id",
    "challenge_id",
    "code",
    "correlation_id",
    "currencies",
    "currency",
    "currency_code",
    "customer_id",
    "customer_ids",
    "customer_type_raw",
    "document_holder",
    "document_id",
    "document_type",
    "email_status_raw",
    "enabled_transaction_types",
    "event_id",
    "field",
    "field_path",
    "format",
    "grid_field",
    "id",
    "id_type",
    "job_id",
    "kyc_status_raw",
    "name",
    "omitted_fields",
    "pattern",
    "phone_status_raw",
    "platform_customer_id",
    "platform_customer_ids",
    "previous_status_raw",
    "provider",
    "provider_required_counterparty_customer_fields",
    "provider_required_customer_fields",
    "proxy_uma_subdomain",
    "region",
    "request_id",
    "resource_id",
    "resume_token",
    "roles",
    "side_raw",
    "status_raw",
    "terms_version",
    "type",
    "uma_domain",
    "url",
    "verification_id",
    "verification_status_raw",
    "version",
    "webhook_endpoint",
    "webhook_id",
];

fn pool() -> DescriptorPool {
    DescriptorPool::decode(FILE_DESCRIPTOR_SET).unwrap()
}

fn own_messages(pool: &DescriptorPool) -> impl Iterator<Item = MessageDescriptor> {
    pool.all_messages().filter(|message| message.package_name() == "gridgate.v1")
}

fn is_marked(field: &FieldDescriptor) -> bool {
    let option = field.parent_pool().get_extension_by_name("gridgate.options.v1.personal").unwrap();
    *field.options().get_extension(&option) == Value::Bool(true)
}

#[test]
fn every_text_is_marked_as_personal_unless_it_is_known_to_be_public() {
    let pool = pool();
    let mut seen = BTreeSet::new();
    for message in own_messages(&pool) {
        for field in message.fields().filter(|field| matches!(field.kind(), Kind::String | Kind::Bytes)) {
            let in_message = format!("{}.{}", message.name(), field.name());
            let is_personal = if OPAQUE.contains(&field.name()) {
                !OWN_TOKENS.contains(&message.name())
            } else {
                PERSONAL.contains(&in_message.as_str()) || !PUBLIC.contains(&field.name())
            };
            assert_eq!(is_marked(&field), is_personal, "{in_message}: mark it as personal, or list it as public");
            seen.extend([in_message, field.name().to_owned()]);
        }
    }
    let stale: Vec<_> = PERSONAL.iter().chain(PUBLIC).filter(|name| !seen.contains(**name)).collect();
    assert!(stale.is_empty(), "no field is called {stale:?}");
}

/// Text for a field: personal text begins with `secret`, other text with `shown`.
fn text_for(field: &FieldDescriptor, secret: bool) -> String {
    format!("{} {}", if secret { "secret" } else { "shown" }, field.full_name())
}

/// A value for a field, every field of a message populated; of a oneof the alternative at `choice`.
fn value_for(field: &FieldDescriptor, secret: bool, choice: usize, texts: &mut Vec<String>) -> Value {
    let value = match field.kind() {
        Kind::String => {
            texts.push(text_for(field, secret));
            Value::String(text_for(field, secret))
        }
        Kind::Bytes => {
            texts.push(text_for(field, secret));
            Value::Bytes(text_for(field, secret).into_bytes().into())
        }
        Kind::Message(message) => Value::Message(populated(&message, secret, choice, texts)),
        kind => Value::default_value(&kind),
    };
    if field.is_list() { Value::List(vec![value]) } else { value }
}

fn populated(message: &MessageDescriptor, secret: bool, choice: usize, texts: &mut Vec<String>) -> DynamicMessage {
    let mut filled = DynamicMessage::new(message.clone());
    if message.package_name() != "gridgate.v1" {
        return filled;
    }
    for field in message.fields() {
        let alternatives = field.containing_oneof().filter(|oneof| !oneof.is_synthetic());
        let chosen = alternatives
            .is_none_or(|oneof| oneof.fields().nth(choice.min(oneof.fields().len() - 1)).as_ref() == Some(&field));
        if chosen {
            let value = value_for(&field, secret || is_marked(&field), choice, texts);
            filled.set_field(&field, value);
        }
    }
    filled
}

/// Checks `Debug` of a message with everything populated: all that is public shows, nothing that is personal does.
fn check_debug<M: Message + Default + fmt::Debug>(name: &str) {
    let descriptor = pool().get_message_by_name(&format!("gridgate.v1.{name}")).unwrap();
    for choice in 0..3 {
        let mut texts = Vec::new();
        let message: M = populated(&descriptor, false, choice, &mut texts).transcode_to().unwrap();
        for printed in [format!("{message:?}"), format!("{message:#?}")] {
            assert!(!printed.contains("secret"), "{printed}");
            for text in texts.iter().filter(|text| text.starts_with("shown")) {
                assert!(printed.contains(text.as_str()), "{text} is missing from {printed}");
            }
        }
    }
}

macro_rules! debug_tests {
    ($($test:ident: $($message:ident),+;)+) => {
        $(#[test]
        fn $test() {
            $(check_debug::<$message>(stringify!($message));)+
        })+
    };
}

debug_tests! {
    debug_of_a_customer_has_ids_and_no_personal_data: Customer, CreateCustomerRequest, CreateCustomerResponse,
        ListCustomersRequest, ListCustomersResponse, UpdateCustomerRequest, UpdateCustomerResponse;
    debug_of_links_codes_and_imports_has_no_secrets: CreateKycLinkRequest, CreateKycLinkResponse,
        ConfirmEmailVerificationRequest, ConfirmPhoneVerificationRequest, ImportCustomersRequest, GetImportJobResponse;
    debug_of_owners_and_documents_has_no_personal_data: CreateBeneficialOwnerRequest, UpdateBeneficialOwnerRequest,
        ListBeneficialOwnersResponse, UploadDocumentRequest, ReplaceDocumentRequest, ListDocumentsResponse;
    debug_of_the_rest_shows_what_is_public: ListVerificationsResponse, GetPlatformConfigResponse, UpdatePlatformConfigRequest, FieldErrors,
        WatchKycStatusRequest, WatchKycStatusResponse, ListKycEventsResponse, GetKycStatusResponse;
}

#[test]
fn debug_of_a_customer_written_out() {
    let customer = Customer {
        id: "Customer:1".to_owned(),
        kyc_status: KycStatus::Approved.into(),
        customer_type: 7,
        email: Some("jane@example.com".to_owned()),
        details: Some(customer::Details::Individual(Individual {
            full_name: Some("Jane Doe".to_owned()),
            id_type: Some("SSN".to_owned()),
            ..Individual::default()
        })),
        ..Customer::default()
    };
    let printed = format!("{customer:?}");
    for shown in ["Customer:1", "kyc_status: Approved", "customer_type: 7", "SSN"] {
        assert!(printed.contains(shown), "{shown} is missing from {printed}");
    }
    for personal in ["jane@example.com", "Jane", "full_name"] {
        assert!(!printed.contains(personal), "{personal} is in {printed}");
    }
}

#[test]
fn descriptors_name_every_service() {
    let names: Vec<_> = pool().services().map(|service| service.full_name().to_owned()).collect();
    for service in ["BeneficialOwner", "Customer", "Document", "KycEvent", "Platform", "Verification"] {
        assert!(names.contains(&format!("gridgate.v1.{service}Service")), "{service} is missing from {names:?}");
    }
}

#[test]
fn a_listed_event_has_the_bytes_of_a_streamed_one() {
    let change = KycStatusChange { customer_id: "Customer:1".to_owned(), ..KycStatusChange::default() };
    let listed =
        KycEvent { resume_token: "token".to_owned(), event: Some(kyc_event::Event::StatusChange(change.clone())) };
    let streamed = WatchKycStatusResponse {
        resume_token: "token".to_owned(),
        event: Some(watch_kyc_status_response::Event::StatusChange(change)),
    };
    assert_eq!(listed.encode_to_vec(), streamed.encode_to_vec());
}

#[test]
fn a_token_appended_to_an_encoded_response_replaces_its_own() {
    let response = WatchKycStatusResponse {
        resume_token: "shared".to_owned(),
        event: Some(watch_kyc_status_response::Event::Heartbeat(Heartbeat::default())),
    };
    let mut bytes = response.encode_to_vec();
    bytes.extend(WatchKycStatusResponse { resume_token: "own".to_owned(), event: None }.encode_to_vec());
    let decoded = WatchKycStatusResponse::decode(bytes.as_slice()).unwrap();
    assert_eq!(decoded, WatchKycStatusResponse { resume_token: "own".to_owned(), ..response });
}
