//! The API as its descriptors have it, and what of Grid stands behind each RPC.
//!
//! The table says it a second time, independently of the program: a mistake in one shows against the other.

use std::sync::LazyLock;

use prost_reflect::{DescriptorPool, FieldDescriptor, MessageDescriptor, MethodDescriptor, Value};

/// Every message and service.
pub static POOL: LazyLock<DescriptorPool> =
    LazyLock::new(|| DescriptorPool::decode(gridgate::pb::FILE_DESCRIPTOR_SET).unwrap());

/// One RPC, and the operation of Grid's that it is.
#[derive(Debug)]
pub struct Rpc {
    pub name: &'static str,
    pub method: &'static str,
    /// Below Grid's base URL, `*` in the place of the id.
    pub path: &'static str,
    /// The request's field that is the id in the path.
    pub id: Option<&'static str>,
    /// What else of the request is sent, and how.
    pub sends: Sends,
    /// The response's field that Grid's answer becomes; empty: the response itself.
    pub answers: &'static str,
    /// The status of Grid's answer.
    pub status: u16,
    pub repeat: Repeat,
}

/// What is sent beside the id in the path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sends {
    Nothing,
    /// Query parameters, from the request's own fields.
    Query,
    /// JSON, from this field of the request; empty: from the request's own fields.
    Json(&'static str),
    /// Multipart: `metadata`, and the file from `chunk`.
    Document,
    /// Multipart: the file from `chunk`.
    Csv,
}

/// How often Grid may get a request that nobody knows the fate of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Repeat {
    /// It only reads.
    Read,
    /// It changes nothing more the second time.
    Mutation,
    /// Once.
    Never,
}

const fn rpc(name: &'static str, method: &'static str, path: &'static str, repeat: Repeat) -> Rpc {
    Rpc { name, method, path, id: None, sends: Sends::Nothing, answers: "", status: 200, repeat }
}

impl Rpc {
    const fn id(self, id: &'static str) -> Self {
        Self { id: Some(id), ..self }
    }

    const fn sends(self, sends: Sends) -> Self {
        Self { sends, ..self }
    }

    const fn answers(self, status: u16, answers: &'static str) -> Self {
        Self { status, answers, ..self }
    }

    /// The RPC of this name.
    pub fn named(name: &str) -> &'static Rpc {
        RPCS.iter().find(|rpc| rpc.name == name).unwrap_or_else(|| panic!("no RPC is called {name}"))
    }

    pub fn descriptor(&self) -> MethodDescriptor {
        let mut methods = POOL.services().flat_map(|service| service.methods().collect::<Vec<_>>());
        methods.find(|method| method.name() == self.name).unwrap()
    }

    pub fn request(&self) -> MessageDescriptor {
        self.descriptor().input()
    }

    pub fn response(&self) -> MessageDescriptor {
        self.descriptor().output()
    }

    /// Path of the request's field that what is sent stands in; empty: the request itself.
    pub fn sent_from(&self) -> &'static str {
        match self.sends {
            Sends::Json(field) => field,
            Sends::Document => "metadata",
            Sends::Nothing | Sends::Query | Sends::Csv => "",
        }
    }

    /// The message that what is sent stands in.
    pub fn sent(&self) -> MessageDescriptor {
        message_at(&self.request(), self.sent_from())
    }

    /// The message that Grid's answer becomes.
    pub fn answered(&self) -> MessageDescriptor {
        message_at(&self.response(), self.answers)
    }

    /// Whether its request is a stream of messages.
    pub fn is_upload(&self) -> bool {
        matches!(self.sends, Sends::Document | Sends::Csv)
    }

    /// Grid's path with this id in it.
    pub fn path_of(&self, id: &str) -> String {
        self.path.replace('*', id)
    }
}

fn message_at(message: &MessageDescriptor, field: &str) -> MessageDescriptor {
    if field.is_empty() {
        return message.clone();
    }
    message.get_field_by_name(field).unwrap().kind().as_message().unwrap().clone()
}

/// Whether a field is marked as personal in the protos.
pub fn is_personal(field: &FieldDescriptor) -> bool {
    let option = POOL.get_extension_by_name("gridgate.options.v1.personal").unwrap();
    *field.options().get_extension(&option) == Value::Bool(true)
}

use Repeat::{Mutation, Never, Read};

/// Every RPC that asks Grid.
pub static RPCS: &[Rpc] = &[
    rpc("CreateCustomer", "POST", "/customers", Never).sends(Sends::Json("")).answers(201, "customer"),
    rpc("GetCustomer", "GET", "/customers/*", Read).id("customer_id").answers(200, "customer"),
    rpc("ListCustomers", "GET", "/customers", Read).sends(Sends::Query),
    rpc("UpdateCustomer", "PATCH", "/customers/*", Mutation)
        .id("customer_id")
        .sends(Sends::Json("customer"))
        .answers(200, "customer"),
    rpc("DeleteCustomer", "DELETE", "/customers/*", Mutation).id("customer_id").answers(200, "customer"),
    rpc("CreateKycLink", "POST", "/customers/*/kyc-link", Mutation)
        .id("customer_id")
        .sends(Sends::Json(""))
        .answers(201, "kyc_link"),
    rpc("SendEmailVerification", "POST", "/customers/*/verify-email", Never).id("customer_id").answers(204, ""),
    rpc("ConfirmEmailVerification", "POST", "/customers/*/verify-email/confirm", Never)
        .id("customer_id")
        .sends(Sends::Json(""))
        .answers(200, "customer"),
    rpc("SendPhoneVerification", "POST", "/customers/*/verify-phone", Never).id("customer_id").answers(204, ""),
    rpc("ConfirmPhoneVerification", "POST", "/customers/*/verify-phone/confirm", Never)
        .id("customer_id")
        .sends(Sends::Json(""))
        .answers(200, "customer"),
    rpc("ImportCustomers", "POST", "/customers/bulk/csv", Never).sends(Sends::Csv).answers(202, ""),
    rpc("GetImportJob", "GET", "/customers/bulk/jobs/*", Read).id("job_id").answers(200, "import_job"),
    rpc("ListAgreements", "GET", "/customers/agreements", Read),
    rpc("GetEndUserTerms", "GET", "/customers/end-user-terms", Read).answers(200, "end_user_terms"),
    rpc("CreateBeneficialOwner", "POST", "/beneficial-owners", Never)
        .sends(Sends::Json(""))
        .answers(201, "beneficial_owner"),
    rpc("GetBeneficialOwner", "GET", "/beneficial-owners/*", Read)
        .id("beneficial_owner_id")
        .answers(200, "beneficial_owner"),
    rpc("ListBeneficialOwners", "GET", "/beneficial-owners", Read).sends(Sends::Query),
    rpc("UpdateBeneficialOwner", "PATCH", "/beneficial-owners/*", Mutation)
        .id("beneficial_owner_id")
        .sends(Sends::Json("beneficial_owner"))
        .answers(200, "beneficial_owner"),
    rpc("DeleteBeneficialOwner", "DELETE", "/beneficial-owners/*", Mutation).id("beneficial_owner_id").answers(204, ""),
    rpc("UploadDocument", "POST", "/documents", Never).sends(Sends::Document).answers(201, "document"),
    rpc("ReplaceDocument", "PUT", "/documents/*", Mutation)
        .id("metadata.document_id")
        .sends(Sends::Document)
        .answers(200, "document"),
    rpc("GetDocument", "GET", "/documents/*", Read).id("document_id").answers(200, "document"),
    rpc("ListDocuments", "GET", "/documents", Read).sends(Sends::Query),
    rpc("DeleteDocument", "DELETE", "/documents/*", Mutation).id("document_id").answers(204, ""),
    rpc("SubmitVerification", "POST", "/verifications", Never).sends(Sends::Json("")).answers(200, "verification"),
    rpc("GetVerification", "GET", "/verifications/*", Read).id("verification_id").answers(200, "verification"),
    rpc("ListVerifications", "GET", "/verifications", Read).sends(Sends::Query),
    rpc("GetPlatformConfig", "GET", "/config", Read).answers(200, "platform_config"),
    rpc("UpdatePlatformConfig", "PATCH", "/config", Mutation)
        .sends(Sends::Json("platform_config"))
        .answers(200, "platform_config"),
];

/// What knows nothing of a single call to Grid.
const EVENTS: &str = "gridgate.v1.KycEventService";

#[test]
fn every_rpc_is_in_the_table_once() {
    let services = POOL
        .services()
        .filter(|service| service.full_name().starts_with("gridgate.v1.") && service.full_name() != EVENTS);
    let mut served: Vec<_> = services
        .flat_map(|service| service.methods().map(|method| method.name().to_owned()).collect::<Vec<_>>())
        .collect();
    let mut listed: Vec<_> = RPCS.iter().map(|rpc| rpc.name.to_owned()).collect();
    served.sort();
    listed.sort();
    assert_eq!(listed, served);
}
