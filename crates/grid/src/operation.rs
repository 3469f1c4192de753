//! Every operation of Grid's API that the client calls, and what is known of each without looking at a request.

use std::fmt;

use reqwest::Method;

/// Whether a request may be sent a second time when nobody knows what became of the first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Repeatable {
    /// It only reads.
    Read,
    /// It changes something, but the second time changes nothing more.
    Mutation,
    /// A second one may act a second time: it is sent once.
    Never,
}

macro_rules! operations {
    ($($(#[$doc:meta])* $variant:ident = $method:ident $path:literal, $repeatable:ident;)+) => {
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
    CreateCustomer = POST "/customers", Never;
    /// Reads a customer.
    GetCustomer = GET "/customers/{id}", Read;
    /// Reads a page of customers.
    ListCustomers = GET "/customers", Read;
    /// Changes a customer.
    UpdateCustomer = PATCH "/customers/{id}", Mutation;
    /// Changes a customer, with the wallet's signature of a challenge. The challenge is used up by it.
    UpdateCustomerSigned = PATCH "/customers/{id}", Never;
    /// Deletes a customer.
    DeleteCustomer = DELETE "/customers/{id}", Mutation;
    /// Makes a link to the hosted verification; its `Idempotency-Key` makes it repeatable.
    CreateKycLink = POST "/customers/{id}/kyc-link", Mutation;
    /// Sends a code by email.
    SendEmailVerification = POST "/customers/{id}/verify-email", Never;
    /// Confirms the code sent by email.
    ConfirmEmailVerification = POST "/customers/{id}/verify-email/confirm", Never;
    /// Sends a code by SMS.
    SendPhoneVerification = POST "/customers/{id}/verify-phone", Never;
    /// Confirms the code sent by SMS.
    ConfirmPhoneVerification = POST "/customers/{id}/verify-phone/confirm", Never;
    /// Imports customers from a CSV.
    ImportCustomers = POST "/customers/bulk/csv", Never;
    /// Reads an import job.
    GetImportJob = GET "/customers/bulk/jobs/{id}", Read;
    /// Reads the agreements that Grid supports.
    ListAgreements = GET "/customers/agreements", Read;
    /// Reads the End User Terms in force.
    GetEndUserTerms = GET "/customers/end-user-terms", Read;
    /// Adds an owner to a business.
    CreateBeneficialOwner = POST "/beneficial-owners", Never;
    /// Reads an owner.
    GetBeneficialOwner = GET "/beneficial-owners/{id}", Read;
    /// Reads a page of a business's owners.
    ListBeneficialOwners = GET "/beneficial-owners", Read;
    /// Changes an owner.
    UpdateBeneficialOwner = PATCH "/beneficial-owners/{id}", Mutation;
    /// Takes an owner off a business.
    DeleteBeneficialOwner = DELETE "/beneficial-owners/{id}", Mutation;
    /// Uploads a document.
    UploadDocument = POST "/documents", Never;
    /// Replaces a document.
    ReplaceDocument = PUT "/documents/{id}", Mutation;
    /// Reads what is known of a document.
    GetDocument = GET "/documents/{id}", Read;
    /// Reads a page of documents.
    ListDocuments = GET "/documents", Read;
    /// Deletes a document.
    DeleteDocument = DELETE "/documents/{id}", Mutation;
    /// Submits a customer for verification.
    SubmitVerification = POST "/verifications", Never;
    /// Reads a verification.
    GetVerification = GET "/verifications/{id}", Read;
    /// Reads a page of verifications.
    ListVerifications = GET "/verifications", Read;
    /// Reads the platform's configuration.
    GetPlatformConfig = GET "/config", Read;
    /// Changes the platform's configuration.
    UpdatePlatformConfig = PATCH "/config", Mutation;
    /// Asks Grid for a test webhook.
    SendTestWebhook = POST "/webhooks/test", Never;
}

impl Operation {
    /// Whether it changes nothing at Grid.
    #[must_use]
    pub const fn is_read(self) -> bool {
        matches!(self.repeatable(), Repeatable::Read)
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
