//! `/documents`.

use reqwest::Method;
use serde_json::{Value, json};

use super::harness::{Grid, PDF, business, id, individual, owner, send};

const MIB: usize = 1024 * 1024;

const PASSPORT: &[(&str, &str)] = &[
    ("documentType", "PASSPORT"),
    ("country", "US"),
    ("documentNumber", "A12345678"),
    ("issuingAuthority", "U.S. Department of State"),
];

fn held_by<'a>(holder: &'a str, fields: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    [("documentHolder", holder)].into_iter().chain(fields.iter().copied()).collect()
}

fn file(name: &str) -> Option<(&str, Vec<u8>)> {
    Some((name, PDF.to_vec()))
}

#[tokio::test]
async fn a_document_is_kept_byte_for_byte() {
    let grid = Grid::start().await;
    let customer = grid.create_id(individual("Jane Doe 001")).await;
    // Every byte there is, between a JPEG's first and a boundary that looks like one.
    let mut bytes = vec![0xFF, 0xD8, 0xFF, 0xE0];
    bytes.extend((0..=255).cycle().take(100_000));
    bytes.extend(b"\r\n--boundary\r\n--");
    let mut fields = held_by(&customer, PASSPORT);
    fields.push(("side", "FRONT"));
    let created = grid.upload_with(&fields, Some(("scan.jpg", bytes.clone()))).await.expect(201);
    for (field, value) in fields.iter().chain(&[("fileName", "scan.jpg")]) {
        assert_eq!(created[*field], *value);
    }
    assert!(id(&created).starts_with("Document:"));
    let path = format!("/documents/{}", id(&created));
    assert_eq!(grid.get(&path).await.expect(200), created);
    let kept = grid.bare(Method::GET, &format!("/control{path}/file")).send().await.unwrap();
    assert_eq!(kept.bytes().await.unwrap(), bytes);
}

#[tokio::test]
async fn bad_fields_and_files_are_named_at_once() {
    let grid = Grid::start().await;
    let customer = grid.create_id(individual("Jane Doe 001")).await;
    assert_eq!(
        grid.upload_with(&[("note", "x")], None).await.bad_fields(),
        ["country", "documentHolder", "documentType", "file"]
    );
    let bad = [("documentType", "LIBRARY_CARD"), ("country", "USA"), ("side", "LEFT"), ("documentNumber", "")];
    assert_eq!(
        grid.upload_with(&held_by(&customer, &bad), Some(("a.gif", b"GIF89a".to_vec()))).await.bad_fields(),
        ["country", "documentNumber", "documentType", "file", "side"]
    );
    for kind in ["PASSPORT", "DRIVERS_LICENSE", "NATIONAL_ID"] {
        let fields = [("documentType", kind), ("country", "US")];
        let answer = grid.upload_with(&held_by(&customer, &fields), file("a.pdf")).await;
        assert_eq!(answer.bad_fields(), ["documentNumber", "issuingAuthority"], "{kind}");
    }
    let bill = [("documentType", "UTILITY_BILL"), ("country", "US")];
    grid.upload_with(&held_by(&customer, &bill), file("a.pdf")).await.expect(201);
}

#[tokio::test]
async fn a_file_is_told_by_its_bytes_and_has_at_most_10_mb() {
    let grid = Grid::start().await;
    let customer = grid.create_id(individual("Jane Doe 001")).await;
    let fields = held_by(&customer, PASSPORT);
    let sized = |size| [PDF, &vec![b' '; size - PDF.len()]].concat();
    for (bytes, good) in [
        (PDF.to_vec(), true),
        (b"\xFF\xD8\xFF\xDB".to_vec(), true),
        (b"\x89PNG\r\n\x1a\nrest".to_vec(), true),
        (sized(10 * MIB), true),
        (sized(10 * MIB + 1), false),
        (sized(20 * MIB), false),
        (Vec::new(), false),
        (b"PK\x03\x04".to_vec(), false),
        (b"\x89PNG".to_vec(), false),
        (b"  %PDF-".to_vec(), false),
    ] {
        let size = bytes.len();
        let answer = grid.upload_with(&fields, Some(("a", bytes))).await;
        if good {
            answer.expect(201);
        } else {
            assert_eq!(answer.bad_fields(), ["file"], "{size} bytes");
        }
    }
}

#[tokio::test]
async fn a_document_belongs_to_somebody() {
    let grid = Grid::start().await;
    let company = grid.create_id(business("BRN-001")).await;
    let owner = id(&grid.post("/beneficial-owners", owner(&company, "Smith")).await.expect(201));
    grid.upload(&company, "UTILITY_BILL", None).await;
    let passport = grid.upload(&owner, "PASSPORT", None).await;
    assert_eq!(passport["documentHolder"], owner);

    let gone = grid.create_id(individual("Jane Doe")).await;
    grid.delete(&format!("/customers/{gone}")).await.expect(200);
    for holder in ["Customer:1", "BeneficialOwner:1", "x", &gone] {
        let answer = grid.upload_with(&held_by(holder, PASSPORT), file("a.pdf")).await;
        assert_eq!(answer.error(404), "REFERENCE_NOT_FOUND", "{holder}");
    }

    let ids = |page: Value| page["data"].as_array().unwrap().iter().map(id).collect::<Vec<_>>();
    assert_eq!(ids(grid.get(&format!("/documents?documentHolder={owner}")).await.expect(200)), [id(&passport)]);
    assert_eq!(ids(grid.get("/documents").await.expect(200)).len(), 2);
    assert_eq!(ids(grid.get("/documents?documentHolder=x").await.expect(200)).len(), 0);
    let page = grid.get("/documents?limit=1").await.expect(200);
    assert_eq!((&page["hasMore"], &page["totalCount"]), (&json!(true), &json!(2)));
}

#[tokio::test]
async fn a_document_is_replaced_under_its_id() {
    let grid = Grid::start().await;
    let customer = grid.create_id(individual("Jane Doe 001")).await;
    let before = grid.upload(&customer, "PASSPORT", None).await;
    let fields = [("documentType", "UTILITY_BILL"), ("country", "MX")];
    let png = b"\x89PNG\r\n\x1a\nnew".to_vec();
    let after = grid.replace_with(&id(&before), &fields, Some(("bill.png", png.clone()))).await.expect(200);
    assert_eq!(
        after,
        json!({
            "id": before["id"], "documentHolder": customer, "documentType": "UTILITY_BILL", "country": "MX",
            "fileName": "bill.png", "createdAt": before["createdAt"], "updatedAt": after["updatedAt"],
        })
    );
    assert!(after["updatedAt"].as_str() > before["updatedAt"].as_str());
    let state = grid.control(Method::GET, "/state", Value::Null).await.expect(200);
    assert_eq!((&state["documents"], &state["documentBytes"]), (&json!(1), &json!(png.len())));

    assert_eq!(grid.replace_with(&id(&before), &fields, None).await.bad_fields(), ["file"]);
    assert_eq!(grid.replace_with("Document:1", &fields, file("a.pdf")).await.error(404), "REFERENCE_NOT_FOUND");
}

#[tokio::test]
async fn a_document_can_be_deleted_until_it_is_submitted() {
    let grid = Grid::start().await;
    let customer = grid.create_id(individual("Jane Doe 001")).await;
    let spare = grid.upload(&customer, "SELFIE", None).await;
    let path = format!("/documents/{}", id(&spare));
    assert_eq!(grid.delete(&path).await.expect(204), Value::Null);
    assert_eq!(grid.get(&path).await.error(404), "REFERENCE_NOT_FOUND");
    assert_eq!(grid.delete(&path).await.error(404), "REFERENCE_NOT_FOUND");

    let passport = grid.upload(&customer, "PASSPORT", None).await;
    assert_eq!(grid.submit(&customer).await.expect(200)["verificationStatus"], "IN_PROGRESS");
    assert_eq!(grid.delete(&format!("/documents/{}", id(&passport))).await.error(409), "CONFLICT");
}

#[tokio::test]
async fn documents_together_are_bounded() {
    let grid = Grid::with(|config| {
        config.limits.document_bytes = 3 * PDF.len();
        config.limits.documents = 3;
    })
    .await;
    let customer = grid.create_id(individual("Jane Doe 001")).await;
    let fields = held_by(&customer, PASSPORT);
    let double = PDF.repeat(2);
    let first = grid.upload_with(&fields, file("a.pdf")).await.expect(201);
    let second = grid.upload_with(&fields, Some(("b.pdf", double.clone()))).await.expect(201);
    let answer = grid.upload_with(&fields, file("c.pdf")).await;
    assert_eq!(answer.error(500), "INTERNAL_ERROR");
    assert!(answer.body["reason"].as_str().unwrap().contains("bytes of documents"));
    assert_eq!(grid.replace_with(&id(&first), PASSPORT, Some(("b.pdf", double))).await.error(500), "INTERNAL_ERROR");

    // Room is made by deleting and by replacing with something smaller.
    grid.replace_with(&id(&second), PASSPORT, file("b.pdf")).await.expect(200);
    grid.upload_with(&fields, file("c.pdf")).await.expect(201);
    assert!(grid.upload_with(&fields, file("d.pdf")).await.body["reason"].as_str().unwrap().contains("3 documents"));
    grid.delete(&format!("/documents/{}", id(&first))).await.expect(204);
    grid.upload_with(&fields, file("d.pdf")).await.expect(201);
}

#[tokio::test]
async fn a_broken_multipart_body_is_refused() {
    let grid = Grid::start().await;
    for (content_type, body) in [
        ("multipart/form-data", "x"),
        ("multipart/form-data; boundary=b", "no boundary"),
        ("multipart/form-data; boundary=b", "--b\r\nContent-Disposition: form-data; name=\"file\"\r\n\r\n%PDF-"),
    ] {
        let request = grid.request(Method::POST, "/documents").header("content-type", content_type).body(body);
        assert_eq!(send(request).await.error(400), "INVALID_REQUEST_FORMAT", "{body}");
    }
}
