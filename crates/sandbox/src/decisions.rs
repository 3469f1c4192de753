//! What Grid's sandbox decides by the last three characters of a field (Grid's guide "Sandbox testing").
//!
//! An individual is decided by the full name and a business by the registration number, when a complete verification or
//! the hosted flow is submitted; a business's owners by their last names in that moment. Until September 2026 individuals
//! were decided when they were created ([`Rules::AtCreation`]).

use gridgate_grid::model::{BeneficialOwner, Customer, CustomerType, KycStatus};

/// When the suffixes decide.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rules {
    /// When a complete customer is submitted: Grid's rules since September 2026.
    AtVerification,
    /// About individuals when they are created: Grid's rules until then.
    AtCreation,
}

impl Rules {
    /// The rules that go with the setting `sandbox.approve_at_creation`.
    pub(super) fn of(approve_at_creation: bool) -> Self {
        if approve_at_creation { Self::AtCreation } else { Self::AtVerification }
    }
}

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
            CustomerType::Individual | CustomerType::Other(_) => customer.individual.full_name.as_deref().map(Self::of),
        }
    }
}

/// The status a customer is created with.
///
/// By the old rules, an individual without a name is `UNVERIFIED`: there is nothing yet that could decide.
pub(super) fn status_at_creation(customer: &Customer, regulated: bool, rules: Rules) -> KycStatus {
    if regulated {
        return KycStatus::Approved;
    }
    if rules == Rules::AtVerification {
        return KycStatus::Unverified;
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
    use super::{Rules, Suffix, status_at_creation, status_of_owner};
    use crate::customer_record::blank_row;
    use gridgate_grid::model::{BeneficialOwner, BusinessInfo, CustomerType, KycStatus, PersonalInfo};

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
    fn a_customer_starts_as_the_rules_say() {
        let individual = |name: Option<&str>| {
            let mut row = blank_row("c".into(), "p".into(), CustomerType::Individual);
            row.customer.individual.full_name = name.map(str::to_owned);
            row.customer
        };
        for (name, status) in [
            (Some("Jane Doe 001"), KycStatus::Pending),
            (Some("Jane Doe 002"), KycStatus::Rejected),
            (Some("Jane Doe 003"), KycStatus::Unverified),
            (Some("Jane Doe"), KycStatus::Approved),
            (None, KycStatus::Unverified),
        ] {
            let start = |regulated, rules| status_at_creation(&individual(name), regulated, rules);
            assert_eq!(start(false, Rules::AtCreation), status, "{name:?}");
            assert_eq!(start(false, Rules::AtVerification), KycStatus::Unverified, "{name:?}");
            assert_eq!(start(true, Rules::AtCreation), KycStatus::Approved, "{name:?}");
            assert_eq!(start(true, Rules::AtVerification), KycStatus::Approved, "{name:?}");
        }
        for number in [None, Some("BRN-001"), Some("BRN-002"), Some("BRN-003"), Some("5523041")] {
            let mut business = blank_row("c".into(), "p".into(), CustomerType::Business).customer;
            business.business_info =
                Some(BusinessInfo { registration_number: number.map(str::to_owned), ..BusinessInfo::default() });
            for rules in [Rules::AtVerification, Rules::AtCreation] {
                assert_eq!(status_at_creation(&business, false, rules), KycStatus::Unverified, "{number:?}");
                assert_eq!(status_at_creation(&business, true, rules), KycStatus::Approved, "{number:?}");
            }
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
