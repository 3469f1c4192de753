//! Verification of a customer's email address and phone number.

use super::object::object;
use super::open_enum::open_enum;

open_enum! {
    /// State of one channel.
    ContactVerificationStatus {
        /// Required, not done.
        Pending = "PENDING",
        /// Confirmed.
        Verified = "VERIFIED",
    }
}

object! {
    /// Which channels have to be verified, and how far each is. A channel that is absent is not required.
    #[derive(Debug)]
    pub struct ContactVerification {
        /// The email address.
        pub email: Option<ContactVerificationStatus>,
        /// The phone number.
        pub phone: Option<ContactVerificationStatus>,
    }
}

object! {
    /// The body of the two confirm calls.
    pub struct ContactVerificationConfirm {
        /// The one-time code the customer received.
        pub code: String,
    }
}
