//! The completeness rules as tables: what is taken away, and what is then asked for.

use super::{business_errors, individual_errors};
use crate::customer_record::blank_row;
use gridgate_grid::model::{
    Address, BeneficialOwner, BusinessInfo, Customer, CustomerType, Document, DocumentSide, PersonalInfo,
    VerificationError,
};

fn text(value: &str) -> Option<String> {
    Some(value.to_owned())
}

fn address() -> Option<Address> {
    Some(Address { line1: text("1 Main"), postal_code: text("98101"), country: text("US"), ..Address::default() })
}

fn document(kind: &str, side: Option<DocumentSide>) -> Document {
    let side_name = side.as_ref().map_or("", DocumentSide::as_str);
    Document { id: format!("{kind}{side_name}"), document_type: kind.to_owned(), side, ..Document::default() }
}

fn individual() -> Customer {
    let mut customer = blank_row("C".into(), "p".into(), CustomerType::Individual).customer;
    customer.individual.full_name = text("Jane Doe 001");
    customer.individual.birth_date = text("1990-01-15");
    customer.individual.nationality = text("US");
    customer.individual.id_type = text("SSN");
    customer.profile.address = address();
    customer
}

fn business() -> Customer {
    let mut customer = blank_row("B".into(), "p".into(), CustomerType::Business).customer;
    customer.profile.address = address();
    customer.business_info = Some(BusinessInfo {
        legal_name: text("Acme"),
        country: text("US"),
        tax_id: text("47-1234567"),
        incorporated_on: text("2018-03-14"),
        countries_of_operation: Some(vec!["US".to_owned()]),
        ..BusinessInfo::default()
    });
    customer
}

fn owner() -> BeneficialOwner {
    BeneficialOwner {
        id: "O".into(),
        roles: vec!["UBO".into(), "CONTROL_PERSON".into()],
        ownership_percentage: Some(60),
        personal_info: Some(PersonalInfo {
            first_name: text("Jane"),
            last_name: text("Doe"),
            birth_date: text("1985-06-15"),
            nationality: text("US"),
            address: address(),
            id_type: text("SSN"),
            identifier: text("123-45-6789"),
            ..PersonalInfo::default()
        }),
        ..BeneficialOwner::default()
    }
}

/// What an error is about, in short: `type field-or-documents @resource`.
fn short(errors: &[VerificationError]) -> Vec<String> {
    let describe = |error: &VerificationError| {
        let VerificationError { resource_id, r#type: error_type, field, accepted_document_types, reason } = error;
        assert!(!reason.is_empty());
        let accepted = accepted_document_types.iter().flatten().map(String::as_str).collect::<Vec<_>>().join("|");
        let about = field.clone().unwrap_or(accepted);
        format!("{error_type} {about} @{resource_id}").replace("  ", " ")
    };
    errors.iter().map(describe).collect()
}

#[test]
fn an_individual_lacks_what_was_not_said() {
    let passport = document("PASSPORT", None);
    let all = "PASSPORT|DRIVERS_LICENSE|NATIONAL_ID";
    type Change = fn(&mut Customer);
    let cases: &[(&str, Change, &[&str])] = &[
        ("nothing", |_| {}, &[]),
        ("name", |c| c.individual.full_name = None, &["MISSING_FIELD customer.fullName @C"]),
        ("one word", |c| c.individual.full_name = text("Jane001"), &["INVALID_FIELD customer.fullName @C"]),
        ("birth date", |c| c.individual.birth_date = None, &["MISSING_FIELD customer.birthDate @C"]),
        ("nationality", |c| c.individual.nationality = None, &["MISSING_FIELD customer.nationality @C"]),
        ("id type", |c| c.individual.id_type = None, &["MISSING_FIELD customer.idType @C"]),
        (
            "address",
            |c| c.profile.address = None,
            &[
                "MISSING_FIELD customer.address.line1 @C",
                "MISSING_FIELD customer.address.postalCode @C",
                "MISSING_FIELD customer.address.country @C",
            ],
        ),
    ];
    for (name, change, expected) in cases {
        let mut customer = individual();
        change(&mut customer);
        assert_eq!(short(&individual_errors(&customer, Some("123-45-6789"), &[&passport])), *expected, "{name}");
    }
    assert_eq!(
        short(&individual_errors(&individual(), None, &[])),
        ["MISSING_FIELD customer.identifier @C".to_owned(), format!("MISSING_IDENTITY_DOCUMENT {all} @C")]
    );
}

#[test]
fn an_identity_document_has_all_its_sides() {
    let (front, back) = (Some(DocumentSide::Front), Some(DocumentSide::Back));
    let cases: Vec<(Vec<Document>, Vec<&str>)> = vec![
        (vec![document("PASSPORT", None)], vec![]),
        (vec![document("NATIONAL_ID", front.clone())], vec!["INCOMPLETE_DOCUMENT @NATIONAL_IDFRONT"]),
        (vec![document("NATIONAL_ID", None)], vec!["INCOMPLETE_DOCUMENT @NATIONAL_ID"]),
        (vec![document("NATIONAL_ID", front.clone()), document("NATIONAL_ID", back.clone())], vec![]),
        (
            vec![document("NATIONAL_ID", front.clone()), document("DRIVERS_LICENSE", back.clone())],
            vec!["INCOMPLETE_DOCUMENT @NATIONAL_IDFRONT"],
        ),
        (vec![document("DRIVERS_LICENSE", back), document("PASSPORT", None)], vec![]),
        (vec![document("SELFIE", front)], vec!["MISSING_IDENTITY_DOCUMENT PASSPORT|DRIVERS_LICENSE|NATIONAL_ID @C"]),
    ];
    for (documents, expected) in cases {
        let documents: Vec<&Document> = documents.iter().collect();
        assert_eq!(
            short(&individual_errors(&individual(), Some("123-45-6789"), &documents)),
            expected,
            "{documents:?}"
        );
    }
}

const CERTIFICATE: &str = "CERTIFICATE_OF_INCORPORATION";

#[test]
fn a_business_proves_each_category_with_any_of_its_documents() {
    let whole = [CERTIFICATE, "DIRECTOR_REGISTRY", "SHAREHOLDER_REGISTER", "UTILITY_BILL"];
    let (owner, passport) = (owner(), document("PASSPORT", None));
    let lacks = |kinds: &[&str]| {
        let documents: Vec<Document> = kinds.iter().map(|kind| document(kind, None)).collect();
        let errors = business_errors(&business(), &documents.iter().collect::<Vec<_>>(), &[(&owner, vec![&passport])]);
        errors.into_iter().map(|error| error.r#type).collect::<Vec<_>>()
    };
    assert!(lacks(&whole).is_empty());
    assert!(lacks(&[CERTIFICATE, "TRUST_AGREEMENT", "TAX_RETURN"]).is_empty(), "one document can prove two things");
    assert!(lacks(&["STATE_REGISTRY_EXCERPT", "TRUST_AGREEMENT", "PROOF_OF_ADDRESS"]).is_empty());
    assert_eq!(
        lacks(&["OTHER"]),
        [
            "MISSING_LEGAL_PRESENCE_DOCUMENT",
            "MISSING_CONTROL_STRUCTURE_DOCUMENT",
            "MISSING_OWNERSHIP_STRUCTURE_DOCUMENT",
            "MISSING_PROOF_OF_ADDRESS_DOCUMENT"
        ]
    );
    for (absent, error) in whole.iter().zip(lacks(&[])) {
        let rest: Vec<&str> = whole.iter().copied().filter(|kind| kind != absent).collect();
        assert_eq!(lacks(&rest), [error]);
    }
}

fn with_documents(customer: &Customer, owners: &[(&BeneficialOwner, Vec<&Document>)]) -> Vec<String> {
    let kinds = [CERTIFICATE, "DIRECTOR_REGISTRY", "SHAREHOLDER_REGISTER", "UTILITY_BILL"];
    let documents: Vec<Document> = kinds.iter().map(|kind| document(kind, None)).collect();
    short(&business_errors(customer, &documents.iter().collect::<Vec<_>>(), owners))
}

#[test]
fn a_business_lacks_what_was_not_said() {
    type Change = fn(&mut Customer);
    let cases: &[(Change, &[&str])] = &[
        (|_| {}, &[]),
        (|c| info(c).legal_name = None, &["MISSING_FIELD customer.businessInfo.legalName @B"]),
        (|c| info(c).country = None, &["MISSING_FIELD customer.businessInfo.country @B"]),
        (|c| info(c).tax_id = None, &["MISSING_FIELD customer.businessInfo.taxId @B"]),
        (|c| info(c).incorporated_on = None, &["MISSING_FIELD customer.businessInfo.incorporatedOn @B"]),
        (|c| info(c).countries_of_operation = None, &["MISSING_FIELD customer.businessInfo.countriesOfOperation @B"]),
        (
            |c| c.profile.address = None,
            &[
                "MISSING_FIELD customer.address.line1 @B",
                "MISSING_FIELD customer.address.postalCode @B",
                "MISSING_FIELD customer.address.country @B",
            ],
        ),
    ];
    let (owner, passport) = (owner(), document("PASSPORT", None));
    for (change, expected) in cases {
        let mut customer = business();
        change(&mut customer);
        assert_eq!(with_documents(&customer, &[(&owner, vec![&passport])]), *expected);
    }
}

fn info(customer: &mut Customer) -> &mut BusinessInfo {
    customer.business_info.get_or_insert_default()
}

#[test]
fn a_business_has_an_owner_and_somebody_in_control() {
    let passport = document("PASSPORT", None);
    for (roles, share, expected) in [
        (vec!["UBO", "CONTROL_PERSON"], 60, vec![]),
        (vec!["DIRECTOR"], 40, vec![]),
        (vec!["UBO"], 5, vec!["MISSING_CONTROL_PERSON @B"]),
        (vec!["DIRECTOR"], 24, vec!["MISSING_BENEFICIAL_OWNER @B"]),
        (vec![], 0, vec!["MISSING_BENEFICIAL_OWNER @B", "MISSING_CONTROL_PERSON @B"]),
    ] {
        let roles: Vec<String> = roles.into_iter().map(str::to_owned).collect();
        let owner = BeneficialOwner { roles: roles.clone(), ownership_percentage: Some(share), ..owner() };
        assert_eq!(with_documents(&business(), &[(&owner, vec![&passport])]), expected, "{roles:?} {share}");
    }
    assert_eq!(with_documents(&business(), &[]), ["MISSING_BENEFICIAL_OWNER @B", "MISSING_CONTROL_PERSON @B"]);
}

#[test]
fn an_owner_lacks_what_was_not_said() {
    type Change = fn(&mut PersonalInfo);
    let cases: &[(Change, &[&str])] = &[
        (|_| {}, &[]),
        (|p| p.first_name = None, &["MISSING_FIELD personalInfo.firstName @O"]),
        (|p| p.last_name = None, &["MISSING_FIELD personalInfo.lastName @O"]),
        (|p| p.birth_date = None, &["MISSING_FIELD personalInfo.birthDate @O"]),
        (|p| p.nationality = None, &["MISSING_FIELD personalInfo.nationality @O"]),
        (|p| p.id_type = None, &["MISSING_FIELD personalInfo.idType @O"]),
        (|p| p.identifier = None, &["MISSING_FIELD personalInfo.identifier @O"]),
        (|p| p.id_type = text("EIN"), &["INVALID_FIELD personalInfo.idType @O"]),
        (
            |p| p.address = None,
            &[
                "MISSING_FIELD personalInfo.address.line1 @O",
                "MISSING_FIELD personalInfo.address.postalCode @O",
                "MISSING_FIELD personalInfo.address.country @O",
            ],
        ),
    ];
    let passport = document("PASSPORT", None);
    for (change, expected) in cases {
        let mut owner = owner();
        change(owner.personal_info.get_or_insert_default());
        assert_eq!(with_documents(&business(), &[(&owner, vec![&passport])]), *expected);
    }
    let unknown = BeneficialOwner { personal_info: None, ..owner() };
    assert_eq!(with_documents(&business(), &[(&unknown, vec![])]).len(), 10, "six fields, an address and a document");
}

#[test]
fn an_owner_from_abroad_shows_a_passport_and_one_more() {
    let mut owner = owner();
    let person = owner.personal_info.get_or_insert_default();
    person.nationality = text("DE");
    person.id_type = text("NON_US_TAX_ID");
    person.country_of_issuance = text("DE");
    let passport = document("PASSPORT", None);
    let front = document("NATIONAL_ID", Some(DocumentSide::Front));
    let back = document("NATIONAL_ID", Some(DocumentSide::Back));
    let (needs_passport, needs_id) =
        ("MISSING_IDENTITY_DOCUMENT PASSPORT @O", "MISSING_IDENTITY_DOCUMENT DRIVERS_LICENSE|NATIONAL_ID @O");
    for (documents, expected) in [
        (vec![], vec![needs_passport, needs_id]),
        (vec![&passport], vec![needs_id]),
        (vec![&front, &back], vec![needs_passport]),
        (vec![&passport, &front], vec!["INCOMPLETE_DOCUMENT @NATIONAL_IDFRONT"]),
        (vec![&passport, &front, &back], vec![]),
    ] {
        assert_eq!(with_documents(&business(), &[(&owner, documents)]), expected);
    }
    owner.personal_info.get_or_insert_default().country_of_issuance = None;
    assert_eq!(
        with_documents(&business(), &[(&owner, vec![&passport, &front, &back])]),
        ["MISSING_FIELD personalInfo.countryOfIssuance @O"]
    );
}
