//! The closed vocabularies of Grid's requests (OpenAPI, the enums of the schemas named beside each).

pub(super) const CUSTOMER_TYPES: &[&str] = &["INDIVIDUAL", "BUSINESS"];

/// `IdentificationType`, for beneficial owners.
pub(super) const ID_TYPES: &[&str] = &["SSN", "ITIN", "EIN", "NON_US_TAX_ID"];

/// What an individual customer may have as `idType` ("only SSN and ITIN are currently accepted").
pub(super) const INDIVIDUAL_ID_TYPES: &[&str] = &["SSN", "ITIN"];

pub(super) const OWNER_ROLES: &[&str] =
    &["UBO", "DIRECTOR", "COMPANY_OFFICER", "CONTROL_PERSON", "TRUSTEE", "GENERAL_PARTNER"];

pub(super) const ENTITY_TYPES: &[&str] = &[
    "SOLE_PROPRIETORSHIP",
    "PARTNERSHIP",
    "LLC",
    "CORPORATION",
    "S_CORPORATION",
    "NON_PROFIT",
    "PUBLICLY_LISTED_COMPANY",
    "TRUST",
    "PRIVATE_FOUNDATION",
    "CHARITY",
    "OTHER",
];

pub(super) const BUSINESS_TYPES: &[&str] = &[
    "AGRICULTURE_FORESTRY_FISHING_AND_HUNTING",
    "MINING_QUARRYING_AND_OIL_AND_GAS_EXTRACTION",
    "UTILITIES",
    "CONSTRUCTION",
    "MANUFACTURING",
    "WHOLESALE_TRADE",
    "RETAIL_TRADE",
    "TRANSPORTATION_AND_WAREHOUSING",
    "INFORMATION",
    "FINANCE_AND_INSURANCE",
    "REAL_ESTATE_AND_RENTAL_AND_LEASING",
    "PROFESSIONAL_SCIENTIFIC_AND_TECHNICAL_SERVICES",
    "MANAGEMENT_OF_COMPANIES_AND_ENTERPRISES",
    "ADMINISTRATIVE_AND_SUPPORT_AND_WASTE_MANAGEMENT_AND_REMEDIATION_SERVICES",
    "EDUCATIONAL_SERVICES",
    "HEALTH_CARE_AND_SOCIAL_ASSISTANCE",
    "ARTS_ENTERTAINMENT_AND_RECREATION",
    "ACCOMMODATION_AND_FOOD_SERVICES",
    "OTHER_SERVICES",
    "PUBLIC_ADMINISTRATION",
];

pub(super) const PURPOSES_OF_ACCOUNT: &[&str] = &[
    "CONTRACTOR_PAYOUTS",
    "CREATOR_PAYOUTS",
    "EMPLOYEE_PAYOUTS",
    "MARKETPLACE_SELLER_PAYOUTS",
    "SUPPLIER_PAYMENTS",
    "CROSS_BORDER_B2B",
    "AR_AUTOMATION",
    "AP_AUTOMATION",
    "EMBEDDED_PAYMENTS",
    "PLATFORM_FEE_COLLECTION",
    "P2P_TRANSFERS",
    "CHARITABLE_DONATIONS",
    "OTHER",
];

pub(super) const TRANSACTION_COUNTS: &[&str] =
    &["COUNT_UNDER_10", "COUNT_10_TO_100", "COUNT_100_TO_500", "COUNT_500_TO_1000", "COUNT_OVER_1000"];

pub(super) const TRANSACTION_VOLUMES: &[&str] =
    &["VOLUME_UNDER_10K", "VOLUME_10K_TO_100K", "VOLUME_100K_TO_1M", "VOLUME_1M_TO_10M", "VOLUME_OVER_10M"];

/// `SourceOfFundsCategory`, of businesses.
pub(super) const BUSINESS_FUNDS: &[&str] =
    &["OPERATING_REVENUE", "INVESTMENT_INCOME", "LOANS", "VENTURE_CAPITAL", "PERSONAL_SAVINGS", "DONATIONS", "OTHER"];

/// `IndividualSourceOfFundsCategory`.
pub(super) const INDIVIDUAL_FUNDS: &[&str] = &[
    "SALARY",
    "SELF_EMPLOYMENT_INCOME",
    "INVESTMENT_INCOME",
    "PENSION",
    "RENTAL_INCOME",
    "GIFT",
    "INHERITANCE",
    "LOAN",
    "SAVINGS",
    "SALE_OF_ASSETS",
    "OTHER",
];

pub(super) const WEALTH_SOURCES: &[&str] = &[
    "SALARY",
    "BUSINESS_INCOME",
    "INVESTMENTS",
    "INHERITANCE",
    "PROPERTY_SALE",
    "GIFT",
    "RETIREMENT",
    "SAVINGS",
    "OTHER",
];

pub(super) const INCOME_RANGES: &[&str] =
    &["UNDER_50K", "RANGE_50K_100K", "RANGE_100K_250K", "RANGE_250K_1M", "OVER_1M"];

pub(super) const NET_WORTH_RANGES: &[&str] =
    &["UNDER_100K", "RANGE_100K_500K", "RANGE_500K_1M", "RANGE_1M_5M", "RANGE_5M_25M", "OVER_25M"];

pub(super) const PEP_STATUSES: &[&str] = &["NONE", "DOMESTIC", "FOREIGN", "HIO", "FAMILY_OR_ASSOCIATE"];

pub(super) const AGREEMENT_TYPES: &[&str] = &[
    "LIGHTSPARK_END_USER_TERMS",
    "LIGHTSPARK_E_SIGN_CONSENT",
    "LIGHTSPARK_PRIVACY_POLICY",
    "LEAD_E_SIGN_CONSENT",
    "LEAD_ACCOUNTHOLDER_AGREEMENT",
    "LEAD_PRIVACY_POLICY",
    "LEAD_CARDHOLDER_AGREEMENT",
];

/// `EndUserTermsAcceptanceMethod`, and the `acceptanceMethod` of an `AgreementConsent`.
pub(super) const ACCEPTANCE_METHODS: &[&str] = &["CHECKBOX", "CLICK_TO_ACCEPT"];

pub(super) const DOCUMENT_TYPES: &[&str] = &[
    "PASSPORT",
    "DRIVERS_LICENSE",
    "NATIONAL_ID",
    "PROOF_OF_ADDRESS",
    "BANK_STATEMENT",
    "TAX_RETURN",
    "CERTIFICATE_OF_INCORPORATION",
    "ARTICLES_OF_INCORPORATION",
    "ARTICLES_OF_ASSOCIATION",
    "STATE_REGISTRY_EXCERPT",
    "GOOD_STANDING_CERTIFICATE",
    "INFORMATION_STATEMENT",
    "INCUMBENCY_CERTIFICATE",
    "BUSINESS_LICENSE",
    "SHAREHOLDER_REGISTER",
    "POWER_OF_ATTORNEY",
    "UTILITY_BILL",
    "ELECTRICITY_BILL",
    "RENT_OR_LEASE_AGREEMENT",
    "DIRECTOR_REGISTRY",
    "TRUST_AGREEMENT",
    "STATE_COMPANY_REGISTRY",
    "PARTNERSHIP_CONTROL_AGREEMENT",
    "PARTNERSHIP_AGREEMENT",
    "SELFIE",
    "OTHER",
];

/// The documents that prove who a person is (OpenAPI `DocumentType`, "Identity").
pub(super) const IDENTITY_DOCUMENTS: &[&str] = &["PASSPORT", "DRIVERS_LICENSE", "NATIONAL_ID"];

/// The identity documents that have a back.
pub(super) const TWO_SIDED_DOCUMENTS: &[&str] = &["DRIVERS_LICENSE", "NATIONAL_ID"];

pub(super) const DOCUMENT_SIDES: &[&str] = &["FRONT", "BACK"];

/// The version of the End User Terms in force, the only one there is.
pub(super) const TERMS_VERSION: &str = "V1";

/// ISO 3166-1 alpha-2, officially assigned codes.
#[rustfmt::skip]
pub(super) const COUNTRIES: &[&str] = &[
    "AD", "AE", "AF", "AG", "AI", "AL", "AM", "AO", "AQ", "AR", "AS", "AT", "AU", "AW", "AX", "AZ", "BA", "BB", "BD",
    "BE", "BF", "BG", "BH", "BI", "BJ", "BL", "BM", "BN", "BO", "BQ", "BR", "BS", "BT", "BV", "BW", "BY", "BZ", "CA",
    "CC", "CD", "CF", "CG", "CH", "CI", "CK", "CL", "CM", "CN", "CO", "CR", "CU", "CV", "CW", "CX", "CY", "CZ", "DE",
    "DJ", "DK", "DM", "DO", "DZ", "EC", "EE", "EG", "EH", "ER", "ES", "ET", "FI", "FJ", "FK", "FM", "FO", "FR", "GA",
    "GB", "GD", "GE", "GF", "GG", "GH", "GI", "GL", "GM", "GN", "GP", "GQ", "GR", "GS", "GT", "GU", "GW", "GY", "HK",
    "HM", "HN", "HR", "HT", "HU", "ID", "IE", "IL", "IM", "IN", "IO", "IQ", "IR", "IS", "IT", "JE", "JM", "JO", "JP",
    "KE", "KG", "KH", "KI", "KM", "KN", "KP", "KR", "KW", "KY", "KZ", "LA", "LB", "LC", "LI", "LK", "LR", "LS", "LT",
    "LU", "LV", "LY", "MA", "MC", "MD", "ME", "MF", "MG", "MH", "MK", "ML", "MM", "MN", "MO", "MP", "MQ", "MR", "MS",
    "MT", "MU", "MV", "MW", "MX", "MY", "MZ", "NA", "NC", "NE", "NF", "NG", "NI", "NL", "NO", "NP", "NR", "NU", "NZ",
    "OM", "PA", "PE", "PF", "PG", "PH", "PK", "PL", "PM", "PN", "PR", "PS", "PT", "PW", "PY", "QA", "RE", "RO", "RS",
    "RU", "RW", "SA", "SB", "SC", "SD", "SE", "SG", "SH", "SI", "SJ", "SK", "SL", "SM", "SN", "SO", "SR", "SS", "ST",
    "SV", "SX", "SY", "SZ", "TC", "TD", "TF", "TG", "TH", "TJ", "TK", "TL", "TM", "TN", "TO", "TR", "TT", "TV", "TW",
    "TZ", "UA", "UG", "UM", "US", "UY", "UZ", "VA", "VC", "VE", "VG", "VI", "VN", "VU", "WF", "WS", "YE", "YT", "ZA",
    "ZM", "ZW",
];

/// The European Economic Area: the regions whose customers have to verify email and phone first.
#[rustfmt::skip]
const EEA: &[&str] = &[
    "AT", "BE", "BG", "CY", "CZ", "DE", "DK", "EE", "ES", "FI", "FR", "GR", "HR", "HU", "IE", "IS", "IT", "LI", "LT",
    "LU", "LV", "MT", "NL", "NO", "PL", "PT", "RO", "SE", "SI", "SK",
];

/// Whether customers of a region have to verify email and phone before anything else.
pub(super) fn requires_contact_verification(region: &str) -> bool {
    EEA.contains(&region)
}

/// The currencies of a customer who was created with a region and none of them named.
pub(super) fn currencies_of_region(region: &str) -> Option<&'static [&'static str]> {
    match region {
        "US" => Some(&["USD", "USDC"]),
        "MX" => Some(&["MXN"]),
        "BR" => Some(&["BRL"]),
        "GB" => Some(&["GBP"]),
        "IN" => Some(&["INR"]),
        "PH" => Some(&["PHP"]),
        "NG" => Some(&["NGN"]),
        region if EEA.contains(&region) => Some(&["EUR"]),
        _ => None,
    }
}

/// What can be wrong with a document's file at first sight (OpenAPI `Error422`).
pub(super) const PRECHECK_ERRORS: &[&str] = &["dataNotReadable", "screenshot", "grayscale", "documentExpired"];

#[cfg(test)]
mod tests {
    use super::{COUNTRIES, EEA, IDENTITY_DOCUMENTS, TWO_SIDED_DOCUMENTS};

    #[test]
    fn the_country_list_is_whole() {
        assert_eq!(COUNTRIES.len(), 249);
        assert!(COUNTRIES.windows(2).all(|pair| pair[0] < pair[1]), "sorted, so that it can be searched");
        assert!(EEA.iter().all(|country| COUNTRIES.contains(country)));
        assert_eq!(EEA.len(), 30);
    }

    #[test]
    fn two_sided_documents_are_identity_documents() {
        assert!(TWO_SIDED_DOCUMENTS.iter().all(|kind| IDENTITY_DOCUMENTS.contains(kind)));
    }
}
