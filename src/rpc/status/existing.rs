//! Describes a resource that exists already, for ALREADY_EXISTS.

use crate::grid::Operation;
use crate::rpc::error::Resource;

/// The resource that makes a call end as ALREADY_EXISTS: as it was found, or else as the error alone describes it.
pub(super) fn resource(operation: Operation, about: Option<Resource>) -> Resource {
    let found = about.as_ref().is_some_and(|about| !about.description.is_empty());
    let owner = match about {
        Some(found_out) if found => return found_out,
        other => other.map(|about| about.name).unwrap_or_default(),
    };
    let (resource_type, owner, description) = if operation == Operation::CreateBeneficialOwner {
        ("gridgate.v1.BeneficialOwner", owner, "the customer has such an owner already: see ListBeneficialOwners")
    } else if operation == Operation::UploadDocument {
        ("gridgate.v1.Document", owner, "the holder has such a document already: see ListDocuments")
    } else if operation == Operation::ReplaceDocument {
        ("gridgate.v1.Document", String::new(), "there is such a document already: see ListDocuments")
    } else {
        // Grid looks through the accounts of all customers, and does not say whose it is.
        let unknown = "another customer or account has it already; Grid does not say which";
        ("gridgate.v1.Customer", String::new(), unknown)
    };
    Resource { resource_type, owner, description: description.to_owned(), ..Resource::default() }
}
