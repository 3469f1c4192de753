//! Multipart bodies: text fields and one file.

use axum::extract::Multipart;
use axum::extract::multipart::Field;
use bytes::{Bytes, BytesMut};
use serde_json::{Map, Value};

use super::error::GridError;
use super::journal::Part;

const MAX_PARTS: usize = 32;
const MAX_TEXT: usize = 16 * 1024;

/// A multipart body, read whole.
pub(super) struct Upload {
    /// The text fields. Of one that comes more than once, the last counts.
    pub(super) texts: Map<String, Value>,
    /// The part named `file`.
    pub(super) file: Option<UploadedFile>,
    /// What came, for the journal.
    pub(super) parts: Vec<Part>,
}

pub(super) struct UploadedFile {
    pub(super) name: Option<String>,
    /// Its bytes; of a file that is too large, as many as were read.
    pub(super) bytes: Bytes,
    /// Whether there were more than allowed.
    pub(super) too_large: bool,
}

/// Reads a body whose file may have so many bytes.
pub(super) async fn read(mut multipart: Multipart, max_file: usize) -> Result<Upload, GridError> {
    let unreadable = |_| GridError::invalid_format("The multipart body can't be read, or is far too large");
    let mut upload = Upload { texts: Map::new(), file: None, parts: Vec::new() };
    while let Some(field) = multipart.next_field().await.map_err(unreadable)? {
        if upload.parts.len() >= MAX_PARTS {
            return Err(GridError::invalid_format(format!("The multipart body has over {MAX_PARTS} parts")));
        }
        let name = field.name().unwrap_or_default().to_owned();
        let file_name = field.file_name().map(str::to_owned);
        let content_type = field.content_type().map(str::to_owned);
        let is_file = name == "file";
        let (bytes, size) = collect(field, if is_file { max_file } else { MAX_TEXT }).await.map_err(unreadable)?;
        let too_large = size > bytes.len() as u64;
        let mut value = None;
        if is_file {
            upload.file = Some(UploadedFile { name: file_name.clone(), bytes, too_large });
        } else {
            if too_large {
                return Err(GridError::bad_field(&name, &format!("must have at most {MAX_TEXT} bytes")));
            }
            let text = String::from_utf8(bytes.into()).map(Value::String);
            let text = text.map_err(|_| GridError::bad_field(&name, "must be UTF-8 text"))?;
            upload.texts.insert(name.clone(), text.clone());
            value = Some(text);
        }
        upload.parts.push(Part { name, value, file_name, content_type, bytes: size });
    }
    Ok(upload)
}

/// The first bytes of a part, and how many there were in all.
async fn collect(mut field: Field<'_>, max: usize) -> Result<(Bytes, u64), axum::extract::multipart::MultipartError> {
    let mut bytes = BytesMut::new();
    let mut size = 0;
    while let Some(chunk) = field.chunk().await? {
        size += chunk.len() as u64;
        let room = max.saturating_sub(bytes.len()).min(chunk.len());
        bytes.extend_from_slice(chunk.get(..room).unwrap_or_default());
    }
    Ok((bytes.freeze(), size))
}
