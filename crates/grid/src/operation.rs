//! Every operation of Grid's API that the client calls, and what is known of each without looking at a request.

use std::fmt;

use reqwest::Method;

/// Whether a request may be repeated when the outcome of the first attempt is unknown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Repeatable {
    /// It only reads.
    Read,
    /// It changes something, but the second time changes nothing more.
    Mutation,
    /// A second one may act a second time: it is sent once.
    Never,
}

/// What an operation does at Grid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OperationKind {
    /// It changes nothing.
    Reads,
    /// It makes a resource. A conflict means that there is one like it already.
    Creates,
    /// It changes something else.
    Changes,
}

macro_rules! operations {
    ($($(#[$doc:meta])* $variant:ident = $kind:ident $method:ident $path:literal, $repeatable:ident;)+) => {
        /// One operation of Grid's API.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Operation { $($(#[$doc])* $variant,)+ }

        impl Operation {
            /// Every operation.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// Name for logs and metrics, such as `CreateCustomer`.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => stringify!($variant),)+ }
            }

            /// What it does.
            #[must_use]
            pub const fn kind(self) -> OperationKind {
                match self { $(Self::$variant => OperationKind::$kind,)+ }
            }

            /// HTTP method.
            #[must_use]
            pub const fn method(self) -> Method {
                match self { $(Self::$variant => Method::$method,)+ }
            }

            /// Path below the base URL, with the id's place in braces: for logs and metrics.
            #[must_use]
            pub const fn path_template(self) -> &'static str {
                match self { $(Self::$variant => $path,)+ }
            }

            /// Whether it may be sent again blindly.
            #[must_use]
            pub const fn repeatable(self) -> Repeatable {
                match self { $(Self::$variant => Repeatable::$repeatable,)+ }
            }
        }
    };
}

operations! {
    /// Creates a customer.
    CreateCustomer = Creates POST "/customers", Never;
    /// Reads a customer.
    GetCustomer = Reads GET "/customers/{id}", Read;
    /// Reads a page of customers.
    ListCustomers = Reads GET "/customers", Read;
    /// Changes a customer.
    UpdateCustomer = Changes PATCH "/customers/{id}", Mutation;
    /// Changes a customer, with the wallet's signature of a challenge. The challenge is used up by it.
    UpdateCustomerSigned = Changes PATCH "/customers/{id}", Never;
    /// Deletes a customer.
    DeleteCustomer = Changes DELETE "/customers/{id}", Mutation;
    /// Makes a link to the hosted verification; its `Idempotency-Key` makes it repeatable.
    CreateKycLink = Changes POST "/customers/{id}/kyc-link", Mutation;
    /// Sends a code by email.
    SendEmailVerification = Changes POST "/customers/{id}/verify-email", Never;
    /// Confirms the code sent by email.
    ConfirmEmailVerification = Changes POST "/customers/{id}/verify-email/confirm", Never;
    /// Sends a code by SMS.
    SendPhoneVerification = Changes POST "/customers/{id}/verify-phone", Never;
    /// Confirms the code sent by SMS.
    ConfirmPhoneVerification = Changes POST "/customers/{id}/verify-phone/confirm", Never;
    /// Imports customers from a CSV.
    ImportCustomers = Changes POST "/customers/bulk/csv", Never;
    /// Reads an import job.
    GetImportJob = Reads GET "/customers/bulk/jobs/{id}", Read;
    /// Reads the agreements that Grid supports.
    ListAgreements = Reads GET "/customers/agreements", Read;
    /// Reads the End User Terms in force.
    GetEndUserTerms = Reads GET "/customers/end-user-terms", Read;
    /// Adds an owner to a business.
    CreateBeneficialOwner = Creates POST "/beneficial-owners", Never;
    /// Reads an owner.
    GetBeneficialOwner = Reads GET "/beneficial-owners/{id}", Read;
    /// Reads a page of a business's owners.
    ListBeneficialOwners = Reads GET "/beneficial-owners", Read;
    /// Changes an owner.
    UpdateBeneficialOwner = Changes PATCH "/beneficial-owners/{id}", Mutation;
    /// Takes an owner off a business.
    DeleteBeneficialOwner = Changes DELETE "/beneficial-owners/{id}", Mutation;
    /// Uploads a document.
    UploadDocument = Changes POST "/documents", Never;
    /// Replaces a document.
    ReplaceDocument = Changes PUT "/documents/{id}", Mutation;
    /// Reads what is known of a document.
    GetDocument = Reads GET "/documents/{id}", Read;
    /// Reads a page of documents.
    ListDocuments = Reads GET "/documents", Read;
    /// Deletes a document.
    DeleteDocument = Changes DELETE "/documents/{id}", Mutation;
    /// Submits a customer for verification.
    SubmitVerification = Changes POST "/verifications", Never;
    /// Reads a verification.
    GetVerification = Reads GET "/verifications/{id}", Read;
    /// Reads a page of verifications.
    ListVerifications = Reads GET "/verifications", Read;
    /// Reads the platform's configuration.
    GetPlatformConfig = Reads GET "/config", Read;
    /// Changes the platform's configuration.
    UpdatePlatformConfig = Changes PATCH "/config", Mutation;
    /// Asks Grid for a test webhook.
    SendTestWebhook = Changes POST "/webhooks/test", Never;
}

impl Operation {
    /// Whether it changes nothing at Grid.
    #[must_use]
    pub const fn is_read(self) -> bool {
        matches!(self.kind(), OperationKind::Reads)
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
