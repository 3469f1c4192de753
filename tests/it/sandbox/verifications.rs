//! `/verifications`: from what is missing to a decision.

use serde_json::{Value, json};

use super::harness::{Grid, address, business, id, individual, owner, with};

/// What stands in the way, in short: `type field` or `type accepted|types`.
fn missing(verification: &Value) -> Vec<String> {
    let describe = |error: &Value| {
        assert!(error["resourceId"].as_str().unwrap().contains(':') && !error["reason"].as_str().unwrap().is_empty());
        let accepted = error["acceptedDocumentTypes"]
            .as_array()
            .map(|types| types.iter().map(|kind| kind.as_str().unwrap()).collect::<Vec<_>>().join("|"));
        let about = error["field"].as_str().map(str::to_owned).or(accepted).unwrap_or_default();
        format!("{} {about}", error["type"].as_str().unwrap()).trim().to_owned()
    };
    verification["errors"].as_array().unwrap().iter().map(describe).collect()
}

const IDENTITY: &str = "MISSING_IDENTITY_DOCUMENT PASSPORT|DRIVERS_LICENSE|NATIONAL_ID";

#[tokio::test]
async fn an_individual_is_asked_for_everything_that_is_missing() {
    is_asked_for_everything(Grid::start().await, "UNVERIFIED", "IN_PROGRESS").await;
    is_asked_for_everything(Grid::deciding_at_creation().await, "PENDING", "PENDING_MANUAL_REVIEW").await;
}

/// A person's way to a decision, with the status at first and that of a complete verification.
async fn is_asked_for_everything(grid: Grid, at_first: &str, under_review: &str) {
    let customer = grid.create_id(json!({ "customerType": "INDIVIDUAL", "fullName": "Jane Doe 001" })).await;
    let blocked = grid.submit(&customer).await.expect(200);
    assert_eq!(blocked["verificationStatus"], "RESOLVE_ERRORS");
    assert_eq!(
        missing(&blocked),
        [
            "MISSING_FIELD customer.birthDate",
            "MISSING_FIELD customer.nationality",
            "MISSING_FIELD customer.idType",
            "MISSING_FIELD customer.identifier",
            "MISSING_FIELD customer.address.line1",
            "MISSING_FIELD customer.address.postalCode",
            "MISSING_FIELD customer.address.country",
            IDENTITY,
        ]
    );
    assert_eq!(grid.status(&customer).await, at_first);

    grid.patch(&format!("/customers/{customer}"), individual("Jane Doe 001")).await.expect(200);
    assert_eq!(missing(&grid.submit(&customer).await.expect(200)), [IDENTITY]);
    grid.upload(&customer, "DRIVERS_LICENSE", Some("FRONT")).await;
    assert_eq!(missing(&grid.submit(&customer).await.expect(200)), ["INCOMPLETE_DOCUMENT"]);
    grid.upload(&customer, "DRIVERS_LICENSE", Some("BACK")).await;

    let submitted = grid.submit(&customer).await.expect(200);
    assert_eq!(submitted["verificationStatus"], under_review);
    assert_eq!(submitted["errors"], json!([]));
    assert_eq!(grid.status(&customer).await, "PENDING");
    assert_eq!(grid.submit(&customer).await.expect(200), submitted, "the one under review is answered again");

    grid.decide(&customer, "APPROVED").await;
    assert_eq!(grid.status(&customer).await, "APPROVED");
    let decided = grid.get(&format!("/verifications/{}", id(&submitted))).await.expect(200);
    assert_eq!(decided["verificationStatus"], "APPROVED");
    assert_eq!(grid.submit(&customer).await.error(400), "INVALID_INPUT", "after a decision");

    // Each submission was a verification of its own.
    let all = grid.get(&format!("/verifications?customerId={customer}")).await.expect(200);
    assert_eq!(all["totalCount"], 4);
    assert_eq!(all["data"][0], blocked);
    let open = format!("/verifications?customerId={customer}&verificationStatus=RESOLVE_ERRORS");
    assert_eq!(grid.get(&open).await.expect(200)["totalCount"], 3);
    assert_eq!(grid.get("/verifications?verificationStatus=APPROVED").await.expect(200)["data"], json!([decided]));
    assert_eq!(grid.get("/verifications?verificationStatus=DONE").await.bad_fields(), ["verificationStatus"]);
}

/// What comes of a complete submission, by the end of the name or number.
const DECISIONS: [(&str, &str, &str, Option<&str>); 4] = [
    ("001", "IN_PROGRESS", "PENDING", None),
    ("002", "REJECTED", "REJECTED", Some("APPLICANT_REJECTED")),
    ("003", "RESOLVE_ERRORS", "UNVERIFIED", Some("POOR_QUALITY_DOCUMENT")),
    ("417", "APPROVED", "APPROVED", None),
];

#[tokio::test]
async fn the_suffix_decides_once_nothing_is_missing() {
    let grid = Grid::start().await;
    for (suffix, verification_status, status, error) in DECISIONS {
        // The same for individuals and businesses; what is missing comes first.
        let person = grid.create_id(individual(&format!("Jane Doe {suffix}"))).await;
        assert_eq!(missing(&grid.submit(&person).await.expect(200)), [IDENTITY], "{suffix}");
        assert_eq!(grid.status(&person).await, "UNVERIFIED", "{suffix}");
        let document = id(&grid.upload(&person, "PASSPORT", None).await);
        let company = grid.create_id(business(&format!("BRN-{suffix}"))).await;
        assert_eq!(grid.submit(&company).await.expect(200)["verificationStatus"], "RESOLVE_ERRORS", "{suffix}");
        assert_eq!(grid.status(&company).await, "UNVERIFIED", "{suffix}");

        let (company, owner) = grid.complete_business(&format!("BRN-{suffix}"), "Doe002").await;
        for customer in [&person, &company] {
            let verification = grid.submit(customer).await.expect(200);
            assert_eq!(verification["verificationStatus"], verification_status, "{suffix}");
            assert_eq!(missing(&verification), error.into_iter().collect::<Vec<_>>(), "{suffix}");
            assert_eq!(grid.status(customer).await, status, "{suffix}");
            let path = format!("/verifications/{}", id(&verification));
            assert_eq!(grid.get(&path).await.expect(200), verification, "{suffix}");
            let again = grid.submit(customer).await;
            match status {
                "REJECTED" | "APPROVED" => assert_eq!(again.error(400), "INVALID_INPUT", "{suffix}"),
                "PENDING" => assert_eq!(again.expect(200), verification, "the one under review is answered again"),
                _ => assert_ne!(id(&again.expect(200)), id(&verification), "{suffix}"),
            }
        }
        if error == Some("POOR_QUALITY_DOCUMENT") {
            let last = grid.submit(&person).await.expect(200);
            assert_eq!(last["errors"][0]["resourceId"], document);
            assert_eq!(grid.delete(&format!("/documents/{document}")).await.expect(204), Value::Null, "to be replaced");
        }
        let owner = grid.get(&format!("/beneficial-owners/{owner}")).await.expect(200);
        assert_eq!(owner["kycStatus"], if status == "UNVERIFIED" { "UNVERIFIED" } else { "REJECTED" }, "{suffix}");
    }
    // Whoever has no registration number has none of these ends; and the name counts that is there when it is decided.
    let (company, _) = grid.complete_business("BRN-001", "Doe").await;
    let nameless = grid.create_id(individual("Jane Doe 002")).await;
    let rename = json!({ "customerType": "INDIVIDUAL", "fullName": "Jane Doe" });
    grid.patch(&format!("/customers/{nameless}"), rename).await.expect(200);
    grid.upload(&nameless, "PASSPORT", None).await;
    assert_eq!(grid.submit(&nameless).await.expect(200)["verificationStatus"], "APPROVED");
    let renumber = json!({ "customerType": "BUSINESS", "businessInfo": { "registrationNumber": "BRN-002" } });
    grid.patch(&format!("/customers/{company}"), renumber).await.expect(200);
    assert_eq!(grid.submit(&company).await.expect(200)["verificationStatus"], "REJECTED");
}

#[tokio::test]
async fn by_the_old_rules_the_suffix_decides_what_a_submission_leads_to() {
    let grid = Grid::deciding_at_creation().await;
    for name in ["Jane Doe 002", "Jane Doe"] {
        let customer = grid.create_id(individual(name)).await;
        assert_eq!(grid.submit(&customer).await.error(400), "INVALID_INPUT", "{name} is decided");
    }

    let problematic = grid.create_id(individual("Jane Doe 003")).await;
    assert_eq!(missing(&grid.submit(&problematic).await.expect(200)), [IDENTITY]);
    let passport = grid.upload(&problematic, "PASSPORT", None).await;
    for _ in 0..2 {
        let verification = grid.submit(&problematic).await.expect(200);
        assert_eq!(verification["verificationStatus"], "RESOLVE_ERRORS");
        assert_eq!(missing(&verification), ["POOR_QUALITY_DOCUMENT"]);
        assert_eq!(verification["errors"][0]["resourceId"], passport["id"]);
    }
    assert_eq!(grid.status(&problematic).await, "UNVERIFIED");

    let one_word = grid.create_id(individual("Jane001")).await;
    grid.upload(&one_word, "PASSPORT", None).await;
    assert_eq!(missing(&grid.submit(&one_word).await.expect(200)), ["INVALID_FIELD customer.fullName"]);

    // Whoever was created without a name is decided by the one given later, when it is submitted.
    for (name, verification, status) in [
        ("Jane Doe 001", "PENDING_MANUAL_REVIEW", "PENDING"),
        ("Jane Doe 002", "REJECTED", "REJECTED"),
        ("Jane Doe", "APPROVED", "APPROVED"),
    ] {
        let customer = grid.create_id(with(individual(""), &json!({ "fullName": null }))).await;
        grid.upload(&customer, "PASSPORT", None).await;
        assert_eq!(missing(&grid.submit(&customer).await.expect(200)), ["MISSING_FIELD customer.fullName"]);
        let name = json!({ "customerType": "INDIVIDUAL", "fullName": name });
        grid.patch(&format!("/customers/{customer}"), name).await.expect(200);
        assert_eq!(grid.submit(&customer).await.expect(200)["verificationStatus"], verification);
        assert_eq!(grid.status(&customer).await, status);
    }
}

#[tokio::test]
async fn a_business_is_asked_for_everything_that_is_missing() {
    for (grid, number) in [
        (Grid::start().await, "BRN-001"),
        (Grid::deciding_at_creation().await, "BRN-001"),
        (Grid::deciding_at_creation().await, "BRN-003"),
    ] {
        let bare =
            with(business(number), &json!({ "address": null, "businessInfo": { "countriesOfOperation": null } }));
        let customer = grid.create_id(bare).await;
        let blocked = grid.submit(&customer).await.expect(200);
        assert_eq!(
            missing(&blocked),
            [
                "MISSING_FIELD customer.businessInfo.countriesOfOperation",
                "MISSING_FIELD customer.address.line1",
                "MISSING_FIELD customer.address.postalCode",
                "MISSING_FIELD customer.address.country",
                "MISSING_LEGAL_PRESENCE_DOCUMENT CERTIFICATE_OF_INCORPORATION|ARTICLES_OF_INCORPORATION|ARTICLES_OF_ASSOCIATION|STATE_REGISTRY_EXCERPT",
                "MISSING_CONTROL_STRUCTURE_DOCUMENT DIRECTOR_REGISTRY|TRUST_AGREEMENT|STATE_COMPANY_REGISTRY|PARTNERSHIP_CONTROL_AGREEMENT",
                "MISSING_OWNERSHIP_STRUCTURE_DOCUMENT SHAREHOLDER_REGISTER|TRUST_AGREEMENT|PARTNERSHIP_AGREEMENT",
                "MISSING_PROOF_OF_ADDRESS_DOCUMENT UTILITY_BILL|RENT_OR_LEASE_AGREEMENT|ELECTRICITY_BILL|BANK_STATEMENT|TAX_RETURN",
                "MISSING_BENEFICIAL_OWNER",
                "MISSING_CONTROL_PERSON",
            ]
        );
        assert_eq!(grid.status(&customer).await, "UNVERIFIED");

        let change = json!({
            "customerType": "BUSINESS", "address": address(), "businessInfo": { "countriesOfOperation": ["US"] },
        });
        grid.patch(&format!("/customers/{customer}"), change).await.expect(200);
        for kind in ["CERTIFICATE_OF_INCORPORATION", "TRUST_AGREEMENT", "UTILITY_BILL"] {
            grid.upload(&customer, kind, None).await;
        }
        let foreigner = with(
            owner(&customer, "Smith"),
            &json!({ "personalInfo": { "nationality": "MX", "idType": "NON_US_TAX_ID", "identifier": "X1" } }),
        );
        let owner = id(&grid.post("/beneficial-owners", foreigner).await.expect(201));
        let blocked = grid.submit(&customer).await.expect(200);
        assert_eq!(
            missing(&blocked),
            [
                "MISSING_FIELD personalInfo.countryOfIssuance",
                "MISSING_IDENTITY_DOCUMENT PASSPORT",
                "MISSING_IDENTITY_DOCUMENT DRIVERS_LICENSE|NATIONAL_ID",
            ]
        );
        assert!(blocked["errors"].as_array().unwrap().iter().all(|error| error["resourceId"] == owner));
        let issued = json!({ "personalInfo": { "countryOfIssuance": "MX" } });
        grid.patch(&format!("/beneficial-owners/{owner}"), issued).await.expect(200);
        grid.upload(&owner, "PASSPORT", None).await;
        grid.upload(&owner, "NATIONAL_ID", Some("FRONT")).await;
        grid.upload(&owner, "NATIONAL_ID", Some("BACK")).await;

        let submitted = grid.submit(&customer).await.expect(200);
        assert_eq!((&submitted["verificationStatus"], missing(&submitted).len()), (&json!("IN_PROGRESS"), 0));
        assert_eq!(grid.status(&customer).await, "PENDING");
        grid.decide(&customer, "REJECTED").await;
        let decided = grid.get(&format!("/verifications/{}", id(&submitted))).await.expect(200);
        assert_eq!(decided["verificationStatus"], "REJECTED");
        assert_eq!(missing(&decided), ["APPLICANT_REJECTED"]);
    }
}

#[tokio::test]
async fn by_the_old_rules_other_businesses_are_decided_at_once_and_their_owners_with_them() {
    let grid = Grid::deciding_at_creation().await;
    for (number, status) in [(Some("BRN-002"), "REJECTED"), (Some("5523041"), "APPROVED"), (None, "APPROVED")] {
        let change = json!({ "businessInfo": { "registrationNumber": number } });
        let customer = grid.create_id(with(business(""), &change)).await;
        let mut owners = Vec::new();
        for name in ["Doe001", "Doe002", "Doe003", "Doe"] {
            let owner = grid.post("/beneficial-owners", owner(&customer, name)).await.expect(201);
            assert_eq!(owner["kycStatus"], "UNVERIFIED");
            owners.push(id(&owner));
        }
        assert_eq!(grid.submit(&customer).await.expect(200)["verificationStatus"], status);
        assert_eq!(grid.status(&customer).await, status);
        for (owner, status) in owners.iter().zip(["PENDING", "REJECTED", "APPROVED", "APPROVED"]) {
            let owner = grid.get(&format!("/beneficial-owners/{owner}")).await.expect(200);
            assert_eq!(owner["kycStatus"], status);
        }
        let late = grid.post("/beneficial-owners", owner(&customer, "Doe002")).await.expect(201);
        assert_eq!(late["kycStatus"], "REJECTED", "who joins a verified business is resolved at once");
        assert_eq!(grid.submit(&customer).await.error(400), "INVALID_INPUT");
    }
}

#[tokio::test]
async fn somebody_on_hold_submits_again() {
    let grid = Grid::start().await;
    let customer = grid.create_id(individual("Jane Doe 001")).await;
    grid.upload(&customer, "PASSPORT", None).await;
    let first = grid.submit(&customer).await.expect(200);
    grid.decide(&customer, "HOLD").await;
    assert_eq!(grid.status(&customer).await, "HOLD");
    let second = grid.submit(&customer).await.expect(200);
    assert_ne!(first["id"], second["id"]);
    assert_eq!(grid.status(&customer).await, "PENDING");
    grid.decide(&customer, "APPROVED").await;
    for verification in [first, second] {
        let path = format!("/verifications/{}", id(&verification));
        assert_eq!(grid.get(&path).await.expect(200)["verificationStatus"], "APPROVED");
    }
}

#[tokio::test]
async fn contact_details_come_first() {
    let grid = Grid::start().await;
    let european = json!({ "region": "DE", "email": "jane@example.com", "phoneNumber": "+4915112345678" });
    let customer = grid.create_id(with(individual("Jane Doe 001"), &european)).await;
    assert_eq!(grid.submit(&customer).await.error(400), "INVALID_INPUT");
    for channel in ["email", "phone"] {
        let path = format!("/customers/{customer}/verify-{channel}/confirm");
        grid.post(&path, json!({ "code": "123456" })).await.expect(200);
    }
    assert_eq!(missing(&grid.submit(&customer).await.expect(200)), [IDENTITY]);
    assert_eq!(grid.post("/verifications", json!({})).await.bad_fields(), ["customerId"]);
}
