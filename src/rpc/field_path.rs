//! Grid's field paths, such as `businessInfo.legalName`, in the API's own terms.

use heck::ToSnakeCase;

use crate::grid::Operation;

/// Fields that stand at the top of a customer in Grid's JSON, and in `individual` here.
const INDIVIDUAL: [&str; 6] =
    ["full_name", "birth_date", "nationality", "id_type", "identifier", "country_of_issuance"];
/// Fields that stand at the top of a customer in Grid's JSON, and in `individual.edd` here.
const EDD: [&str; 11] = [
    "source_of_funds_categories",
    "source_of_funds_other_description",
    "source_of_wealth_categories",
    "source_of_wealth_other_description",
    "purpose_of_account",
    "purpose_of_account_other_description",
    "expected_monthly_transaction_count",
    "expected_monthly_transaction_volume",
    "annual_income_range",
    "net_worth_range",
    "pep_status",
];

/// The path of a field in the request message of `operation`, from Grid's path.
///
/// A path that Grid invents later still comes out as snake case, so it stays readable.
pub(super) fn to_api(operation: Operation, grid: &str) -> String {
    let path = grid.split('.').map(snake_case).collect::<Vec<_>>().join(".");
    match operation {
        Operation::CreateCustomer => customer_field(&path),
        Operation::UpdateCustomer | Operation::UpdateCustomerSigned => match path.as_str() {
            "customer_type" => path,
            _ => format!("customer.{}", customer_field(&path)),
        },
        Operation::UpdateBeneficialOwner => format!("beneficial_owner.{path}"),
        Operation::UploadDocument | Operation::ReplaceDocument => match path.as_str() {
            "file" => "chunk".to_owned(),
            _ => format!("metadata.{path}"),
        },
        Operation::ImportCustomers => match path.as_str() {
            "file" => "chunk".to_owned(),
            _ => path,
        },
        Operation::ListCustomers
        | Operation::ListBeneficialOwners
        | Operation::ListDocuments
        | Operation::ListVerifications => match path.as_str() {
            "limit" => "page_size".to_owned(),
            "cursor" => "page_token".to_owned(),
            "is_including_deleted" => "include_deleted".to_owned(),
            _ => path,
        },
        Operation::GetCustomer
        | Operation::DeleteCustomer
        | Operation::CreateKycLink
        | Operation::SendEmailVerification
        | Operation::ConfirmEmailVerification
        | Operation::SendPhoneVerification
        | Operation::ConfirmPhoneVerification
        | Operation::GetImportJob
        | Operation::GetEndUserTerms
        | Operation::CreateBeneficialOwner
        | Operation::GetBeneficialOwner
        | Operation::GetDocument
        | Operation::DeleteDocument
        | Operation::SubmitVerification
        | Operation::GetVerification
        | Operation::GetPlatformConfig
        | Operation::SendTestWebhook => path,
    }
}

fn customer_field(path: &str) -> String {
    let first = path.split(['.', '[']).next().unwrap_or_default();
    if INDIVIDUAL.contains(&first) {
        format!("individual.{path}")
    } else if EDD.contains(&first) {
        format!("individual.edd.{path}")
    } else if first == "business_info" {
        format!("business.{path}")
    } else {
        path.to_owned()
    }
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
            (Operation::CreateCustomer, "birthDate", "individual.birth_date"),
            (Operation::CreateCustomer, "address.line1", "address.line1"),
            (Operation::CreateCustomer, "pepStatus", "individual.edd.pep_status"),
            (Operation::CreateCustomer, "sourceOfFundsCategories[1]", "individual.edd.source_of_funds_categories[1]"),
            (Operation::CreateCustomer, "businessInfo.naicsCode", "business.business_info.naics_code"),
            (Operation::CreateCustomer, "endUserTermsConsent.ipAddress", "end_user_terms_consent.ip_address"),
            (Operation::UpdateCustomer, "customerType", "customer_type"),
            (Operation::UpdateCustomer, "phoneNumber", "customer.phone_number"),
            (Operation::UpdateCustomerSigned, "fullName", "customer.individual.full_name"),
            (Operation::UpdateCustomer, "businessInfo.taxId", "customer.business.business_info.tax_id"),
            (Operation::CreateBeneficialOwner, "personalInfo.address.postalCode", "personal_info.address.postal_code"),
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
        ];
        for (operation, grid, api) in table {
            assert_eq!(to_api(operation, grid), api, "{operation} {grid}");
        }
    }
}
