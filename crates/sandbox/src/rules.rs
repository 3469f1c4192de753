//! What a complete customer is: everything that stands in the way of a verification, each as one error.
//!
//! Pure functions of what is known. The rules are those of Grid's guide ("What to collect for KYB") and of the
//! OpenAPI's `VerificationError`.

use super::vocabulary::{IDENTITY_DOCUMENTS, TWO_SIDED_DOCUMENTS};
use gridgate_grid::model::{
    Address, BeneficialOwner, BusinessInfo, Customer, Document, DocumentSide, VerificationError,
};

/// Share from which on an owner counts as a beneficial owner, in percent.
const BENEFICIAL_OWNERSHIP: i32 = 25;

/// The role that makes a person a beneficial owner, whatever the share.
const BENEFICIAL_ROLE: &str = "UBO";

/// The roles that make a person a control person: somebody with significant responsibility to control, manage or
/// direct the business.
const CONTROL_ROLES: &[&str] = &["CONTROL_PERSON", "DIRECTOR", "COMPANY_OFFICER", "TRUSTEE", "GENERAL_PARTNER"];

/// A kind of document that a business has to prove something with.
struct Category {
    error: &'static str,
    /// Any one of these would do; said in the error.
    accepted: &'static [&'static str],
    /// Would do as well.
    tolerated: &'static [&'static str],
    reason: &'static str,
}

/// OpenAPI, the table of `VerificationError.acceptedDocumentTypes`.
const BUSINESS_CATEGORIES: &[Category] = &[
    Category {
        error: "MISSING_LEGAL_PRESENCE_DOCUMENT",
        accepted: &[
            "CERTIFICATE_OF_INCORPORATION",
            "ARTICLES_OF_INCORPORATION",
            "ARTICLES_OF_ASSOCIATION",
            "STATE_REGISTRY_EXCERPT",
        ],
        tolerated: &[],
        reason: "Legal presence document is required",
    },
    Category {
        error: "MISSING_CONTROL_STRUCTURE_DOCUMENT",
        accepted: &["DIRECTOR_REGISTRY", "TRUST_AGREEMENT", "STATE_COMPANY_REGISTRY", "PARTNERSHIP_CONTROL_AGREEMENT"],
        tolerated: &[],
        reason: "Control structure document is required",
    },
    Category {
        error: "MISSING_OWNERSHIP_STRUCTURE_DOCUMENT",
        accepted: &["SHAREHOLDER_REGISTER", "TRUST_AGREEMENT", "PARTNERSHIP_AGREEMENT"],
        tolerated: &[],
        reason: "Ownership structure document is required",
    },
    Category {
        error: "MISSING_PROOF_OF_ADDRESS_DOCUMENT",
        accepted: &["UTILITY_BILL", "RENT_OR_LEASE_AGREEMENT", "ELECTRICITY_BILL", "BANK_STATEMENT", "TAX_RETURN"],
        tolerated: &["PROOF_OF_ADDRESS"],
        reason: "Proof of address document is required",
    },
];

/// What an individual lacks.
pub(super) fn individual_errors(
    customer: &Customer,
    identifier: Option<&str>,
    documents: &[&Document],
) -> Vec<VerificationError> {
    let mut report = Report::new(&customer.id);
    report.text("customer.fullName", customer.individual.full_name.as_deref(), "Full name is required");
    if customer.individual.full_name.as_deref().is_some_and(|name| name.split_whitespace().count() == 1) {
        report.invalid("customer.fullName", "Full name must have a first and a last name");
    }
    report.text("customer.birthDate", customer.individual.birth_date.as_deref(), "Date of birth is required");
    report.text("customer.nationality", customer.individual.nationality.as_deref(), "Nationality is required");
    report.text("customer.idType", customer.individual.id_type.as_deref(), "Identification type is required");
    report.text("customer.identifier", identifier, "Identification number is required");
    report.address("customer.address", customer.profile.address.as_ref(), "Address");
    report.identity(documents, IDENTITY_DOCUMENTS);
    report.errors
}

/// What a business lacks, its owners included. Owners come with their own documents.
pub(super) fn business_errors(
    customer: &Customer,
    documents: &[&Document],
    owners: &[(&BeneficialOwner, Vec<&Document>)],
) -> Vec<VerificationError> {
    let mut report = Report::new(&customer.id);
    business_data(customer, &mut report);
    for category in BUSINESS_CATEGORIES {
        let accepts = |kind: &str| category.accepted.contains(&kind) || category.tolerated.contains(&kind);
        if !documents.iter().any(|document| accepts(&document.document_type)) {
            report.missing_document(category.error, category.accepted, category.reason);
        }
    }
    let is_owner = |owner: &BeneficialOwner| {
        owner.roles.iter().any(|role| role == BENEFICIAL_ROLE)
            || owner.ownership_percentage.is_some_and(|share| share >= BENEFICIAL_OWNERSHIP)
    };
    let controls = |owner: &BeneficialOwner| owner.roles.iter().any(|role| CONTROL_ROLES.contains(&role.as_str()));
    if !owners.iter().any(|(owner, _)| is_owner(owner)) {
        report.add("MISSING_BENEFICIAL_OWNER", "At least one beneficial owner is required");
    }
    if !owners.iter().any(|(owner, _)| controls(owner)) {
        report.add("MISSING_CONTROL_PERSON", "A control person is required");
    }
    let mut errors = report.errors;
    for (owner, documents) in owners {
        errors.extend(owner_errors(owner, documents));
    }
    errors
}

fn business_data(customer: &Customer, report: &mut Report) {
    let empty = BusinessInfo::default();
    let info = customer.business_info.as_ref().unwrap_or(&empty);
    for (field, value, reason) in [
        ("legalName", &info.legal_name, "Legal name is required"),
        ("country", &info.country, "Country of incorporation is required"),
        ("taxId", &info.tax_id, "Tax identification number is required"),
        ("incorporatedOn", &info.incorporated_on, "Date of incorporation is required"),
    ] {
        report.text(&format!("customer.businessInfo.{field}"), value.as_deref(), reason);
    }
    if info.countries_of_operation.as_ref().is_none_or(Vec::is_empty) {
        report.missing("customer.businessInfo.countriesOfOperation", "Countries of operation are required");
    }
    report.address("customer.address", customer.profile.address.as_ref(), "Business address");
}

fn owner_errors(owner: &BeneficialOwner, documents: &[&Document]) -> Vec<VerificationError> {
    let mut report = Report::new(&owner.id);
    let unknown = Default::default();
    let person = owner.personal_info.as_ref().unwrap_or(&unknown);
    for (field, value, reason) in [
        ("firstName", &person.first_name, "First name is required for beneficial owners"),
        ("lastName", &person.last_name, "Last name is required for beneficial owners"),
        ("birthDate", &person.birth_date, "Date of birth is required for beneficial owners"),
        ("nationality", &person.nationality, "Nationality is required for beneficial owners"),
        ("idType", &person.id_type, "Identification type is required for beneficial owners"),
        ("identifier", &person.identifier, "Identification number is required for beneficial owners"),
    ] {
        report.text(&format!("personalInfo.{field}"), value.as_deref(), reason);
    }
    report.address("personalInfo.address", person.address.as_ref(), "Beneficial owner address");

    let american = person.nationality.as_deref().is_none_or(|country| country == "US");
    match person.id_type.as_deref() {
        Some("SSN" | "ITIN") | None => {}
        Some(_) if american => {
            report.invalid("personalInfo.idType", "U.S. persons are identified by SSN or ITIN");
        }
        Some("EIN") => {
            report.invalid("personalInfo.idType", "An EIN identifies a business, not a person");
        }
        Some(_) if person.country_of_issuance.is_none() => {
            report.missing("personalInfo.countryOfIssuance", "Country of issuance is required for foreign numbers");
        }
        Some(_) => {}
    }
    if american {
        report.identity(documents, IDENTITY_DOCUMENTS);
    } else {
        // Non-U.S. owners: passport plus one additional government-issued ID.
        report.identity(documents, &["PASSPORT"]);
        report.identity(documents, TWO_SIDED_DOCUMENTS);
    }
    report.errors
}

struct Report {
    resource_id: String,
    errors: Vec<VerificationError>,
}

impl Report {
    fn new(resource_id: &str) -> Self {
        Self { resource_id: resource_id.to_owned(), errors: Vec::new() }
    }

    fn add(&mut self, error_type: &str, reason: &str) {
        self.errors.push(error(&self.resource_id, error_type, reason));
    }

    fn missing(&mut self, field: &str, reason: &str) {
        let error = error(&self.resource_id, "MISSING_FIELD", reason);
        self.errors.push(VerificationError { field: Some(field.to_owned()), ..error });
    }

    fn invalid(&mut self, field: &str, reason: &str) {
        let error = error(&self.resource_id, "INVALID_FIELD", reason);
        self.errors.push(VerificationError { field: Some(field.to_owned()), ..error });
    }

    fn text(&mut self, field: &str, value: Option<&str>, reason: &str) {
        if value.is_none_or(|value| value.trim().is_empty()) {
            self.missing(field, reason);
        }
    }

    fn address(&mut self, path: &str, address: Option<&Address>, what: &str) {
        let empty = Address::default();
        let address = address.unwrap_or(&empty);
        for (field, value, name) in [
            ("line1", &address.line1, "line 1"),
            ("postalCode", &address.postal_code, "postal code"),
            ("country", &address.country, "country"),
        ] {
            self.text(&format!("{path}.{field}"), value.as_deref(), &format!("{what} {name} is required"));
        }
    }

    fn missing_document(&mut self, error_type: &str, accepted: &[&str], reason: &str) {
        let accepted = accepted.iter().map(|kind| (*kind).to_owned()).collect();
        let error = error(&self.resource_id, error_type, reason);
        self.errors.push(VerificationError { accepted_document_types: Some(accepted), ..error });
    }

    /// Asks for one whole document of these types.
    fn identity(&mut self, documents: &[&Document], accepted: &[&str]) {
        let candidates: Vec<&Document> =
            documents.iter().copied().filter(|document| accepted.contains(&document.document_type.as_str())).collect();
        if candidates.iter().any(|document| is_whole(document, &candidates)) {
            return;
        }
        match candidates.first() {
            None => self.missing_document("MISSING_IDENTITY_DOCUMENT", accepted, "Identity document is required"),
            Some(half) => {
                let reason = format!("Both sides of the {} are required", half.document_type);
                self.errors.push(error(&half.id, "INCOMPLETE_DOCUMENT", &reason));
            }
        }
    }
}

/// Whether a document has all its sides, together with the others.
fn is_whole(document: &Document, all: &[&Document]) -> bool {
    let has = |side: &DocumentSide| {
        all.iter().any(|other| other.document_type == document.document_type && other.side.as_ref() == Some(side))
    };
    !TWO_SIDED_DOCUMENTS.contains(&document.document_type.as_str())
        || (has(&DocumentSide::Front) && has(&DocumentSide::Back))
}

/// The identity document that a reviewer would look at first.
pub(super) fn identity_document<'a>(documents: &[&'a Document]) -> Option<&'a Document> {
    documents.iter().copied().find(|document| IDENTITY_DOCUMENTS.contains(&document.document_type.as_str()))
}

/// An error about a resource, without a field or document types.
pub(super) fn error(resource_id: &str, error_type: &str, reason: &str) -> VerificationError {
    VerificationError {
        resource_id: resource_id.to_owned(),
        r#type: error_type.to_owned(),
        reason: reason.to_owned(),
        ..VerificationError::default()
    }
}

#[cfg(test)]
mod tests;
