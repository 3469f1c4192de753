//! Grid's field paths, such as `businessInfo.legalName`, in the API's own terms.

use std::collections::HashSet;
use std::sync::LazyLock;

use heck::ToSnakeCase;
use prost_reflect::{DescriptorPool, Kind, MessageDescriptor};

use super::field_mask::POOL;
use crate::grid::Operation;
use crate::grid::model::{FieldError, PlatformConfigInput};

/// Fields of this API's requests whose content is the body of Grid's request.
const BODIES: [&str; 4] = ["customer", "beneficial_owner", "platform_config", "metadata"];
/// Fields that group fields which Grid has side by side.
const GROUPS: [&str; 4] = ["individual", "edd", "business", "personal_info"];
/// Grid's names, in snake case, that differ in this API.
const RENAMED: [(&str, &str); 4] =
    [("limit", "page_size"), ("cursor", "page_token"), ("is_including_deleted", "include_deleted"), ("file", "chunk")];

/// The path of a field in the request message of `operation`, from Grid's path.
///
/// A path that Grid invents later still comes out as snake case, so it stays readable.
pub(super) fn to_api(operation: Operation, grid: &str) -> String {
    let grid = in_body(operation, grid);
    let path = snake_path(grid);
    let Some(request) = request_of(operation).filter(|_| !path.is_empty()) else { return path };
    let renamed = RENAMED.into_iter().find(|(name, own)| *name == path && request.get_field_by_name(own).is_some());
    if let Some((_, own)) = renamed {
        return own.to_owned();
    }
    if operation == Operation::UpdatePlatformConfig && !PlatformConfigInput::names().contains(&first(grid)) {
        // Fields that this API does not name keep Grid's name.
        return format!("platform_config.other_fields.{grid}");
    }
    if let Some(found) = find(&request, &path) {
        return found;
    }
    match BODIES.into_iter().find(|body| request.get_field_by_name(body).is_some()) {
        Some(body) => format!("{body}.{path}"),
        // What is not in a request about a customer is the customer's.
        None if about_customer(operation) => customer_field(&path),
        None => path,
    }
}

/// The request message of the RPC that calls `operation`.
fn request_of(operation: Operation) -> Option<MessageDescriptor> {
    let rpc = if operation == Operation::UpdateCustomerSigned { Operation::UpdateCustomer } else { operation };
    message(&format!("{rpc}Request"))
}

fn about_customer(operation: Operation) -> bool {
    let path = operation.path_template();
    path.starts_with("/customers/{id}/") || operation == Operation::SubmitVerification
}

/// The path in a message of a field that Grid has at the top, where this API may have it in a group.
fn find(message: &MessageDescriptor, path: &str) -> Option<String> {
    if message.get_field_by_name(first(path)).is_some() {
        return Some(path.to_owned());
    }
    let groups = message.fields().filter(|field| BODIES.contains(&field.name()) || GROUPS.contains(&field.name()));
    groups.into_iter().find_map(|group| {
        let Kind::Message(within) = group.kind() else { return None };
        find(&within, path).map(|found| format!("{}.{found}", group.name()))
    })
}

/// A path without the prefixes for the request's body or its resource: `$.`, `body.`, `customer.`.
fn in_body(operation: Operation, grid: &str) -> &str {
    let about = match operation {
        Operation::CreateBeneficialOwner | Operation::UpdateBeneficialOwner => "beneficialOwner.",
        Operation::UpdatePlatformConfig => "platformConfig.",
        _ => "customer.",
    };
    ["$.", "body.", about].into_iter().fold(grid, |path, before| path.strip_prefix(before).unwrap_or(path))
}

/// The path of a field that stands in the way of a verification, from Grid's path, which may begin with what has the field.
///
/// For a customer it is the path in CreateCustomerRequest, for an owner in CreateBeneficialOwnerRequest. `resource_id` says
/// whose field it is; where it is not known, the path does, as well as it can.
pub(super) fn of_problem(resource_id: Option<&str>, grid: &str) -> String {
    let (of_customer, of_owner) = (grid.strip_prefix("customer."), grid.strip_prefix("beneficialOwner."));
    let path = snake_path(of_customer.or(of_owner).unwrap_or(grid));
    match resource_id.and_then(|id| id.split_once(':')).map(|(kind, _)| kind) {
        Some("BeneficialOwner") => owner_field(&path),
        Some("Customer") => customer_field(&path),
        Some("Document") => path,
        Some(_) | None if of_owner.is_some() => owner_field(&path),
        Some(_) | None => customer_field(&path),
    }
}

/// A sentence of Grid's with its names of fields in this API's terms: those in `named`, and whatever is plainly one.
///
/// Plainly a field is a known name that no English word could be: `birthDate`, `address.line1`, `currencies[0]`. Words such as
/// `nationality` are replaced only where Grid says that they are the field: in quotes, or with a colon after them.
pub(super) fn in_words(operation: Operation, text: &str, named: &[FieldError]) -> String {
    let is_part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '[' | ']' | '_' | '$');
    let mut said = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(begins) = rest.find(is_part) {
        let (before, from) = rest.split_at(begins);
        let (run, after) = from.split_at(from.find(|c| !is_part(c)).unwrap_or(from.len()));
        // A dot at its end is the sentence's.
        let path = run.trim_end_matches('.');
        let is_quoted = before.ends_with(['\'', '"', '`']) || (path == run && after.starts_with(':'));
        let is_named = named.iter().any(|error| error.field == path);
        let field = in_body(operation, path);
        said.push_str(before);
        if (is_known(field) || is_named) && (field != path || is_telling(path) || is_quoted) {
            said.push_str(&to_api(operation, path));
        } else {
            said.push_str(path);
        }
        said.push_str(run.get(path.len()..).unwrap_or_default());
        rest = after;
    }
    said.push_str(rest);
    said
}

/// Whether a text can't be an English word: `birthDate`, `address.line1`, `currencies[0]`.
fn is_telling(path: &str) -> bool {
    path.starts_with(|c: char| c.is_ascii_lowercase())
        && path.contains(|c: char| c.is_ascii_uppercase() || c == '.' || c == '[')
}

/// Whether each part of a path is a field of this API's in Grid's way of writing.
fn is_known(path: &str) -> bool {
    let is_name = |name: &str| name == "isIncludingDeleted" || FIELD_NAMES.contains(name);
    let name = |segment: &str| segment.split('[').next().is_some_and(is_name);
    path.split('.').all(name)
}

/// The names of all fields, in camel case.
static FIELD_NAMES: LazyLock<HashSet<String>> = LazyLock::new(|| {
    let messages = POOL.iter().flat_map(DescriptorPool::all_messages);
    let own = messages.filter(|message| message.package_name() == "gridgate.v1");
    own.flat_map(|message| message.fields().map(|field| field.json_name().to_owned()).collect::<Vec<_>>()).collect()
});

/// A message of this API.
fn message(name: &str) -> Option<MessageDescriptor> {
    POOL.as_ref()?.get_message_by_name(&format!("gridgate.v1.{name}"))
}

/// The first name in a path.
fn first(path: &str) -> &str {
    path.split(['.', '[']).next().unwrap_or_default()
}

/// The path of an owner's field. Grid may name one without saying that it is of `personalInfo`.
fn owner_field(path: &str) -> String {
    in_one_of(["CreateBeneficialOwnerRequest", "BeneficialOwner"], path)
}

/// The path of a customer's field.
fn customer_field(path: &str) -> String {
    in_one_of(["CreateCustomerRequest", "Customer"], path)
}

fn in_one_of(messages: [&str; 2], path: &str) -> String {
    messages.into_iter().filter_map(message).find_map(|of| find(&of, path)).unwrap_or_else(|| path.to_owned())
}

fn snake_path(grid: &str) -> String {
    grid.split('.').map(snake_case).collect::<Vec<_>>().join(".")
}

/// `currencies[0]` keeps its index; everything before it becomes snake case.
fn snake_case(segment: &str) -> String {
    match segment.split_once('[') {
        Some((name, index)) => format!("{}[{index}", name.to_snake_case()),
        None => segment.to_snake_case(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_the_apis_own() {
        let table = [
            (Operation::CreateCustomer, "email", "email"),
            (Operation::UpdateCustomer, "", ""),
            (Operation::CreateCustomer, "birthDate", "individual.birth_date"),
            (Operation::CreateCustomer, "address.line1", "address.line1"),
            (Operation::CreateCustomer, "$.birthDate", "individual.birth_date"),
            (Operation::CreateCustomer, "body.birthDate", "individual.birth_date"),
            (Operation::CreateCustomer, "/birthDate", "individual.birth_date"),
            (Operation::CreateCustomer, "customer.birthDate", "individual.birth_date"),
            (Operation::CreateCustomer, "$.body.customer.address.line1", "address.line1"),
            (Operation::UpdateCustomer, "customer.birthDate", "customer.individual.birth_date"),
            (Operation::UpdateCustomer, "customer.email", "customer.email"),
            (Operation::UpdateCustomer, "body.customerType", "customer_type"),
            (
                Operation::UpdateBeneficialOwner,
                "beneficialOwner.birthDate",
                "beneficial_owner.personal_info.birth_date",
            ),
            (Operation::UpdatePlatformConfig, "$.umaDomain", "platform_config.uma_domain"),
            (Operation::UpdatePlatformConfig, "body.logoUrl", "platform_config.other_fields.logoUrl"),
            (Operation::CreateCustomer, "pepStatus", "individual.edd.pep_status"),
            (Operation::CreateCustomer, "sourceOfFundsCategories[1]", "individual.edd.source_of_funds_categories[1]"),
            (Operation::CreateCustomer, "businessInfo.naicsCode", "business.business_info.naics_code"),
            (Operation::CreateCustomer, "endUserTermsConsent.ipAddress", "end_user_terms_consent.ip_address"),
            (Operation::UpdateCustomer, "customerType", "customer_type"),
            (Operation::UpdateCustomer, "phoneNumber", "customer.phone_number"),
            (Operation::UpdateCustomerSigned, "fullName", "customer.individual.full_name"),
            (Operation::UpdateCustomer, "businessInfo.taxId", "customer.business.business_info.tax_id"),
            (Operation::CreateBeneficialOwner, "personalInfo.address.postalCode", "personal_info.address.postal_code"),
            (Operation::CreateBeneficialOwner, "birthDate", "personal_info.birth_date"),
            (Operation::UpdateBeneficialOwner, "address.line1", "beneficial_owner.personal_info.address.line1"),
            (Operation::SubmitVerification, "birthDate", "individual.birth_date"),
            (Operation::UpdateBeneficialOwner, "roles[0]", "beneficial_owner.roles[0]"),
            (Operation::UploadDocument, "documentHolder", "metadata.document_holder"),
            (Operation::UploadDocument, "file", "chunk"),
            (Operation::ReplaceDocument, "issuingAuthority", "metadata.issuing_authority"),
            (Operation::ImportCustomers, "file", "chunk"),
            (Operation::ListCustomers, "limit", "page_size"),
            (Operation::ListDocuments, "cursor", "page_token"),
            (Operation::ListCustomers, "isIncludingDeleted", "include_deleted"),
            (Operation::ListVerifications, "verificationStatus", "verification_status"),
            (Operation::CreateKycLink, "redirectUri", "redirect_uri"),
            (Operation::ConfirmPhoneVerification, "code", "code"),
            (Operation::UpdatePlatformConfig, "webhookEndpoint", "platform_config.webhook_endpoint"),
            (
                Operation::UpdatePlatformConfig,
                "supportedCurrencies[1].minAmount",
                "platform_config.supported_currencies[1].min_amount",
            ),
            (
                Operation::UpdatePlatformConfig,
                "embeddedWalletConfig.logoUrl",
                "platform_config.other_fields.embeddedWalletConfig.logoUrl",
            ),
        ];
        for (operation, grid, api) in table {
            assert_eq!(to_api(operation, grid), api, "{operation} {grid}");
        }
    }

    #[test]
    fn sentences_name_fields_as_the_api_does() {
        use Operation::{CreateBeneficialOwner, CreateCustomer, ListCustomers, UpdateCustomer, UploadDocument};
        let table = [
            (CreateCustomer, "birthDate is required", "individual.birth_date is required"),
            (UpdateCustomer, "birthDate: is required.", "customer.individual.birth_date: is required."),
            (CreateCustomer, "$.birthDate is required", "individual.birth_date is required"),
            (CreateCustomer, "body.nationality is $5", "individual.nationality is $5"),
            (UpdateCustomer, "customer.birthDate is required", "customer.individual.birth_date is required"),
            (CreateCustomer, "Check birthDate.", "Check individual.birth_date."),
            (CreateCustomer, "(address.postalCode, currencies[0])", "(address.postal_code, currencies[0])"),
            (CreateCustomer, "`nationality` and 'idType'", "`individual.nationality` and 'individual.id_type'"),
            (CreateCustomer, "nationality: unknown", "individual.nationality: unknown"),
            (CreateCustomer, "The nationality is unknown", "The nationality is unknown"),
            (CreateCustomer, "businessInfo.taxId", "business.business_info.tax_id"),
            (CreateCustomer, "newThing is bad, otherThing too", "new_thing is bad, otherThing too"),
            (
                CreateCustomer,
                "the iPhone of example.com, e.g. INVALID_INPUT",
                "the iPhone of example.com, e.g. INVALID_INPUT",
            ),
            (CreateCustomer, "näme=birthDate…", "näme=individual.birth_date…"),
            (CreateBeneficialOwner, "personalInfo.birthDate", "personal_info.birth_date"),
            (UploadDocument, "documentNumber", "metadata.document_number"),
            (ListCustomers, "isIncludingDeleted", "include_deleted"),
            (CreateCustomer, "", ""),
        ];
        let named = [FieldError { field: "newThing".to_owned(), ..FieldError::default() }];
        for (operation, grid, api) in table {
            assert_eq!(in_words(operation, grid, &named), api, "{operation}");
        }
    }

    #[test]
    fn problems_name_fields_of_whose_they_are() {
        let (customer, owner) = (Some("Customer:1"), Some("BeneficialOwner:1"));
        let table = [
            (customer, "customer.birthDate", "individual.birth_date"),
            (customer, "birthDate", "individual.birth_date"),
            (customer, "customer.address.line1", "address.line1"),
            (customer, "customer.businessInfo.taxId", "business.business_info.tax_id"),
            (
                customer,
                "beneficialOwners[1].personalInfo.lastName",
                "business.beneficial_owners[1].personal_info.last_name",
            ),
            (owner, "personalInfo.birthDate", "personal_info.birth_date"),
            (owner, "birthDate", "personal_info.birth_date"),
            (owner, "beneficialOwner.address.city", "personal_info.address.city"),
            (owner, "ownershipPercentage", "ownership_percentage"),
            (Some("Document:1"), "documentNumber", "document_number"),
            (Some("Thing:1"), "fullName", "individual.full_name"),
            (None, "personalInfo.birthDate", "personal_info.birth_date"),
            (None, "beneficialOwner.birthDate", "personal_info.birth_date"),
            (None, "customer.fullName", "individual.full_name"),
        ];
        for (resource, grid, api) in table {
            assert_eq!(of_problem(resource, grid), api, "{resource:?} {grid}");
        }
    }
}
