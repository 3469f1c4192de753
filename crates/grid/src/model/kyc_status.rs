//! The status of a KYC or KYB.

use super::open_enum::open_enum;

open_enum! {
    /// `kycStatus` of a person and `kybStatus` of a business; Grid uses the same words for both.
    KycStatus {
        /// Nothing has been submitted yet.
        Unverified = "UNVERIFIED",
        /// Submitted, not decided.
        Pending = "PENDING",
        /// Decided: may transact.
        Approved = "APPROVED",
        /// Decided: may not transact.
        Rejected = "REJECTED",
        /// Put on hold by a reviewer; more information may be asked for. No webhook reports it.
        Hold = "HOLD",
    }
}
