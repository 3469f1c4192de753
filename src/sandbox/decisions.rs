//! What Grid's sandbox decides by the last three characters of a field (Grid's guide "Sandbox testing").
//!
//! Individuals are decided by their full name when they are created, businesses by their registration number when
//! they are verified, and their owners by their last name in that moment.

use crate::grid::model::{BeneficialOwner, Customer, CustomerType, KycStatus};

/// What the last three characters of a field ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Suffix {
    /// `001`.
    Pending,
    /// `002`.
    Rejected,
    /// `003`.
    Problematic,
    /// Anything else.
    Approved,
}

impl Suffix {
    /// The suffix of a field's value.
    pub(super) fn of(value: &str) -> Self {
        let mut last = value.trim_end().chars().rev();
        match (last.next(), last.next(), last.next()) {
            (Some('1'), Some('0'), Some('0')) => Self::Pending,
            (Some('2'), Some('0'), Some('0')) => Self::Rejected,
            (Some('3'), Some('0'), Some('0')) => Self::Problematic,
            _ => Self::Approved,
        }
    }

    /// The suffix that decides about a customer. One who has not said the deciding field yet has none; a business
    /// without a registration number counts as "anything else".
    pub(super) fn of_customer(customer: &Customer) -> Option<Self> {
        match customer.customer_type {
            CustomerType::Business => {
                let number = customer.business_info.as_ref().and_then(|info| info.registration_number.as_deref());
                Some(number.map_or(Self::Approved, Self::of))
            }
            CustomerType::Individual | CustomerType::Other(_) => customer.full_name.as_deref().map(Self::of),
        }
    }
}

/// The status a customer is created with.
///
/// An individual without a name is `UNVERIFIED`: there is nothing yet that could decide.
pub(super) fn status_at_creation(customer: &Customer, regulated: bool) -> KycStatus {
    if regulated {
        return KycStatus::Approved;
    }
    match (&customer.customer_type, Suffix::of_customer(customer)) {
        (CustomerType::Business, _) | (_, None | Some(Suffix::Problematic)) => KycStatus::Unverified,
        (_, Some(Suffix::Pending)) => KycStatus::Pending,
        (_, Some(Suffix::Rejected)) => KycStatus::Rejected,
        (_, Some(Suffix::Approved)) => KycStatus::Approved,
    }
}

/// The status of an owner once the business is verified.
pub(super) fn status_of_owner(owner: &BeneficialOwner) -> KycStatus {
    let last_name = owner.personal_info.as_ref().and_then(|info| info.last_name.as_deref());
    match last_name.map_or(Suffix::Approved, Suffix::of) {
        Suffix::Pending => KycStatus::Pending,
        Suffix::Rejected => KycStatus::Rejected,
        Suffix::Problematic | Suffix::Approved => KycStatus::Approved,
    }
}

#[cfg(test)]
mod tests {
    use super::{Suffix, status_at_creation, status_of_owner};
    use crate::grid::model::{BeneficialOwner, BusinessInfo, CustomerType, KycStatus, PersonalInfo};
    use crate::sandbox::customer_record::blank_row;

    #[test]
    fn the_last_three_characters_count() {
        for (value, suffix) in [
            ("Jane Doe001", Suffix::Pending),
            ("Jane Doe 001", Suffix::Pending),
            ("001", Suffix::Pending),
            ("Jane Doe 002", Suffix::Rejected),
            ("Jane Doe 003", Suffix::Problematic),
            ("Jane Doe", Suffix::Approved),
            ("Jane 001 Doe", Suffix::Approved),
            ("01", Suffix::Approved),
            ("", Suffix::Approved),
            ("Zoë Müller", Suffix::Approved),
            ("Jane Doe 004", Suffix::Approved),
        ] {
            assert_eq!(Suffix::of(value), suffix, "{value:?}");
        }
    }

    #[test]
    fn a_customer_starts_as_its_suffix_says() {
        let individual = |name: Option<&str>| {
            let mut row = blank_row("c".into(), "p".into(), CustomerType::Individual);
            row.customer.full_name = name.map(str::to_owned);
            row.customer
        };
        for (name, status) in [
            (Some("Jane Doe 001"), KycStatus::Pending),
            (Some("Jane Doe 002"), KycStatus::Rejected),
            (Some("Jane Doe 003"), KycStatus::Unverified),
            (Some("Jane Doe"), KycStatus::Approved),
            (None, KycStatus::Unverified),
        ] {
            assert_eq!(status_at_creation(&individual(name), false), status, "{name:?}");
            assert_eq!(status_at_creation(&individual(name), true), KycStatus::Approved, "{name:?}");
        }
        for number in [None, Some("BRN-001"), Some("BRN-002"), Some("BRN-003"), Some("5523041")] {
            let mut business = blank_row("c".into(), "p".into(), CustomerType::Business).customer;
            business.business_info =
                Some(BusinessInfo { registration_number: number.map(str::to_owned), ..BusinessInfo::default() });
            assert_eq!(status_at_creation(&business, false), KycStatus::Unverified, "{number:?}");
            assert_eq!(status_at_creation(&business, true), KycStatus::Approved, "{number:?}");
        }
    }

    #[test]
    fn owners_follow_their_last_name() {
        for (name, status) in [
            (Some("Doe001"), KycStatus::Pending),
            (Some("Doe002"), KycStatus::Rejected),
            (Some("Doe003"), KycStatus::Approved),
            (Some("Doe"), KycStatus::Approved),
            (None, KycStatus::Approved),
        ] {
            let owner = BeneficialOwner {
                personal_info: Some(PersonalInfo { last_name: name.map(str::to_owned), ..PersonalInfo::default() }),
                ..BeneficialOwner::default()
            };
            assert_eq!(status_of_owner(&owner), status, "{name:?}");
        }
    }
}
