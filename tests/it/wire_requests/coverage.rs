//! The samples leave nothing out.

use std::collections::BTreeSet;

use prost_reflect::{DynamicMessage, Kind, MessageDescriptor, ReflectMessage as _, Value};

use crate::support::api::{RPCS, Rpc};
use crate::support::samples;
use crate::support::{equivalent, stage};

/// Fields of requests that are no fields of Grid's bodies; tests of their own send them.
const NOT_IN_BODIES: &[&str] = &[
    "CreateCustomerRequest.request_id",
    "CreateKycLinkRequest.request_id",
    "UpdateCustomerRequest.update_mask",
    "UpdateCustomerRequest.challenge_id",
    "UpdateCustomerRequest.wallet_signature",
    "UpdateBeneficialOwnerRequest.update_mask",
    "UpdatePlatformConfigRequest.update_mask",
    "PlatformCurrency.provider_required_customer_fields",
    "PlatformCurrency.provider_required_counterparty_customer_fields",
    "PlatformCurrency.omitted_fields",
    "CounterpartyField.omitted_fields",
    "UploadDocumentMetadata.file_name",
    "ReplaceDocumentMetadata.file_name",
];

/// Fields of responses that stand for what cannot be said; a test of their own has them.
const NOT_IN_ANSWERS: &[&str] = &[
    "PlatformConfig.omitted_fields",
    "PlatformCurrency.omitted_fields",
    "CounterpartyField.omitted_fields",
    // What is said of lists that cannot be read to the end, or not every row of them.
    "ListAgreementsResponse.unreadable_rows",
    "ListBeneficialOwnersResponse.truncated",
    "ListBeneficialOwnersResponse.unreadable_rows",
    "ListCustomersResponse.truncated",
    "ListCustomersResponse.unreadable_rows",
    "ListDocumentsResponse.truncated",
    "ListDocumentsResponse.unreadable_rows",
    "ListVerificationsResponse.truncated",
    "ListVerificationsResponse.unreadable_rows",
    "UnreadableRow.field",
    "UnreadableRow.index",
];

#[test]
fn the_samples_populate_every_field_of_every_request() {
    let mut populated = BTreeSet::new();
    for (name, sent) in samples::sent() {
        for message in stage::messages(Rpc::named(name), &sent) {
            note(&message, &mut populated);
        }
    }
    for rpc in RPCS {
        for message in stage::messages(rpc, &samples::sent_by(rpc.name)) {
            note(&message, &mut populated);
        }
    }
    let mut expected = BTreeSet::new();
    RPCS.iter().for_each(|rpc| fields(&rpc.request(), &mut expected));
    for field in NOT_IN_BODIES {
        assert!(expected.remove(*field), "there is no {field}");
    }
    let missing: Vec<_> = expected.difference(&populated).collect();
    assert!(missing.is_empty(), "no sample has {missing:#?}");
}

#[test]
fn the_samples_populate_every_field_of_every_response() {
    let mut populated = BTreeSet::new();
    for (name, answered) in samples::answered() {
        let answer = equivalent::answer(Rpc::named(name), &answered);
        assert_eq!(answer.lost, Vec::<String>::new(), "{name} can't say all of {answered}");
        note(&answer.message, &mut populated);
    }
    note(
        &equivalent::answer_in(Rpc::named("UpdateCustomer"), "challenge", &samples::challenge()).message,
        &mut populated,
    );
    let mut expected = BTreeSet::new();
    RPCS.iter().for_each(|rpc| fields(&rpc.response(), &mut expected));
    for field in NOT_IN_ANSWERS {
        assert!(expected.remove(*field), "there is no {field}");
    }
    let missing: Vec<_> = expected.difference(&populated).collect();
    assert!(missing.is_empty(), "no sample has {missing:#?}");
}

#[test]
fn no_two_fields_of_a_sample_have_the_same_text() {
    for (name, sample) in samples::sent().into_iter().chain(samples::answered()) {
        if name.starts_with("List") {
            continue;
        }
        let mut texts = BTreeSet::new();
        let rpc = Rpc::named(name);
        let is_sent = samples::sent().contains(&(name, sample.clone()));
        let placed =
            if is_sent { equivalent::request(rpc, "", &sample) } else { equivalent::answer(rpc, &sample) }.placed;
        for leaf in placed.iter().filter(|leaf| leaf.is_text && !leaf.grid.contains("eneficialOwners[")) {
            let text = sample.pointer(&leaf.pointer).unwrap().as_str().unwrap();
            let is_id_of_the_sample = text == samples::CUSTOMER || text.is_empty();
            assert!(is_id_of_the_sample || texts.insert(text.to_owned()), "{name}: {} is {text} too", leaf.grid);
        }
    }
}

fn note(message: &DynamicMessage, populated: &mut BTreeSet<String>) {
    let descriptor = message.descriptor();
    for (field, value) in message.fields() {
        populated.insert(format!("{}.{}", descriptor.name(), field.name()));
        match value {
            Value::Message(inner) => note(inner, populated),
            Value::List(items) => items.iter().filter_map(Value::as_message).for_each(|item| note(item, populated)),
            _ => {}
        }
    }
}

/// Every field of a message of ours and of those in it.
fn fields(descriptor: &MessageDescriptor, found: &mut BTreeSet<String>) {
    for field in descriptor.fields() {
        let is_new = found.insert(format!("{}.{}", descriptor.name(), field.name()));
        if let Kind::Message(inner) = field.kind()
            && is_new
            && inner.package_name() == "gridgate.v1"
        {
            fields(&inner, found);
        }
    }
}
