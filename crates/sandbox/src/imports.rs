//! `/customers/bulk/csv` and `/customers/bulk/jobs/{id}`: importing customers from CSV.
//!
//! An upload is always accepted, and a job works through it; the job reports errors of the file and its rows.

use std::sync::Arc;

use axum::Json;
use axum::extract::multipart::MultipartRejection;
use axum::extract::{Extension, Multipart, Path, State};
use axum::http::StatusCode;
use bytes::Bytes;
use serde_json::{Map, json};
use tokio::sync::OwnedSemaphorePermit;

use super::error::GridError;
use super::ids::IdKind;
use super::import_rows::{self, Header};
use super::journal::EntryNumber;
use super::multipart;
use super::outbox::Transition;
use super::shared::{App, Shared};
use gridgate_grid::model::{ImportError, ImportJob, ImportJobAccepted, ImportJobStatus, ImportProgress};

/// Largest CSV file: Grid's guides say 100 MB.
pub(super) const MAX_CSV_BYTES: usize = 100 * 1024 * 1024;

/// Rows that are imported before other tasks run.
const CHUNK: usize = 200;

/// How much of the room for files a CSV file takes.
const UPLOAD_SHARE: u32 = 4;

/// The most rows whose errors are kept; further ones are only counted.
const MAX_ERRORS: usize = 10_000;

/// `POST /customers/bulk/csv`.
pub(super) async fn upload(
    State(app): State<App>,
    Extension(number): Extension<EntryNumber>,
    body: Result<Multipart, MultipartRejection>,
) -> Result<(StatusCode, Json<ImportJobAccepted>), GridError> {
    // Held until the job has ended: so many files are in memory at once and no more.
    let permit = Arc::clone(&app.uploads).acquire_many_owned(UPLOAD_SHARE).await.ok();
    let file = read_file(&app, number, body).await;
    let id = IdKind::Job.new_id();
    let job = ImportJob {
        id: id.clone(),
        status: ImportJobStatus::Pending,
        progress: Some(ImportProgress::default()),
        ..ImportJob::default()
    };
    app.store().add_job(job)?;
    app.tasks.spawn(run(App::clone(&app), id.clone(), file, permit));
    Ok((StatusCode::ACCEPTED, Json(ImportJobAccepted { job_id: id, status: ImportJobStatus::Pending })))
}

/// `GET /customers/bulk/jobs/{id}`.
pub(super) async fn get_job(State(app): State<App>, Path(id): Path<String>) -> Result<Json<ImportJob>, GridError> {
    app.store().jobs.get(&id).cloned().map(Json).ok_or_else(GridError::job_not_found)
}

/// The file, or why there is none.
async fn read_file(
    app: &Shared,
    number: EntryNumber,
    body: Result<Multipart, MultipartRejection>,
) -> Result<Bytes, &'static str> {
    let body = body.map_err(|_| "not_multipart")?;
    let upload = multipart::read(body, MAX_CSV_BYTES).await.map_err(|_| "unreadable_body")?;
    app.store().journal.note_parts(number, upload.parts);
    match upload.file {
        None => Err("missing_file"),
        Some(file) if file.too_large => Err("file_too_large"),
        Some(file) => Ok(file.bytes),
    }
}

/// Works through a file. The sandbox waits for it when it stops, and it stops with the sandbox.
async fn run(app: App, id: String, file: Result<Bytes, &'static str>, _permit: Option<OwnedSemaphorePermit>) {
    let outcome = match &file {
        Ok(file) => match import_rows::header(file) {
            Ok(header) => import(&app, &id, file, &header).await,
            Err(fault) => Err(fault),
        },
        Err(reason) => Err(import_rows::FileFault { reason, column: None, rows: 0 }),
    };
    let now = app.clock.tick();
    app.store().change_job(&id, |job| {
        if let Err(fault) = outcome {
            let (total, processed, failed) = (fault.rows, fault.rows, fault.rows);
            job.progress = Some(ImportProgress { total, processed, successful: 0, failed });
            job.errors.get_or_insert_default().push(fault.into_error());
            job.status = ImportJobStatus::Failed;
        } else if job.progress.as_ref().is_some_and(|rows| rows.successful == 0 && rows.failed > 0) {
            job.status = ImportJobStatus::Failed;
        } else {
            job.status = ImportJobStatus::Completed;
        }
        job.completed_at = Some(now.into());
    });
    let mut store = app.store();
    if let Some(job) = store.jobs.get(&id).cloned() {
        store.outbox.push(Transition::ImportJob { job, at: now });
    }
}

async fn import(app: &App, id: &str, file: &Bytes, header: &Header) -> Result<(), import_rows::FileFault> {
    let total = import_rows::count(file).await;
    app.store().change_job(id, |job| {
        job.status = ImportJobStatus::Processing;
        job.progress.get_or_insert_default().total = total;
    });
    let mut rows = import_rows::rows(file, header);
    loop {
        let failures: Vec<Option<ImportError>> =
            rows.by_ref().take(CHUNK).map(|row| import_rows::import(app, id, row).err()).collect();
        if failures.is_empty() || app.stopping.is_cancelled() {
            return Ok(());
        }
        app.store().change_job(id, |job| {
            let progress = job.progress.get_or_insert_default();
            for failure in failures {
                progress.processed += 1;
                let Some(error) = failure else {
                    progress.successful += 1;
                    continue;
                };
                progress.failed += 1;
                let errors = job.errors.get_or_insert_default();
                if errors.len() < MAX_ERRORS {
                    errors.push(error);
                }
            }
        });
        tokio::task::yield_now().await;
    }
}

impl import_rows::FileFault {
    /// The error of a file that can't be imported at all, as in Grid's example of `BULK_UPLOAD.FAILED`.
    fn into_error(self) -> ImportError {
        let mut details = Map::new();
        details.insert("reason".to_owned(), json!(self.reason));
        if let Some(column) = self.column {
            details.insert("column".to_owned(), json!(column));
        }
        ImportError {
            correlation_id: "row_1".to_owned(),
            code: Some("invalid_csv_format".to_owned()),
            message: Some("Invalid CSV format".to_owned()),
            details,
        }
    }
}
