//! `/beneficial-owners`.

use serde_json::{Value, json};

use super::harness::{Grid, business, id, individual, owner, with};

#[tokio::test]
async fn owners_come_back_whole() {
    let grid = Grid::start().await;
    let customer = grid.create_id(business("BRN-001")).await;
    let sent = with(
        owner(&customer, "Smith"),
        &json!({ "roles": ["UBO", "DIRECTOR"], "personalInfo": {
            "middleName": "Marie", "email": "jane@example.com", "phoneNumber": "+14155550192",
            "idType": "NON_US_TAX_ID", "identifier": "DE 123", "countryOfIssuance": "DE",
        }}),
    );
    let created = grid.post("/beneficial-owners", sent.clone()).await.expect(201);
    assert_eq!(with(created.clone(), &sent), created, "the identifier too, unlike a customer's");
    assert!(id(&created).starts_with("BeneficialOwner:"));
    assert_eq!(created["kycStatus"], "UNVERIFIED");
    assert_eq!(grid.get(&format!("/beneficial-owners/{}", id(&created))).await.expect(200), created);
    let customer = grid.get(&format!("/customers/{customer}")).await.expect(200);
    assert_eq!(customer["beneficialOwners"], json!([created]));
}

#[tokio::test]
async fn every_bad_field_of_an_owner_is_named() {
    let grid = Grid::start().await;
    let customer = grid.create_id(business("BRN-001")).await;
    assert_eq!(
        grid.post("/beneficial-owners", json!({})).await.bad_fields(),
        ["customerId", "ownershipPercentage", "personalInfo", "roles"]
    );
    assert_eq!(
        grid.post(
            "/beneficial-owners",
            with(owner(&customer, "S"), &json!({ "personalInfo": null, "roles": ["KING"] }))
        )
        .await
        .bad_fields(),
        ["personalInfo", "roles[0]"]
    );
    let bare = json!({ "customerId": customer, "roles": [], "ownershipPercentage": 0, "personalInfo": {} });
    assert_eq!(
        grid.post("/beneficial-owners", bare).await.bad_fields(),
        [
            "personalInfo.address",
            "personalInfo.birthDate",
            "personalInfo.firstName",
            "personalInfo.idType",
            "personalInfo.identifier",
            "personalInfo.lastName",
            "personalInfo.nationality",
        ]
    );
    for (change, field) in [
        (json!({ "ownershipPercentage": 101 }), "ownershipPercentage"),
        (json!({ "ownershipPercentage": -1 }), "ownershipPercentage"),
        (json!({ "ownershipPercentage": 12.5 }), "ownershipPercentage"),
        (json!({ "ownershipPercentage": "51" }), "ownershipPercentage"),
        (json!({ "roles": "UBO" }), "roles"),
        (json!({ "personalInfo": { "identifier": "12-3456789" } }), "personalInfo.identifier"),
        (json!({ "personalInfo": { "idType": "EIN" } }), "personalInfo.identifier"),
        (json!({ "personalInfo": { "idType": "PASSPORT" } }), "personalInfo.idType"),
        (json!({ "personalInfo": { "email": "x" } }), "personalInfo.email"),
        (json!({ "personalInfo": { "address": { "country": "USA" } } }), "personalInfo.address.country"),
    ] {
        let answer = grid.post("/beneficial-owners", with(owner(&customer, "Smith"), &change)).await;
        assert_eq!(answer.bad_fields(), [field], "{change}");
    }
}

#[tokio::test]
async fn only_a_business_has_owners() {
    let grid = Grid::start().await;
    let person = grid.create_id(individual("Jane Doe")).await;
    assert_eq!(grid.post("/beneficial-owners", owner(&person, "Smith")).await.bad_fields(), ["customerId"]);
    assert_eq!(grid.post("/beneficial-owners", owner("Customer:1", "Smith")).await.error(404), "USER_NOT_FOUND");
    let limited = Grid::with(|config| config.limits.owners_per_customer = 1).await;
    let company = limited.create_id(business("BRN-001")).await;
    limited.post("/beneficial-owners", owner(&company, "Smith")).await.expect(201);
    assert_eq!(limited.post("/beneficial-owners", owner(&company, "Smith")).await.error(500), "INTERNAL_ERROR");
}

#[tokio::test]
async fn an_owner_is_changed_field_by_field() {
    let grid = Grid::start().await;
    let customer = grid.create_id(business("BRN-001")).await;
    let created = grid.post("/beneficial-owners", owner(&customer, "Smith")).await.expect(201);
    let path = format!("/beneficial-owners/{}", id(&created));
    let change = json!({ "ownershipPercentage": 20, "personalInfo": { "lastName": "Jones" } });
    let changed = grid.patch(&path, change.clone()).await.expect(200);
    assert!(changed["updatedAt"].as_str() > created["updatedAt"].as_str());
    assert_eq!(changed, with(with(created, &change), &json!({ "updatedAt": changed["updatedAt"] })));
    assert_eq!(grid.patch(&path, json!({ "roles": [] })).await.expect(200)["roles"], json!([]));
    for (change, field) in [
        (json!({ "personalInfo": { "idType": "EIN" } }), "personalInfo.identifier"),
        (json!({ "personalInfo": [] }), "personalInfo"),
        (json!({ "ownershipPercentage": null }), "ownershipPercentage"),
    ] {
        assert_eq!(grid.patch(&path, change).await.bad_fields(), [field]);
    }
}

#[tokio::test]
async fn the_owners_of_a_business_are_listed() {
    let grid = Grid::start().await;
    let (one, other) = (grid.create_id(business("1")).await, grid.create_id(business("2")).await);
    let mut expected = Vec::new();
    for customer in [&one, &other, &one, &one] {
        let created = grid.post("/beneficial-owners", owner(customer, "Smith")).await.expect(201);
        expected.extend((customer == &one).then_some(created));
    }
    let first = grid.get(&format!("/beneficial-owners?customerId={one}&limit=2")).await.expect(200);
    assert_eq!(first["data"].as_array().unwrap()[..], expected[..2]);
    assert_eq!((&first["hasMore"], &first["totalCount"]), (&json!(true), &json!(3)));
    let cursor = first["nextCursor"].as_str().unwrap();
    let rest = grid.get(&format!("/beneficial-owners?customerId={one}&cursor={cursor}")).await.expect(200);
    assert_eq!(rest["data"].as_array().unwrap()[..], expected[2..]);
    assert_eq!(grid.get("/beneficial-owners").await.bad_fields(), ["customerId"]);
    assert_eq!(grid.get("/beneficial-owners?customerId=x").await.expect(200)["data"], json!([]));
}

#[tokio::test]
async fn an_owner_is_taken_away_until_the_business_is_submitted() {
    let grid = Grid::start().await;
    let customer = grid.create_id(business("BRN-001")).await;
    let [gone, stays] = [
        id(&grid.post("/beneficial-owners", owner(&customer, "Smith")).await.expect(201)),
        id(&grid.post("/beneficial-owners", owner(&customer, "Jones")).await.expect(201)),
    ];
    let passport = id(&grid.upload(&gone, "PASSPORT", None).await);
    let path = format!("/beneficial-owners/{gone}");
    assert_eq!(grid.delete(&path).await.expect(204), Value::Null);
    assert_eq!(grid.delete(&path).await.error(404), "REFERENCE_NOT_FOUND");
    assert_eq!(grid.get(&path).await.error(404), "REFERENCE_NOT_FOUND");
    assert_eq!(grid.get(&format!("/documents/{passport}")).await.error(404), "REFERENCE_NOT_FOUND");
    let business = grid.get(&format!("/customers/{customer}")).await.expect(200);
    assert_eq!(business["beneficialOwners"].as_array().unwrap().len(), 1);

    grid.decide(&customer, "APPROVED").await;
    assert_eq!(grid.delete(&format!("/beneficial-owners/{stays}")).await.error(409), "CONFLICT");
    grid.get(&format!("/beneficial-owners/{stays}")).await.expect(200);
}
