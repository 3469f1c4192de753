//! A postal address.

use super::object::object;

object! {
    /// A postal address.
    pub struct Address {
        /// Street address line 1.
        pub line1: Option<String>,
        /// Street address line 2.
        pub line2: Option<String>,
        /// City.
        pub city: Option<String>,
        /// State, province or region.
        pub state: Option<String>,
        /// Postal code.
        pub postal_code: Option<String>,
        /// Country, ISO 3166-1 alpha-2.
        pub country: Option<String>,
    }
}
