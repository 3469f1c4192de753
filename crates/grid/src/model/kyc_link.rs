//! Links to the hosted verification.

use super::object::object;
use super::time::Time;

object! {
    /// The body of `POST /customers/{id}/kyc-link`.
    pub struct KycLinkRequest {
        /// Where the applicant is sent afterwards.
        pub redirect_uri: Option<String>,
    }
}

object! {
    /// A single-use link. It lets its holder act as the applicant, so `Debug` shows neither link nor token.
    pub struct KycLink {
        /// Where to send the applicant.
        pub kyc_url: String [essential],
        /// When the link ends.
        pub expires_at: Option<Time> [shown],
        /// Who verifies, such as `SUMSUB`.
        pub provider: String [shown],
        /// For embedding the provider's SDK instead, where it has one.
        pub token: Option<String>,
    }
}
