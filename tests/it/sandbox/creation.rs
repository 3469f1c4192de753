//! `POST /customers`, `GET` and `DELETE /customers/{id}`.

use serde_json::{Value, json};

use super::harness::{Grid, address, business, id, individual, with};

#[tokio::test]
async fn what_is_created_is_there_afterwards() {
    let grid = Grid::start().await;
    let full = with(
        individual("Jane Doe 001"),
        &json!({
            "platformCustomerId": "ind-1",
            "region": "US",
            "currencies": ["USD", "USDC"],
            "email": "jane@example.com",
            "phoneNumber": "+14155551234",
            "umaAddress": "$jane@uma.example.com",
            "countryOfIssuance": "US",
            "endUserTermsConsent": {
                "acceptedAt": "2025-07-21T17:30:00Z",
                "ipAddress": "198.51.100.24",
                "termsVersion": "V1",
                "acceptanceMethod": "CHECKBOX",
            },
            "sourceOfFundsCategories": ["SALARY", "OTHER"],
            "sourceOfFundsOtherDescription": "Contest winnings",
            "sourceOfWealthCategories": ["INVESTMENTS"],
            "purposeOfAccount": "P2P_TRANSFERS",
            "expectedMonthlyTransactionCount": "COUNT_UNDER_10",
            "expectedMonthlyTransactionVolume": "VOLUME_UNDER_10K",
            "annualIncomeRange": "RANGE_100K_250K",
            "netWorthRange": "RANGE_500K_1M",
            "pepStatus": "NONE",
            "kycStatus": "APPROVED",
            "somethingNew": {"ignored": true},
        }),
    );
    let created = grid.create(full.clone()).await;
    assert_eq!(grid.get(&format!("/customers/{}", id(&created))).await.expect(200), created);

    let absent = json!({ "identifier": null, "kycStatus": null, "somethingNew": null });
    for (field, value) in with(full, &absent).as_object().unwrap() {
        assert_eq!(created[field], *value, "{field}");
    }
    assert!(created.get("identifier").is_none(), "write-only");
    assert_eq!(created["kycStatus"], "UNVERIFIED", "decided when it is verified, and not by the request");
    assert_eq!(created["isDeleted"], false);
    assert_eq!(created["createdAt"], created["updatedAt"]);
    assert!(id(&created).starts_with("Customer:0"));
    assert!(created.get("kybStatus").is_none() && created.get("contactVerification").is_none());
}

#[tokio::test]
async fn a_business_comes_back_with_its_information_and_owners() {
    let grid = Grid::start().await;
    let info = json!({
        "legalName": "Acme Corporation", "doingBusinessAs": "Acme", "country": "US", "registrationNumber": "5523041",
        "incorporatedOn": "2018-03-14", "entityType": "LLC", "taxId": "47-1234567", "countriesOfOperation": ["US"],
        "businessType": "INFORMATION", "purposeOfAccount": "CONTRACTOR_PAYOUTS",
        "sourceOfFunds": "Funds derived from customer payments for software services",
        "expectedMonthlyTransactionCount": "COUNT_100_TO_500",
        "expectedMonthlyTransactionVolume": "VOLUME_100K_TO_1M", "expectedRecipientJurisdictions": ["US", "MX"],
        "naicsCode": "541511", "sourceOfFundsCategories": ["OTHER"],
        "sourceOfFundsOtherDescription": "Proceeds from a legal settlement",
        "expectedCounterpartyCountries": ["US"], "primaryContactFirstName": "Jane",
        "primaryContactLastName": "Smith",
    });
    let created = grid.create(json!({ "customerType": "BUSINESS", "businessInfo": info })).await;
    assert_eq!(created["businessInfo"], info);
    assert_eq!(created["kybStatus"], "UNVERIFIED");
    assert_eq!(created["beneficialOwners"], json!([]));
    assert!(created.get("kycStatus").is_none());
}

#[tokio::test]
async fn what_is_not_said_is_made_up_or_stays_absent() {
    let grid = Grid::with(|config| config.uma_domain = "uma.example.com".to_owned()).await;
    let created = grid.create(json!({ "customerType": "INDIVIDUAL" })).await;
    assert!(!created["platformCustomerId"].as_str().unwrap().is_empty());
    let uma = created["umaAddress"].as_str().unwrap();
    assert!(uma.starts_with('$') && uma.ends_with("@uma.example.com"), "{uma}");
    assert_eq!(created["kycStatus"], "UNVERIFIED");
    for field in ["region", "currencies", "email", "address", "fullName", "countryOfIssuance"] {
        assert!(created.get(field).is_none(), "{field}");
    }
    let other = grid.create(json!({ "customerType": "INDIVIDUAL" })).await;
    assert_ne!(other["platformCustomerId"], created["platformCustomerId"]);
    assert_ne!(other["umaAddress"], created["umaAddress"]);

    let mexican = grid.create(json!({ "customerType": "INDIVIDUAL", "region": "MX" })).await;
    assert_eq!(mexican["currencies"], json!(["MXN"]), "inferred from the region");
    let empty = grid.create(json!({ "customerType": "INDIVIDUAL", "region": "MX", "currencies": [] })).await;
    assert_eq!(empty["currencies"], json!([]));
}

#[tokio::test]
async fn nobody_is_decided_at_creation() {
    let grid = Grid::start().await;
    for suffix in ["001", "002", "003", ""] {
        assert_eq!(grid.create(individual(&format!("Jane Doe {suffix}"))).await["kycStatus"], "UNVERIFIED", "{suffix}");
        assert_eq!(grid.create(business(&format!("BRN-{suffix}"))).await["kybStatus"], "UNVERIFIED", "{suffix}");
    }
}

#[tokio::test]
async fn by_the_old_rules_the_suffix_of_the_name_decides() {
    let grid = Grid::deciding_at_creation().await;
    let nameless = grid.create(json!({ "customerType": "INDIVIDUAL" })).await;
    assert_eq!(nameless["kycStatus"], "UNVERIFIED", "no name yet that could decide");
    for (name, status) in [
        ("Jane Doe 001", "PENDING"),
        ("Jane Doe001", "PENDING"),
        ("Jane Doe 002", "REJECTED"),
        ("Jane Doe 003", "UNVERIFIED"),
        ("Jane Doe", "APPROVED"),
        ("Jane 001 Doe", "APPROVED"),
    ] {
        assert_eq!(grid.create(individual(name)).await["kycStatus"], status, "{name}");
    }
    for number in ["BRN-001", "BRN-002", "BRN-003", "5523041"] {
        assert_eq!(grid.create(business(number)).await["kybStatus"], "UNVERIFIED", "{number}");
    }
}

#[tokio::test]
async fn a_regulated_platform_approves_its_customers_itself() {
    let grid = Grid::with(|config| config.regulated = true).await;
    assert_eq!(grid.get("/config").await.expect(200)["isRegulatedFinancialInstitution"], true);
    for name in ["Jane Doe 001", "Jane Doe 002", "Jane Doe"] {
        assert_eq!(grid.create(individual(name)).await["kycStatus"], "APPROVED");
    }
    let company = grid.create(business("BRN-001")).await;
    assert_eq!(company["kybStatus"], "APPROVED");
    assert_eq!(grid.submit(&id(&company)).await.error(400), "INVALID_INPUT");
}

#[tokio::test]
async fn every_bad_field_is_named_at_once() {
    let grid = Grid::start().await;
    let answer = grid
        .post(
            "/customers",
            json!({
                "customerType": "INDIVIDUAL",
                "platformCustomerId": "",
                "region": "USA",
                "currencies": ["USD", "XXX", 7],
                "email": "jane",
                "phoneNumber": "0415",
                "umaAddress": "jane",
                "endUserTermsConsent": { "acceptedAt": "yesterday", "ipAddress": "here", "acceptanceMethod": "NOD" },
                "address": { "line1": 12, "country": "U.S." },
                "fullName": null,
                "birthDate": "2990-01-01",
                "nationality": "us",
                "idType": "EIN",
                "identifier": "123456789",
                "countryOfIssuance": "DE",
                "sourceOfFundsCategories": "SALARY",
                "purposeOfAccount": "FUN",
                "pepStatus": "",
            }),
        )
        .await;
    assert_eq!(answer.error(400), "INVALID_INPUT");
    assert_eq!(
        answer.bad_fields(),
        [
            "address.country",
            "address.line1",
            "address.postalCode",
            "birthDate",
            "countryOfIssuance",
            "currencies[1]",
            "currencies[2]",
            "email",
            "endUserTermsConsent.acceptanceMethod",
            "endUserTermsConsent.acceptedAt",
            "endUserTermsConsent.ipAddress",
            "endUserTermsConsent.termsVersion",
            "fullName",
            "idType",
            "identifier",
            "nationality",
            "pepStatus",
            "phoneNumber",
            "platformCustomerId",
            "purposeOfAccount",
            "region",
            "sourceOfFundsCategories",
            "umaAddress",
        ]
    );
}

#[tokio::test]
async fn each_bad_field_says_what_a_good_one_looks_like() {
    let grid = Grid::start().await;
    let email = json!({ "format": "email" });
    let phone = json!({ "format": "e.164", "pattern": r"^\+[1-9]\d{1,14}$" });
    let country = json!({ "format": "iso3166-1-alpha-2" });
    let ssn = json!({ "format": "us-ssn", "pattern": r"^\d{3}-\d{2}-\d{4}$" });
    for (field, value, constraint) in [
        ("email", json!("jane"), email),
        ("phoneNumber", json!("415"), phone),
        ("birthDate", json!("15.06.1985"), json!({ "format": "date" })),
        ("nationality", json!("XX"), country),
        ("idType", json!("NON_US_TAX_ID"), json!({ "enum": ["SSN", "ITIN"] })),
        ("identifier", json!("12345"), ssn),
        ("countryOfIssuance", json!("MX"), json!({ "enum": ["US"] })),
        ("fullName", json!(""), json!({ "minLength": 1, "maxLength": 250 })),
    ] {
        let answer = grid.post("/customers", json!({ "customerType": "INDIVIDUAL", field: value })).await;
        assert_eq!(answer.bad_fields(), [field]);
        assert_eq!(answer.body["details"]["errors"][0]["constraint"], constraint, "{field}");
    }
}

#[tokio::test]
async fn a_business_has_to_say_who_it_is() {
    let grid = Grid::start().await;
    let company = |info: Value| json!({ "customerType": "BUSINESS", "businessInfo": info });
    let good = json!({ "legalName": "A", "country": "US", "taxId": "1", "incorporatedOn": "2018-03-14" });
    grid.create(company(good.clone())).await;
    assert_eq!(grid.post("/customers", json!({ "customerType": "BUSINESS" })).await.bad_fields(), ["businessInfo"]);
    assert_eq!(
        grid.post("/customers", company(json!({}))).await.bad_fields(),
        ["businessInfo.country", "businessInfo.incorporatedOn", "businessInfo.legalName", "businessInfo.taxId"]
    );
    for (change, field) in [
        (json!({ "legalName": "" }), "businessInfo.legalName"),
        (json!({ "country": "USA" }), "businessInfo.country"),
        (json!({ "incorporatedOn": "2018" }), "businessInfo.incorporatedOn"),
        (json!({ "entityType": "GMBH" }), "businessInfo.entityType"),
        (json!({ "countriesOfOperation": ["US", "Mexico"] }), "businessInfo.countriesOfOperation[1]"),
        (json!({ "businessType": "X" }), "businessInfo.businessType"),
        (json!({ "naicsCode": "5" }), "businessInfo.naicsCode"),
        (json!({ "sourceOfFundsCategories": ["SALARY"] }), "businessInfo.sourceOfFundsCategories[0]"),
        (json!({ "sourceOfFundsCategories": ["OTHER"] }), "businessInfo.sourceOfFundsOtherDescription"),
        (json!({ "purposeOfAccount": "OTHER" }), "businessInfo.purposeOfAccountOtherDescription"),
        (json!({ "primaryContactFirstName": "x".repeat(251) }), "businessInfo.primaryContactFirstName"),
        (
            json!({ "purposeOfAccountOtherDescription": "x".repeat(501) }),
            "businessInfo.purposeOfAccountOtherDescription",
        ),
    ] {
        assert_eq!(grid.post("/customers", company(with(good.clone(), &change))).await.bad_fields(), [field]);
    }
}

#[tokio::test]
async fn other_needs_a_description() {
    let grid = Grid::start().await;
    let answer = grid
        .post(
            "/customers",
            json!({
                "customerType": "INDIVIDUAL",
                "sourceOfFundsCategories": ["OTHER"],
                "sourceOfWealthCategories": ["SALARY", "OTHER"],
                "purposeOfAccount": "OTHER",
            }),
        )
        .await;
    assert_eq!(
        answer.bad_fields(),
        ["purposeOfAccountOtherDescription", "sourceOfFundsOtherDescription", "sourceOfWealthOtherDescription"]
    );
}

#[tokio::test]
async fn special_faults_have_codes_of_their_own() {
    let grid = Grid::start().await;
    let consent = json!({
        "acceptedAt": "2025-07-21T17:30:00Z", "ipAddress": "2001:db8::1", "termsVersion": "V0",
        "acceptanceMethod": "CLICK_TO_ACCEPT",
    });
    for (change, code, fields) in [
        (
            json!({ "endUserTermsConsent": consent }),
            "END_USER_TERMS_VERSION_NOT_FOUND",
            vec!["endUserTermsConsent.termsVersion"],
        ),
        (json!({ "umaAddress": "jane@example.com" }), "INVALID_UMA_ADDRESS", vec!["umaAddress"]),
        (json!({ "region": "DE" }), "MISSING_MANDATORY_USER_INFO", vec!["email", "phoneNumber"]),
        (json!({ "umaAddress": "x", "email": "x" }), "INVALID_INPUT", vec!["email", "umaAddress"]),
    ] {
        let answer = grid.post("/customers", with(json!({ "customerType": "INDIVIDUAL" }), &change)).await;
        assert_eq!(answer.error(400), code);
        assert_eq!(answer.bad_fields(), fields);
    }
    for customer_type in [json!({}), json!({ "customerType": "ROBOT" }), json!({ "customerType": 1 })] {
        let answer = grid.post("/customers", with(customer_type, &json!({ "email": "x" }))).await;
        assert_eq!(answer.bad_fields(), ["customerType", "email"]);
    }
}

#[tokio::test]
async fn a_platform_customer_id_belongs_to_one_active_customer_unless_uma_addresses_tell_them_apart() {
    let grid = Grid::start().await;
    let named =
        |uma: Option<&str>| json!({ "customerType": "INDIVIDUAL", "platformCustomerId": "p1", "umaAddress": uma });
    let body = |uma| with(named(uma), &json!({ "umaAddress": uma }));
    let first = grid.create(body(None)).await;
    assert_eq!(grid.post("/customers", body(None)).await.error(409), "CONFLICT");
    let second = grid.create(body(Some("$one@uma.example.com"))).await;
    assert_eq!(second["platformCustomerId"], first["platformCustomerId"]);
    assert_eq!(grid.post("/customers", body(Some("$one@uma.example.com"))).await.error(409), "UMA_ADDRESS_EXISTS");
    assert_eq!(grid.post("/customers", body(None)).await.error(409), "CONFLICT");

    // Deleted customers let go of both.
    for customer in [&first, &second] {
        grid.delete(&format!("/customers/{}", id(customer))).await.expect(200);
    }
    grid.create(body(Some("$one@uma.example.com"))).await;
}

#[tokio::test]
async fn a_deleted_customer_can_be_read_and_nothing_else() {
    let grid = Grid::start().await;
    let created = grid.create(individual("Jane Doe 001")).await;
    let path = format!("/customers/{}", id(&created));
    let deleted = grid.delete(&path).await.expect(200);
    assert_eq!(deleted["isDeleted"], true);
    assert_eq!(grid.get(&path).await.expect(200), deleted);
    assert_eq!(grid.delete(&path).await.error(410), "CUSTOMER_DELETED");
    assert_eq!(grid.patch(&path, json!({ "customerType": "INDIVIDUAL" })).await.error(404), "USER_NOT_FOUND");
    assert_eq!(grid.post(&format!("{path}/kyc-link"), json!({})).await.error(404), "USER_NOT_FOUND");
    assert_eq!(grid.submit(&id(&created)).await.error(404), "USER_NOT_FOUND");
}

#[tokio::test]
async fn a_full_sandbox_says_so() {
    let grid = Grid::with(|config| config.limits.customers = 2).await;
    for _ in 0..2 {
        grid.create(json!({ "customerType": "INDIVIDUAL", "address": address() })).await;
    }
    let answer = grid.post("/customers", json!({ "customerType": "INDIVIDUAL" })).await;
    assert_eq!(answer.error(500), "INTERNAL_ERROR");
    assert!(answer.body["reason"].as_str().unwrap().contains("at most 2 customers"));
}
