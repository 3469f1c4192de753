//! The rows of a CSV file of customers (OpenAPI, `POST /customers/bulk/csv`).
//!
//! Rows may be shorter than the header, as those of Grid's own example are: a missing cell is empty.

use csv::ByteRecord;
use serde_json::{Map, Value, json};

use super::customer_input::{Intent, read_customer};
use super::customers::create_customer;
use super::error::GridError;
use super::fields::Faults;
use super::shared::Shared;
use gridgate_grid::model::ImportError;

/// The columns without which no row can be read.
const REQUIRED_COLUMNS: &[&str] = &["umaAddress", "platformCustomerId", "customerType"];

/// The columns that a row of either type has to fill.
const REQUIRED_FOR_ALL: &[&str] =
    &["umaAddress", "platformCustomerId", "addressLine1", "city", "state", "postalCode", "country"];

/// Rows that are counted before others get their turn.
const COUNTING_CHUNK: u64 = 20_000;

/// Why a file can't be imported at all.
pub(super) struct FileFault {
    pub(super) reason: &'static str,
    pub(super) column: Option<&'static str>,
    /// How many rows it has.
    pub(super) rows: u64,
}

pub(super) struct Header(Vec<String>);

/// A row: its number, and its cells by column.
pub(super) struct Row {
    number: usize,
    cells: Result<Map<String, Value>, &'static str>,
}

fn reader(file: &[u8]) -> csv::Reader<&[u8]> {
    // Spreadsheets like to begin a file with a byte order mark.
    let file = file.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(file);
    csv::ReaderBuilder::new().flexible(true).trim(csv::Trim::All).from_reader(file)
}

pub(super) fn header(file: &[u8]) -> Result<Header, FileFault> {
    let fault = |reason, column| FileFault { reason, column, rows: 0 };
    if file.iter().all(u8::is_ascii_whitespace) {
        return Err(fault("empty_file", None));
    }
    let mut reader = reader(file);
    let names = reader.headers().map_err(|_| fault("unreadable_header", None))?;
    let names: Vec<String> = names.iter().map(str::to_owned).collect();
    match REQUIRED_COLUMNS.iter().find(|column| !names.iter().any(|name| name == *column)) {
        Some(column) => {
            let rows = reader.byte_records().count() as u64;
            Err(FileFault { rows, ..fault("missing_required_column", Some(*column)) })
        }
        None => Ok(Header(names)),
    }
}

/// Counts the rows.
pub(super) async fn count(file: &[u8]) -> u64 {
    let mut reader = reader(file);
    let mut record = ByteRecord::new();
    let mut rows = 0;
    while reader.read_byte_record(&mut record).unwrap_or(false) {
        rows += 1;
        if rows % COUNTING_CHUNK == 0 {
            tokio::task::yield_now().await;
        }
    }
    rows
}

pub(super) fn rows<'a>(file: &'a [u8], header: &'a Header) -> impl Iterator<Item = Row> + 'a {
    let records = reader(file).into_byte_records().map_while(Result::ok);
    records.zip(1..).map(|(record, number)| Row { number, cells: cells(&record, header) })
}

fn cells(record: &ByteRecord, header: &Header) -> Result<Map<String, Value>, &'static str> {
    let mut cells = Map::new();
    for (name, cell) in header.0.iter().zip(record) {
        let text = std::str::from_utf8(cell).map_err(|_| "not_utf_8")?;
        if !text.is_empty() {
            cells.insert(name.clone(), json!(text));
        }
    }
    Ok(cells)
}

/// Makes a customer of a row of this job.
pub(super) fn import(app: &Shared, job: &str, row: Row) -> Result<(), ImportError> {
    let number = format!("row_{}", row.number);
    let cells = row.cells.map_err(|reason| ImportError {
        correlation_id: number.clone(),
        code: Some("invalid_csv_format".to_owned()),
        message: Some("Invalid CSV format".to_owned()),
        details: Map::from_iter([("reason".to_owned(), json!(reason))]),
    })?;
    let platform_id = cells.get("platformCustomerId").and_then(Value::as_str).map(str::to_owned);
    create(app, job, &cells).map_err(|error| row_error(platform_id.unwrap_or(number), error))
}

fn create(app: &Shared, job: &str, cells: &Map<String, Value>) -> Result<(), GridError> {
    let mut faults = Faults::default();
    let specific: &[&str] = match cells.get("customerType").and_then(Value::as_str) {
        Some("BUSINESS") => &["businessLegalName"],
        _ => &["fullName", "birthDate"],
    };
    for column in REQUIRED_FOR_ALL.iter().chain(specific).filter(|column| !cells.contains_key(**column)) {
        faults.missing_mandatory(*column, "is required");
    }
    // The columns are said to be missing by their own names, not by those of the fields they fill.
    faults.into_result()?;
    let mut faults = Faults::default();
    match read_customer(&body(cells), Intent::Import, app.clock.now(), &mut faults) {
        Some(input) => {
            let mut store = app.store();
            // A job that is gone was forgotten by a reset, and must not fill the sandbox again.
            store.jobs.get(job).ok_or_else(GridError::job_not_found)?;
            create_customer(app, &mut store, input, faults).map(|_| ())
        }
        None => faults.into_result(),
    }
}

/// The row as the body of `POST /customers` that says the same.
fn body(cells: &Map<String, Value>) -> Map<String, Value> {
    let pick = |columns: &[(&str, &str)]| {
        let pairs =
            columns.iter().filter_map(|(column, field)| Some(((*field).to_owned(), cells.get(*column)?.clone())));
        pairs.collect::<Map<_, _>>()
    };
    let mut body = pick(&[
        ("platformCustomerId", "platformCustomerId"),
        ("customerType", "customerType"),
        ("email", "email"),
        ("fullName", "fullName"),
        ("birthDate", "birthDate"),
    ]);
    // Grid's example writes the addresses without the dollar sign.
    if let Some(address) = cells.get("umaAddress").and_then(Value::as_str) {
        body.insert("umaAddress".to_owned(), json!(format!("${}", address.trim_start_matches('$'))));
    }
    let address = pick(&[
        ("addressLine1", "line1"),
        ("addressLine2", "line2"),
        ("city", "city"),
        ("state", "state"),
        ("postalCode", "postalCode"),
        ("country", "country"),
    ]);
    body.insert("address".to_owned(), Value::Object(address));
    let info = pick(&[
        ("businessLegalName", "legalName"),
        ("businessRegistrationNumber", "registrationNumber"),
        ("businessTaxId", "taxId"),
    ]);
    body.insert("businessInfo".to_owned(), Value::Object(info));
    body
}

fn row_error(correlation_id: String, error: GridError) -> ImportError {
    let body = error.body();
    let details = match serde_json::to_value(body.details) {
        Ok(Value::Object(details)) => details,
        _ => Map::new(),
    };
    ImportError { correlation_id, code: body.code, message: body.reason, details }
}
