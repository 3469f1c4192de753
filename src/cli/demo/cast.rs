//! Who appears in the demo, and their papers. All of it is invented.
//!
//! Grid's sandbox decides by the last three characters of a person's name and of a business's registration number, so
//! the flows choose those.

use super::tree::Tree;
use crate::pb;
use bytes::Bytes;
use std::fmt::Write as _;

/// The last characters of a name that is validated for real.
pub(super) const VALIDATED: &str = "001";
/// The last characters of a name that is rejected.
pub(super) const REJECTED: &str = "002";
/// The last characters of a name whose documents are found to be poor.
pub(super) const POOR: &str = "003";

/// An id that no customer has.
pub(super) const NOBODY: &str = "Customer:00000000-0000-7000-8000-000000000000";

/// Text that is set.
pub(super) fn some(text: &str) -> Option<String> {
    Some(text.to_owned())
}

/// A home address.
pub(super) fn home() -> pb::Address {
    pb::Address {
        line1: some("123 Pine Street"),
        line2: None,
        city: some("Seattle"),
        state: some("WA"),
        postal_code: some("98101"),
        country: some("US"),
    }
}

/// A business's address.
pub(super) fn office() -> pb::Address {
    pb::Address {
        line1: some("456 Oak Avenue"),
        line2: some("Floor 12"),
        city: some("New York"),
        state: some("NY"),
        postal_code: some("10001"),
        country: some("US"),
    }
}

/// A person of whom everything is known that a verification needs.
pub(super) fn person(full_name: &str) -> pb::IndividualInput {
    pb::IndividualInput {
        full_name: some(full_name),
        birth_date: some("1992-03-25"),
        nationality: some("US"),
        id_type: some("SSN"),
        identifier: some("123-45-6789"),
        ..pb::IndividualInput::default()
    }
}

/// A company with this registration number.
pub(super) fn company(legal_name: &str, registration_number: &str) -> pb::BusinessInfo {
    pb::BusinessInfo {
        legal_name: some(legal_name),
        country: some("US"),
        registration_number: some(registration_number),
        tax_id: some("47-1234567"),
        incorporated_on: some("2018-03-14"),
        ..pb::BusinessInfo::default()
    }
}

/// The creation of a person.
pub(super) fn create_person(platform_id: String, individual: pb::IndividualInput) -> pb::CreateCustomerRequest {
    pb::CreateCustomerRequest {
        platform_customer_id: Some(platform_id),
        address: Some(home()),
        details: Some(pb::create_customer_request::Details::Individual(individual)),
        ..pb::CreateCustomerRequest::default()
    }
}

/// The creation of a business.
pub(super) fn create_business(platform_id: String, info: pb::BusinessInfo) -> pb::CreateCustomerRequest {
    let business = pb::BusinessInput { business_info: Some(info) };
    pb::CreateCustomerRequest {
        platform_customer_id: Some(platform_id),
        address: Some(office()),
        details: Some(pb::create_customer_request::Details::Business(business)),
        ..pb::CreateCustomerRequest::default()
    }
}

/// The creation of an owner, of whom everything is known that a verification needs.
pub(super) fn create_owner(
    customer_id: &str,
    roles: &[&str],
    share: i32,
    (first, last): (&str, &str),
) -> pb::CreateBeneficialOwnerRequest {
    pb::CreateBeneficialOwnerRequest {
        customer_id: customer_id.to_owned(),
        roles: roles.iter().map(|role| (*role).to_owned()).collect(),
        ownership_percentage: Some(share),
        personal_info: Some(pb::PersonalInfo {
            first_name: some(first),
            last_name: some(last),
            birth_date: some("1978-06-15"),
            nationality: some("US"),
            address: Some(home()),
            id_type: some("SSN"),
            identifier: some("987-65-4321"),
            ..pb::PersonalInfo::default()
        }),
    }
}

/// The upload of a passport.
pub(super) fn passport(holder: &str) -> Vec<pb::UploadDocumentRequest> {
    upload(pb::UploadDocumentMetadata {
        document_holder: holder.to_owned(),
        document_type: some("PASSPORT"),
        country: some("US"),
        document_number: some("A12345678"),
        issuing_authority: some("U.S. Department of State"),
        file_name: some("passport.pdf"),
        ..pb::UploadDocumentMetadata::default()
    })
}

/// The upload of one side of a driving licence.
pub(super) fn drivers_license(holder: &str, side: pb::DocumentSide) -> Vec<pb::UploadDocumentRequest> {
    upload(pb::UploadDocumentMetadata {
        document_holder: holder.to_owned(),
        document_type: some("DRIVERS_LICENSE"),
        side: side.into(),
        country: some("US"),
        document_number: some("WDL12345678B"),
        issuing_authority: some("Washington State Department of Licensing"),
        ..pb::UploadDocumentMetadata::default()
    })
}

/// The upload of a document that is not about a person's identity.
pub(super) fn paper(holder: &str, document_type: &str) -> Vec<pb::UploadDocumentRequest> {
    upload(pb::UploadDocumentMetadata {
        document_holder: holder.to_owned(),
        document_type: some(document_type),
        country: some("US"),
        ..pb::UploadDocumentMetadata::default()
    })
}

/// An upload in two messages: the metadata with the beginning of the file, and the rest of it.
fn upload(metadata: pb::UploadDocumentMetadata) -> Vec<pb::UploadDocumentRequest> {
    let mut beginning = pdf(metadata.document_type.as_deref().unwrap_or("document"));
    let rest = beginning.split_off(beginning.len() / 2);
    vec![
        pb::UploadDocumentRequest { metadata: Some(metadata), chunk: beginning },
        pb::UploadDocumentRequest { metadata: None, chunk: rest },
    ]
}

/// A PDF of one page with one line of ASCII text. ASCII throughout, so that it passes through whatever reads bodies as
/// text.
pub(super) fn pdf(text: &str) -> Bytes {
    let words: String = text.chars().filter(|c| c.is_ascii_alphanumeric() || matches!(c, ' ' | '_')).collect();
    let drawing = format!("BT /F1 24 Tf 40 40 Td ({words}) Tj ET");
    let objects = [
        "<< /Type /Catalog /Pages 2 0 R >>".to_owned(),
        "<< /Type /Pages /Kids [3 0 R] /Count 1 >>".to_owned(),
        "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 420 100] /Contents 4 0 R \
         /Resources << /Font << /F1 << /Type /Font /Subtype /Type1 /BaseFont /Helvetica >> >> >> >>"
            .to_owned(),
        format!("<< /Length {} >>\nstream\n{drawing}\nendstream", drawing.len()),
    ];
    let mut file = "%PDF-1.4\n".to_owned();
    let mut table = format!("xref\n0 {}\n0000000000 65535 f \n", objects.len() + 1);
    for (number, object) in (1..).zip(&objects) {
        let _ = writeln!(table, "{:010} 00000 n ", file.len());
        let _ = write!(file, "{number} 0 obj\n{object}\nendobj\n");
    }
    let start = file.len();
    let size = objects.len() + 1;
    let _ = write!(file, "{table}trailer\n<< /Size {size} /Root 1 0 R >>\nstartxref\n{start}\n%%EOF\n");
    Bytes::from(file)
}

/// A time of the story.
pub(super) fn time(seconds: i64) -> prost_types::Timestamp {
    prost_types::Timestamp { seconds, nanos: 0 }
}

macro_rules! words {
    ($($kind:ty),+) => {$(
        impl From<$kind> for Tree {
            fn from(value: $kind) -> Self {
                Tree::Word(value.as_str_name().to_owned())
            }
        }
    )+};
}

words!(
    pb::KycStatus,
    pb::CustomerType,
    pb::VerificationStatus,
    pb::ContactVerificationStatus,
    pb::ImportJobStatus,
    pb::DocumentSide,
    pb::GoingAwayReason
);

#[cfg(test)]
mod tests {
    use super::pdf;

    #[test]
    fn the_pdf_is_ascii_and_its_table_points_at_its_objects() {
        let file = pdf("PASSPORT");
        let text = std::str::from_utf8(&file).unwrap();
        assert!(text.is_ascii() && text.starts_with("%PDF-") && text.ends_with("%%EOF\n"));
        assert!(text.contains("(PASSPORT) Tj"));
        let (_, after) = text.split_once("xref\n0 5\n").unwrap();
        for (number, line) in (1..=4).zip(after.lines().skip(1)) {
            let offset: usize = line[..10].parse().unwrap();
            assert!(text[offset..].starts_with(&format!("{number} 0 obj")), "{line}");
            assert_eq!(line.len(), 19, "with its line end an entry has 20 bytes (ISO 32000-1, 7.5.4)");
        }
        let start: usize = text.rsplit("startxref\n").next().unwrap().lines().next().unwrap().parse().unwrap();
        assert!(text[start..].starts_with("xref"));
    }
}
