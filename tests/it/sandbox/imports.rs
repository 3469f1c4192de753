//! Import of customers from CSV.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};
use tokio::time::{sleep, timeout};

use super::harness::{Grid, form, send};

async fn accept(grid: &Grid, file: Option<Vec<u8>>) -> String {
    let form = form(&[("note", "x")], file.map(|bytes| ("customers.csv", bytes)));
    let accepted = send(grid.request(Method::POST, "/customers/bulk/csv").multipart(form)).await.expect(202);
    assert_eq!(accepted["status"], "PENDING");
    accepted["jobId"].as_str().unwrap().to_owned()
}

/// The job, once it has ended.
async fn ended(grid: &Grid, job: &str) -> Value {
    let path = format!("/customers/bulk/jobs/{job}");
    let wait = async {
        loop {
            let job = grid.get(&path).await.expect(200);
            if job.get("completedAt").is_some() {
                return job;
            }
            assert!(["PENDING", "PROCESSING"].contains(&job["status"].as_str().unwrap()));
            sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(Duration::from_secs(30), wait).await.expect("the job ends")
}

async fn import(grid: &Grid, csv: &str) -> Value {
    let job = accept(grid, Some(csv.as_bytes().to_vec())).await;
    ended(grid, &job).await
}

const HEADER: &str = "umaAddress,platformCustomerId,customerType,fullName,birthDate,addressLine1,city,state,postalCode,\
                      country,email,businessLegalName,businessRegistrationNumber,businessTaxId";

#[tokio::test]
async fn rows_become_customers() {
    let grid = Grid::start().await;
    let csv = format!(
        "\u{feff}{HEADER}\r\n\
         $john@uma.example.com,c1,INDIVIDUAL,\"Doe, John 001\",1990-01-15,123 Main St,San Francisco,CA,94105,US,john@example.com\r\n\
         acme@uma.example.com,b1,BUSINESS,,,400 Commerce Way,Austin,TX,78701,US,,\"Acme \"\"Rockets\"\"\",BRN-001,47-1234567\r\n"
    );
    let job = import(&grid, &csv).await;
    assert_eq!(job["status"], "COMPLETED", "{job}");
    assert_eq!(job["progress"], json!({ "total": 2, "processed": 2, "successful": 2, "failed": 0 }));

    let all = grid.get("/customers").await.expect(200);
    let (person, company) = (&all["data"][0], &all["data"][1]);
    assert_eq!(person["fullName"], "Doe, John 001");
    assert_eq!(person["kycStatus"], "UNVERIFIED");
    assert_eq!(person["email"], "john@example.com");
    assert_eq!(person["address"]["postalCode"], "94105");
    assert_eq!(company["umaAddress"], "$acme@uma.example.com");
    assert_eq!(company["kybStatus"], "UNVERIFIED");
    assert_eq!(
        company["businessInfo"],
        json!({ "legalName": "Acme \"Rockets\"", "registrationNumber": "BRN-001", "taxId": "47-1234567" })
    );
}

#[tokio::test]
async fn a_bad_row_says_why_and_spoils_no_other() {
    let grid = Grid::start().await;
    let row = |uma: &str, id: &str, name: &str, birth: &str| {
        format!("{uma}@uma.example.com,{id},INDIVIDUAL,{name},{birth},1 Main,Austin,TX,78701,US")
    };
    let csv = [
        HEADER.to_owned(),
        row("good", "c1", "John Doe", "1990-01-15"),
        row("no-name", "c2", "", "1990-01-15"),
        row("no-date", "", "John Doe", "15.1.1990"),
        row("good", "c4", "John Doe", "1990-01-15"),
        // Grid's own example has this ragged row of a business without a name.
        "acme@uma.example.com,biz456,BUSINESS,,,400 Commerce Way,Austin,TX,78701,US".to_owned(),
        "x@uma.example.com,c6,ROBOT,John Doe,1990-01-15,1 Main,Austin,TX,78701,US".to_owned(),
        row("last", "c7", "John Doe", "1990-01-15"),
    ]
    .join("\n");
    let job = import(&grid, &csv).await;
    assert_eq!(job["status"], "COMPLETED");
    assert_eq!(job["progress"], json!({ "total": 7, "processed": 7, "successful": 2, "failed": 5 }));
    let errors: Vec<_> = job["errors"]
        .as_array()
        .unwrap()
        .iter()
        .map(|error| {
            let field = error["details"]["errors"][0]["field"].as_str().unwrap_or("-");
            assert!(!error["message"].as_str().unwrap().is_empty());
            [error["correlationId"].as_str().unwrap(), error["code"].as_str().unwrap(), field]
        })
        .collect();
    assert_eq!(
        errors,
        [
            ["c2", "MISSING_MANDATORY_USER_INFO", "fullName"],
            ["row_3", "MISSING_MANDATORY_USER_INFO", "platformCustomerId"],
            ["c4", "UMA_ADDRESS_EXISTS", "-"],
            ["biz456", "MISSING_MANDATORY_USER_INFO", "businessLegalName"],
            ["c6", "INVALID_INPUT", "customerType"],
        ]
    );
    assert_eq!(grid.get("/customers").await.expect(200)["totalCount"], 2);
}

#[tokio::test]
async fn a_bad_file_becomes_a_job_that_failed() {
    let grid = Grid::start().await;
    let none_good = format!("{HEADER}\nx@uma.example.com,c1,INDIVIDUAL");
    for (file, reason, column, total) in [
        (None, Some("missing_file"), None, 0),
        (Some(""), Some("empty_file"), None, 0),
        (Some("  \n"), Some("empty_file"), None, 0),
        (Some("platformCustomerId,customerType\na,b\nc,d\n"), Some("missing_required_column"), Some("umaAddress"), 2),
        (Some("umaAddress;platformCustomerId;customerType\n"), Some("missing_required_column"), Some("umaAddress"), 0),
        (Some("\u{0}\u{1}PK"), Some("missing_required_column"), Some("umaAddress"), 0),
        (Some(none_good.as_str()), None, None, 1),
    ] {
        let job = accept(&grid, file.map(|text| text.as_bytes().to_vec())).await;
        let job = ended(&grid, &job).await;
        assert_eq!(job["status"], "FAILED", "{file:?}");
        assert_eq!(job["progress"], json!({ "total": total, "processed": total, "successful": 0, "failed": total }));
        let error = &job["errors"][0];
        if let Some(reason) = reason {
            assert_eq!(error["code"], "invalid_csv_format");
            assert_eq!(error["details"]["reason"], reason);
            assert_eq!(error["details"]["column"].as_str(), column);
        }
    }
    let not_multipart = grid.request(Method::POST, "/customers/bulk/csv").body("x");
    let job = send(not_multipart).await.expect(202)["jobId"].as_str().unwrap().to_owned();
    assert_eq!(ended(&grid, &job).await["errors"][0]["details"]["reason"], "not_multipart");
    let invalid = [HEADER.as_bytes(), b"\n\xFF@uma.example.com,c1,INDIVIDUAL,A B\n"].concat();
    let job = accept(&grid, Some(invalid)).await;
    assert_eq!(ended(&grid, &job).await["errors"][0]["details"]["reason"], "not_utf_8");
}

#[tokio::test]
async fn an_empty_list_is_no_failure() {
    let grid = Grid::start().await;
    let job = import(&grid, &format!("{HEADER}\n")).await;
    assert_eq!(job["status"], "COMPLETED");
    assert_eq!(job["progress"]["total"], 0);
}

#[tokio::test]
async fn many_rows_are_imported_while_others_are_answered() {
    let grid = Grid::start().await;
    let rows = (0..3_000)
        .map(|n| format!("\nu{n}@uma.example.com,c{n},INDIVIDUAL,John Doe,1990-01-15,1 Main,Austin,TX,78701,US"));
    let csv: String = std::iter::once(HEADER.to_owned()).chain(rows).collect();
    let job = accept(&grid, Some(csv.into_bytes())).await;
    grid.get("/config").await.expect(200);
    let job = ended(&grid, &job).await;
    assert_eq!(job["progress"], json!({ "total": 3000, "processed": 3000, "successful": 3000, "failed": 0 }));
    assert_eq!(grid.get("/customers?platformCustomerId=c2999").await.expect(200)["totalCount"], 1);
}

#[tokio::test]
async fn old_jobs_give_way() {
    let grid = Grid::with(|config| config.limits.import_jobs = 1).await;
    let first = accept(&grid, Some(b"x".to_vec())).await;
    ended(&grid, &first).await;
    let second = accept(&grid, Some(b"x".to_vec())).await;
    ended(&grid, &second).await;
    assert_eq!(grid.get(&format!("/customers/bulk/jobs/{first}")).await.error(404), "BULK_UPLOAD_JOB_NOT_FOUND");
}
