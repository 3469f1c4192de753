//! `/documents`: files that prove what a customer or an owner says, held in memory.

use axum::Json;
use axum::extract::{Extension, Multipart, Path, State};
use axum::http::StatusCode;
use bytes::Bytes;

use super::error::GridError;
use super::fields::{Faults, Fields};
use super::formats::Form;
use super::ids::IdKind;
use super::journal::EntryNumber;
use super::multipart::{self, UploadedFile};
use super::pagination::page;
use super::query::Params;
use super::shared::{App, Shared};
use super::state::{DocumentRow, Store};
use super::vocabulary as words;
use gridgate_grid::model::{Document, DocumentSide, Page};

/// Largest file: Grid says 10 MB.
const MAX_FILE_BYTES: usize = 10 * 1024 * 1024;

/// Largest body that is read to its end, so that a file which is too large is answered and not just cut off.
pub(super) const MAX_UPLOAD_BYTES: usize = 32 * 1024 * 1024;

const TEXT: Form = Form::Text(Some(250));

/// `POST /documents`.
pub(super) async fn upload(
    State(app): State<App>,
    Extension(number): Extension<EntryNumber>,
    body: Result<Multipart, axum::extract::multipart::MultipartRejection>,
) -> Result<(StatusCode, Json<Document>), GridError> {
    let (mut document, file) = read_document(&app, number, body, true).await?;
    let mut store = app.store();
    check_holder(&store, &document.document_holder)?;
    let limits = store.limits();
    if store.documents.len() >= limits.documents {
        return Err(GridError::full("documents", limits.documents));
    }
    make_room(&mut store, 0, file.len())?;
    let now = app.clock.tick();
    document.id = IdKind::Document.new_id();
    document.created_at = Some(now.into());
    document.updated_at = Some(now.into());
    let row = DocumentRow { document: document.clone(), file, submitted: false };
    store.documents.insert(document.id.clone(), document.document_holder.clone(), row);
    Ok((StatusCode::CREATED, Json(document)))
}

/// `PUT /documents/{id}`. The holder stays.
pub(super) async fn replace(
    State(app): State<App>,
    Path(id): Path<String>,
    Extension(number): Extension<EntryNumber>,
    body: Result<Multipart, axum::extract::multipart::MultipartRejection>,
) -> Result<Json<Document>, GridError> {
    if app.store().documents.get(&id).is_none() {
        return Err(not_found());
    }
    let (document, file) = read_document(&app, number, body, false).await?;
    let mut store = app.store();
    let before = store.documents.get(&id).ok_or_else(not_found)?.file.len();
    make_room(&mut store, before, file.len())?;
    let now = app.clock.tick();
    let row = store.documents.get_mut(&id).ok_or_else(not_found)?;
    let kept = &row.document;
    row.document = Document {
        id: kept.id.clone(),
        document_holder: kept.document_holder.clone(),
        created_at: kept.created_at,
        updated_at: Some(now.into()),
        ..document
    };
    row.file = file;
    row.submitted = false;
    Ok(Json(row.document.clone()))
}

/// `GET /documents/{id}`.
pub(super) async fn get(State(app): State<App>, Path(id): Path<String>) -> Result<Json<Document>, GridError> {
    app.store().documents.get(&id).map(|row| Json(row.document.clone())).ok_or_else(not_found)
}

/// `GET /documents`.
pub(super) async fn list(State(app): State<App>, params: Params) -> Result<Json<Page<Document>>, GridError> {
    let mut faults = Faults::default();
    let request = params.page("documents", &["documentHolder"], &mut faults);
    faults.into_result()?;
    let store = app.store();
    let render = |row: &DocumentRow| row.document.clone();
    Ok(Json(match params.get("documentHolder") {
        Some(holder) => page(store.documents.group(holder), &request, render),
        None => page(store.documents.iter(), &request, render),
    }))
}

/// `DELETE /documents/{id}`.
pub(super) async fn delete(State(app): State<App>, Path(id): Path<String>) -> Result<StatusCode, GridError> {
    let mut store = app.store();
    let row = store.documents.get(&id).ok_or_else(not_found)?;
    if row.submitted {
        return Err(GridError::conflict("The document has already been submitted for verification"));
    }
    let holder = row.document.document_holder.clone();
    store.remove_document(&id, &holder);
    Ok(StatusCode::NO_CONTENT)
}

/// Reads and checks the fields and the file (OpenAPI `DocumentUploadRequest`, `DocumentReplaceRequest`).
async fn read_document(
    app: &Shared,
    number: EntryNumber,
    body: Result<Multipart, axum::extract::multipart::MultipartRejection>,
    with_holder: bool,
) -> Result<(Document, Bytes), GridError> {
    let body = body.map_err(|_| GridError::invalid_format("The body must be multipart/form-data"))?;
    // Others wait while as many files as allowed are read; the semaphore is never closed.
    let _permit = app.uploads.acquire().await;
    let upload = multipart::read(body, MAX_FILE_BYTES).await?;
    app.store().journal.note_parts(number, upload.parts);

    let mut faults = Faults::default();
    let fields = Fields::of_body(&upload.texts);
    fields.require(&["documentType", "country"], &mut faults);
    let mut document = Document::default();
    if with_holder {
        fields.require(&["documentHolder"], &mut faults);
        document.document_holder = fields.text("documentHolder", TEXT, &mut faults).unwrap_or_default();
    }
    document.document_type =
        fields.text("documentType", Form::OneOf(words::DOCUMENT_TYPES), &mut faults).unwrap_or_default();
    document.side = fields
        .text("side", Form::OneOf(words::DOCUMENT_SIDES), &mut faults)
        .map(|side| DocumentSide::from(side.as_str()));
    document.country = fields.text("country", Form::Country, &mut faults);
    document.document_number = fields.text("documentNumber", TEXT, &mut faults);
    document.issuing_authority = fields.text("issuingAuthority", TEXT, &mut faults);
    if words::IDENTITY_DOCUMENTS.contains(&document.document_type.as_str()) {
        fields.require(&["documentNumber", "issuingAuthority"], &mut faults);
    }
    let kind = check_file(upload.file.as_ref(), &mut faults);
    faults.into_result()?;

    let (Some(file), Some(kind)) = (upload.file, kind) else {
        return Err(GridError::bad_field("file", "is required"));
    };
    let precheck_errors = precheck(file.name.as_deref().unwrap_or_default());
    if !precheck_errors.is_empty() {
        return Err(GridError::document_rejected(precheck_errors));
    }
    document.file_name = Some(file_name(file.name, kind));
    Ok((document, file.bytes))
}

/// Says what kind of file it is, by its first bytes.
fn check_file(file: Option<&UploadedFile>, faults: &mut Faults) -> Option<&'static str> {
    let Some(file) = file else {
        faults.add("file", "is required");
        return None;
    };
    let kind = file_kind(&file.bytes);
    if file.too_large {
        faults.add("file", "must have at most 10 MB");
    } else if kind.is_none() {
        faults.add("file", "must be a PDF, JPEG or PNG file");
    }
    kind
}

/// What a look at the file finds, by the words at the end of its name: `passport-screenshot-grayscale.png`.
fn precheck(file_name: &str) -> Vec<String> {
    let stem = file_name.rsplit_once('.').map_or(file_name, |(stem, _)| stem);
    let word = |part: &str| words::PRECHECK_ERRORS.iter().find(|word| word.eq_ignore_ascii_case(part));
    let mut found: Vec<String> = stem.rsplit('-').map_while(word).map(|word| (*word).to_owned()).collect();
    found.reverse();
    found
}

fn file_kind(bytes: &[u8]) -> Option<&'static str> {
    if bytes.starts_with(b"%PDF-") {
        Some("pdf")
    } else if bytes.starts_with(&[0xFF, 0xD8, 0xFF]) {
        Some("jpg")
    } else if bytes.starts_with(b"\x89PNG\r\n\x1a\n") {
        Some("png")
    } else {
        None
    }
}

/// The name without a path, as some clients send one.
fn file_name(sent: Option<String>, kind: &str) -> String {
    let name = sent.unwrap_or_default();
    let name = name.rsplit(['/', '\\']).next().unwrap_or_default().trim();
    if name.is_empty() { format!("document.{kind}") } else { name.chars().take(255).collect() }
}

fn check_holder(store: &Store, holder: &str) -> Result<(), GridError> {
    if IdKind::BeneficialOwner.names(holder) {
        return store.owners.get(holder).map(|_| ()).ok_or_else(|| GridError::not_found("Document holder"));
    }
    store.active_customer(holder).map(|_| ()).map_err(|_| GridError::not_found("Document holder"))
}

/// Counts the bytes of a file that takes the place of another.
fn make_room(store: &mut Store, before: usize, after: usize) -> Result<(), GridError> {
    let limit = store.limits().document_bytes;
    let total = store.document_bytes.saturating_sub(before).saturating_add(after);
    if total > limit {
        return Err(GridError::full("bytes of documents", limit));
    }
    store.document_bytes = total;
    Ok(())
}

fn not_found() -> GridError {
    GridError::not_found("Document")
}

#[cfg(test)]
mod tests {
    use super::{file_kind, file_name, precheck};

    #[test]
    fn the_end_of_a_files_name_says_what_is_wrong_with_it() {
        for (name, found) in [
            ("passport.pdf", &[][..]),
            ("screenshot.pdf", &["screenshot"]),
            ("passport-screenshot-documentexpired.png", &["screenshot", "documentExpired"]),
            ("screenshot-of-a-passport.png", &[]),
            ("passport-dataNotReadable", &["dataNotReadable"]),
            ("", &[]),
        ] {
            assert_eq!(precheck(name), found, "{name}");
        }
    }

    #[test]
    fn files_are_told_by_their_bytes() {
        for (bytes, kind) in [
            (b"%PDF-1.7\n".as_slice(), Some("pdf")),
            (b"\xFF\xD8\xFF\xE0\x00", Some("jpg")),
            (b"\x89PNG\r\n\x1a\n\x00", Some("png")),
            (b"GIF89a", None),
            (b"", None),
            (b"%PD", None),
            (b"PK\x03\x04", None),
        ] {
            assert_eq!(file_kind(bytes), kind, "{bytes:?}");
        }
    }

    #[test]
    fn a_file_name_has_no_path() {
        for (sent, name) in [
            (Some("passport.jpg"), "passport.jpg"),
            (Some("/home/jane/passport.jpg"), "passport.jpg"),
            (Some("C:\\scans\\passport.jpg"), "passport.jpg"),
            (Some(""), "document.pdf"),
            (Some("dir/"), "document.pdf"),
            (None, "document.pdf"),
        ] {
            assert_eq!(file_name(sent.map(str::to_owned), "pdf"), name, "{sent:?}");
        }
    }
}
