//! Bodies in the shape of Grid's API with every field it has, and smaller ones. All values are invented, and no two
//! fields of one body have the same, so that fields which change places show.

use serde_json::{Map, Value, json};

pub const CUSTOMER: &str = "Customer:0197aaaa-0000-7000-8000-00000000c001";
/// Another two, for pages: Grid does not say two statuses of one customer at once.
const A_BUSINESS: &str = "Customer:0197aaaa-0000-7000-8000-00000000c002";
const SOMEBODY: &str = "Customer:0197aaaa-0000-7000-8000-00000000c003";
pub const OWNER: &str = "BeneficialOwner:0197aaaa-0000-7000-8000-00000000b001";
pub const DOCUMENT: &str = "Document:0197aaaa-0000-7000-8000-00000000d001";
pub const VERIFICATION: &str = "Verification:0197aaaa-0000-7000-8000-00000000e001";
pub const JOB: &str = "Job:0197aaaa-0000-7000-8000-00000000f001";

/// What can stand in the place of the id in the path of an RPC.
pub fn id_for(field: &str) -> &'static str {
    match field {
        "customer_id" => CUSTOMER,
        "beneficial_owner_id" => OWNER,
        "metadata.document_id" | "document_id" => DOCUMENT,
        "verification_id" => VERIFICATION,
        "job_id" => JOB,
        other => panic!("no id for {other}"),
    }
}

/// What is sent to Grid, as Grid has it: JSON bodies, fields beside a file, query parameters.
pub fn sent() -> Vec<(&'static str, Value)> {
    vec![
        ("CreateCustomer", merged([shared_input(), agreed(), created_only(), person(), edd(), identification()])),
        ("CreateCustomer", merged([shared_input(), agreed_to_terms(), created_only(), company_to_send()])),
        (
            "CreateCustomer",
            json!({ "customerType": "INDIVIDUAL", "platformCustomerId": "walk-in 7", "fullName": "Odo Brandt" }),
        ),
        (
            "CreateCustomer",
            json!({ "customerType": "BUSINESS", "platformCustomerId": "b-1", "businessInfo": { "legalName": "Wren & Sons" } }),
        ),
        (
            "CreateCustomer",
            json!({ "customerType": "INDIVIDUAL", "platformCustomerId": "", "fullName": "", "address": {} }),
        ),
        ("UpdateCustomer", merged([shared_input(), agreed(), person(), edd(), identification()])),
        ("UpdateCustomer", merged([shared_input(), agreed_to_terms(), company_to_send()])),
        ("UpdateCustomer", json!({ "customerType": "BUSINESS", "phoneNumber": "+4930123456" })),
        ("CreateKycLink", json!({ "redirectUri": "https://shop.example/back?step=2&lang=de" })),
        ("CreateKycLink", json!({})),
        ("ConfirmEmailVerification", json!({ "code": "803117" })),
        ("ConfirmPhoneVerification", json!({ "code": "226640" })),
        ("CreateBeneficialOwner", merged([json!({ "customerId": CUSTOMER }), owner_fields()])),
        ("UpdateBeneficialOwner", owner_fields()),
        ("UpdateBeneficialOwner", json!({ "ownershipPercentage": 0 })),
        ("UpdatePlatformConfig", platform_update()),
        ("UpdatePlatformConfig", json!({ "webhookEndpoint": "http://127.0.0.1:8080/webhooks/grid" })),
        ("UpdatePlatformConfig", json!({ "cardTokenization2faConfig": { "email": { "subject": "Your code" } } })),
        ("UploadDocument", merged([json!({ "documentHolder": OWNER }), document_fields()])),
        ("UploadDocument", json!({ "documentHolder": CUSTOMER, "documentType": "OTHER", "country": "PT" })),
        ("ReplaceDocument", document_fields()),
        ("SubmitVerification", json!({ "customerId": CUSTOMER })),
        ("ListCustomers", customer_filter()),
        ("ListCustomers", json!({ "limit": "20" })),
        ("ListCustomers", json!({ "limit": "1", "isIncludingDeleted": "false" })),
        ("ListBeneficialOwners", json!({ "customerId": CUSTOMER, "limit": "33", "cursor": "b=/+&%41 ü" })),
        ("ListDocuments", json!({ "documentHolder": OWNER, "limit": "34", "cursor": "opaque" })),
        (
            "ListVerifications",
            json!({ "customerId": CUSTOMER, "verificationStatus": "IN_PROGRESS", "limit": "35", "cursor": "v1" }),
        ),
    ]
}

/// What Grid answers.
pub fn answered() -> Vec<(&'static str, Value)> {
    let (individual, business) = (individual(), business());
    let page = |rows: &[&Value], next: &str| json!({ "data": rows, "hasMore": !next.is_empty(), "nextCursor": next, "totalCount": 4711 });
    vec![
        ("CreateCustomer", individual.clone()),
        ("CreateCustomer", business.clone()),
        ("GetCustomer", individual.clone()),
        ("GetCustomer", business.clone()),
        ("GetCustomer", small_individual()),
        (
            "GetCustomer",
            json!({ "id": CUSTOMER, "platformCustomerId": "b-2", "customerType": "BUSINESS", "umaAddress": "$wren@uma.example" }),
        ),
        ("UpdateCustomer", individual.clone()),
        ("UpdateCustomer", business.clone()),
        ("DeleteCustomer", business.clone()),
        ("ListCustomers", page(&[&individual, &business, &small_individual()], "next=/+ page")),
        ("ListCustomers", json!({ "data": [], "hasMore": false, "totalCount": 0 })),
        ("ListCustomers", json!({ "data": [small_individual()], "hasMore": false })),
        (
            "CreateKycLink",
            json!({
                "kycUrl": "https://verify.example/once/k-77", "expiresAt": "2031-02-03T04:05:06.789Z",
                "provider": "SUMSUB", "token": "act-token-5",
            }),
        ),
        (
            "CreateKycLink",
            json!({ "kycUrl": "https://verify.example/2", "expiresAt": "2031-02-03T04:05:06Z", "provider": "SUMSUB" }),
        ),
        ("ConfirmEmailVerification", merged([base_customer("INDIVIDUAL"), contact("VERIFIED", "PENDING")])),
        ("ConfirmPhoneVerification", merged([base_customer("BUSINESS"), contact("PENDING", "VERIFIED")])),
        ("ConfirmPhoneVerification", individual),
        ("ImportCustomers", json!({ "jobId": JOB, "status": "PROCESSING" })),
        ("GetImportJob", import_job()),
        (
            "GetImportJob",
            json!({
                "id": JOB, "status": "PENDING", "progress": { "total": 0, "processed": 0, "successful": 0, "failed": 0 },
            }),
        ),
        ("ListAgreements", agreements()),
        ("ListAgreements", json!({ "data": [] })),
        ("GetEndUserTerms", json!({ "version": "V7", "url": "https://terms.example/v7" })),
        ("CreateBeneficialOwner", owner(1)),
        ("GetBeneficialOwner", owner(2)),
        ("UpdateBeneficialOwner", owner(3)),
        ("ListBeneficialOwners", page(&[&owner(1), &owner(2)], "o2")),
        ("UploadDocument", document()),
        ("ReplaceDocument", document()),
        ("GetDocument", document()),
        (
            "GetDocument",
            json!({
                "id": DOCUMENT, "documentHolder": CUSTOMER, "documentType": "SELFIE", "country": "JP",
                "fileName": "me.jpg", "createdAt": "2026-05-06T07:08:09Z",
            }),
        ),
        ("ListDocuments", page(&[&document()], "d2")),
        ("SubmitVerification", verification()),
        (
            "SubmitVerification",
            json!({
                "id": VERIFICATION, "customerId": CUSTOMER, "verificationStatus": "IN_PROGRESS", "errors": [],
                "createdAt": "2026-05-06T07:08:10Z",
            }),
        ),
        ("GetVerification", verification()),
        ("ListVerifications", page(&[&verification()], "v+2")),
        ("GetPlatformConfig", platform_config()),
        ("UpdatePlatformConfig", platform_config()),
        ("GetPlatformConfig", json!({ "id": "PlatformConfig:2", "isRegulatedFinancialInstitution": false })),
    ]
}

/// The full answer of an RPC: the first one above.
pub fn answer_of(rpc: &str) -> Option<Value> {
    answered().into_iter().find(|(name, _)| *name == rpc).map(|(_, answer)| answer)
}

/// The fullest of what an RPC sends: the first one above.
pub fn sent_by(rpc: &str) -> Value {
    sent().into_iter().find(|(name, _)| *name == rpc).map_or_else(|| json!({}), |(_, sent)| sent)
}

/// What a change of email address or phone number is answered with where a wallet has to sign it.
pub fn challenge() -> Value {
    json!({
        "payloadToSign": "{\"change\":\"email\",\"to\":\"neu@post.example\"}",
        "requestId": "Request:0197aaaa-0000-7000-8000-00000000a001",
        "expiresAt": "2026-07-08T09:10:11Z",
    })
}

pub fn individual() -> Value {
    merged([
        base_customer("INDIVIDUAL"),
        contact("PENDING", "VERIFIED"),
        json!({ "kycStatus": "PENDING", "address": address("Home") }),
        person(),
        edd(),
    ])
}

pub fn business() -> Value {
    merged([
        base_customer("BUSINESS"),
        contact("VERIFIED", "PENDING"),
        json!({
            "kybStatus": "HOLD", "address": address("Office"), "businessInfo": company(),
            "beneficialOwners": [owner(1), owner(2)],
        }),
    ])
}

fn small_individual() -> Value {
    json!({
        "id": SOMEBODY, "platformCustomerId": "p-3", "customerType": "INDIVIDUAL", "umaAddress": "$ida@uma.example",
        "kycStatus": "UNVERIFIED", "fullName": "Ida Falk",
    })
}

/// What the confirm calls answer: nothing that depends on the type.
fn base_customer(customer_type: &str) -> Value {
    let id = if customer_type == "BUSINESS" { A_BUSINESS } else { CUSTOMER };
    json!({
        "id": id, "platformCustomerId": "platform/4711", "customerType": customer_type, "region": "FI",
        "currencies": ["EUR", "USDC"], "email": "post@kontor.example", "phoneNumber": "+358401234567",
        "umaAddress": "$kontor@uma.example", "endUserTermsConsent": consent(),
        "agreementConsents": [agreement("LEAD_CARDHOLDER_AGREEMENT", "2026-06-20", "CHECKBOX", 9)],
        "createdAt": "2026-01-02T03:04:05.678901Z", "updatedAt": "2026-02-03T04:05:06Z", "isDeleted": true,
    })
}

fn contact(email: &str, phone: &str) -> Value {
    json!({ "contactVerification": { "email": email, "phone": phone } })
}

fn consent() -> Value {
    json!({
        "acceptedAt": "2025-12-31T23:59:58Z", "ipAddress": "2001:db8::17", "termsVersion": "V6",
        "acceptanceMethod": "CLICK_TO_ACCEPT",
    })
}

/// What a customer accepted, in the deprecated way, which Grid does not take beside the other one.
fn agreed_to_terms() -> Value {
    json!({ "endUserTermsConsent": consent() })
}

fn agreed() -> Value {
    json!({
        "agreementConsents": [
            agreement("LIGHTSPARK_END_USER_TERMS", "2025-10-13", "CHECKBOX", 1),
            agreement("LEAD_PRIVACY_POLICY", "2026-04-10", "CLICK_TO_ACCEPT", 2),
        ],
    })
}

fn agreement(agreement_type: &str, version: &str, method: &str, number: u8) -> Value {
    json!({
        "type": agreement_type, "acceptedAt": format!("2026-05-0{number}T10:20:30.25Z"),
        "ipAddress": format!("203.0.113.{number}"), "termsVersion": version, "acceptanceMethod": method,
    })
}

fn agreements() -> Value {
    json!({
        "data": [
            { "type": "LIGHTSPARK_END_USER_TERMS", "version": "2025-10-13", "url": "https://terms.example/end-user" },
            { "type": "LEAD_E_SIGN_CONSENT", "version": "2026-03-01", "url": "https://terms.example/e-sign" },
        ],
    })
}

fn address(prefix: &str) -> Value {
    json!({
        "line1": format!("{prefix} Mannerheimintie 12"), "line2": format!("{prefix} Porras C"),
        "city": format!("{prefix} Helsinki"), "state": format!("{prefix} Uusimaa"),
        "postalCode": format!("{prefix} 00100"), "country": format!("{prefix} FI"),
    })
}

/// What creations and changes of both types of customer send.
fn shared_input() -> Value {
    json!({
        "currencies": ["SEK", "BTC", "EUR"], "email": "zelda.quark@post.example", "phoneNumber": "+46701234567",
        "umaAddress": "$zelda@uma.example", "address": address("Sent"),
    })
}

fn created_only() -> Value {
    json!({ "platformCustomerId": "user #1/ä", "region": "SE" })
}

fn person() -> Value {
    json!({
        "customerType": "INDIVIDUAL", "fullName": "Zelda Åström Quark", "birthDate": "1987-11-23",
        "nationality": "IS", "idType": "ITIN", "countryOfIssuance": "US",
    })
}

/// What is never answered.
fn identification() -> Value {
    json!({ "identifier": "912-34-5678" })
}

fn edd() -> Value {
    json!({
        "sourceOfFundsCategories": ["RENTAL_INCOME", "OTHER"],
        "sourceOfFundsOtherDescription": "royalties of a song",
        "sourceOfWealthCategories": ["PROPERTY_SALE", "GIFT"],
        "sourceOfWealthOtherDescription": "a vineyard sold",
        "purposeOfAccount": "P2P_TRANSFERS",
        "purposeOfAccountOtherDescription": "rent of a boat",
        "expectedMonthlyTransactionCount": "COUNT_10_TO_100",
        "expectedMonthlyTransactionVolume": "VOLUME_10K_TO_100K",
        "annualIncomeRange": "RANGE_50K_100K",
        "netWorthRange": "RANGE_1M_5M",
        "pepStatus": "FAMILY_OR_ASSOCIATE",
    })
}

fn company_to_send() -> Value {
    json!({ "customerType": "BUSINESS", "businessInfo": company() })
}

fn company() -> Value {
    json!({
        "legalName": "Quark Kontor Oy", "doingBusinessAs": "Quark's", "country": "EE", "registrationNumber": "2734 001",
        "incorporatedOn": "2009-08-07", "entityType": "CORPORATION", "taxId": "FI-2734-X",
        "countriesOfOperation": ["DK", "NO"], "businessType": "WHOLESALE_TRADE", "purposeOfAccount": "AR_AUTOMATION",
        "sourceOfFunds": "sales of tea", "expectedMonthlyTransactionCount": "COUNT_500_TO_1000",
        "expectedMonthlyTransactionVolume": "VOLUME_1M_TO_10M", "expectedRecipientJurisdictions": ["LV", "LT"],
        "naicsCode": "424490", "sourceOfFundsCategories": ["LOANS", "DONATIONS"],
        "sourceOfFundsOtherDescription": "a raffle", "purposeOfAccountOtherDescription": "tea auctions",
        "expectedCounterpartyCountries": ["KE", "LK"], "primaryContactFirstName": "Runa",
        "primaryContactLastName": "Sandvik",
    })
}

fn owner_fields() -> Value {
    json!({
        "roles": ["CONTROL_PERSON", "TRUSTEE"], "ownershipPercentage": 62,
        "personalInfo": {
            "firstName": "Tove", "middleName": "Maj", "lastName": "Lindqvist", "birthDate": "1964-04-05",
            "nationality": "DK", "email": "tove@post.example", "phoneNumber": "+4520123456",
            "address": address("Owner's"), "idType": "NON_US_TAX_ID", "identifier": "050464-1234",
            "countryOfIssuance": "GL",
        },
    })
}

fn owner(number: u32) -> Value {
    let mut owner = merged([
        owner_fields(),
        json!({
            "id": format!("BeneficialOwner:{number}"), "customerId": CUSTOMER, "kycStatus": "REJECTED",
            "createdAt": format!("2026-03-0{number}T00:00:00Z"), "updatedAt": format!("2026-04-0{number}T12:30:00.5Z"),
        }),
    ]);
    owner["personalInfo"]["lastName"] = json!(format!("Lindqvist {number}"));
    owner
}

fn document_fields() -> Value {
    json!({
        "documentType": "DRIVERS_LICENSE", "side": "BACK", "country": "AX", "documentNumber": "KX-000-17",
        "issuingAuthority": "Ålands landskapsregering; fordon",
    })
}

fn document() -> Value {
    merged([
        document_fields(),
        json!({
            "id": DOCUMENT, "documentHolder": OWNER, "fileName": "körkort bak.png",
            "createdAt": "2026-05-06T07:08:09.010Z", "updatedAt": "2026-05-07T00:00:00Z",
        }),
    ])
}

fn verification() -> Value {
    json!({
        "id": VERIFICATION, "customerId": CUSTOMER, "verificationStatus": "RESOLVE_ERRORS",
        "errors": [
            { "resourceId": CUSTOMER, "type": "INVALID_FIELD", "field": "customer.address.city", "reason": "no such city" },
            {
                "resourceId": OWNER, "type": "EXPIRED_DOCUMENT", "acceptedDocumentTypes": ["PASSPORT", "NATIONAL_ID"],
                "reason": "the document has expired",
            },
        ],
        "createdAt": "2026-06-07T08:09:10Z", "updatedAt": "2026-06-07T08:09:11Z",
    })
}

fn import_job() -> Value {
    json!({
        "id": JOB, "status": "COMPLETED",
        "progress": { "total": 90, "processed": 80, "successful": 70, "failed": 10 },
        "errors": [
            {
                "correlationId": "row_17", "code": "INVALID_INPUT", "message": "birthDate is in the future",
                "details": { "column": "birthDate", "line": 18, "hints": ["a", null, { "deep": true }], "ratio": 0.5 },
            },
            { "correlationId": "user-8", "error": { "code": "CONFLICT", "message": "is there", "details": { "of": "row_3" } } },
            { "correlationId": "row_19" },
        ],
        "completedAt": "2026-08-09T10:11:12Z",
    })
}

fn platform_config() -> Value {
    json!({
        "id": "PlatformConfig:1", "umaDomain": "uma.kontor.example", "proxyUmaSubdomain": "proxied",
        "webhookEndpoint": "https://kontor.example/hooks/grid",
        "supportedCurrencies": [
            {
                "currencyCode": "EUR", "minAmount": 100, "maxAmount": 9_007_199_254_740_993_i64,
                "requiredCounterpartyFields": [
                    { "name": "FULL_NAME", "mandatory": true }, { "name": "NATIONALITY", "mandatory": false, "reason": { "code": 9 } },
                ],
                "providerRequiredCustomerFields": ["BIRTH_DATE", "TAX_ID"],
                "providerRequiredCounterpartyCustomerFields": ["POSTAL_ADDRESS"],
                "enabledTransactionTypes": ["OUTGOING", "INCOMING"],
                "settlement": { "cutOff": "17:00", "days": [1, 2, 3] }, "spread": 0.25,
            },
            { "currencyCode": "USDC", "minAmount": 1, "maxAmount": 2, "requiredCounterpartyFields": [], "enabledTransactionTypes": [] },
        ],
        "isRegulatedFinancialInstitution": true,
        "embeddedWalletConfig": { "appName": "Kontor Wallet", "otpLength": 6, "alphanumeric": false },
        "newlyAdded": [{ "deep": { "er": ["x", -1.5] } }],
        "createdAt": "2024-02-29T00:00:00Z", "updatedAt": "2024-03-01T00:00:00Z",
    })
}

fn platform_update() -> Value {
    let mut currencies = platform_config()["supportedCurrencies"].clone();
    let fields = currencies[0].as_object_mut().unwrap();
    fields.remove("providerRequiredCustomerFields");
    fields.remove("providerRequiredCounterpartyCustomerFields");
    json!({
        "umaDomain": "uma.kontor.example", "webhookEndpoint": "https://kontor.example/hooks/grid?key=17",
        "supportedCurrencies": currencies, "embeddedWalletConfig": { "appName": "Kontor", "otpLength": 6 },
        "feeConfigs": [{ "feeType": "FX", "sourceCurrency": "USD", "variableFeeBps": 30, "fixedFee": { "amount": 25 } }],
    })
}

fn customer_filter() -> Value {
    json!({
        "platformCustomerId": "user #1/ä&b=c", "customerType": "BUSINESS", "createdAfter": "2026-01-01T00:00:00Z",
        "createdBefore": "2026-02-01T00:00:00.25Z", "updatedAfter": "2026-03-01T00:00:00Z",
        "updatedBefore": "2026-04-01T00:00:00Z", "region": "NO", "currency": "NOK", "umaAddress": "$nils+1@uma.example",
        "isIncludingDeleted": "true", "limit": "77", "cursor": "c+/=%20 ö",
    })
}

fn merged<const N: usize>(parts: [Value; N]) -> Value {
    let mut whole = Map::new();
    for part in parts {
        let Value::Object(fields) = part else { panic!("only objects can be merged") };
        for (name, value) in fields {
            let before = whole.insert(name.clone(), value);
            assert!(before.is_none_or(|before| before == whole[&name]), "{name} is there twice");
        }
    }
    Value::Object(whole)
}
