//! `multipart/form-data` as a server reads it.

use std::convert::Infallible;

use bytes::Bytes;
use futures_util::stream;
use serde_json::{Map, Value};

use super::fake_grid::Received;

/// A form: its fields, and its one file.
pub struct Form {
    /// Every part that is no file, by name.
    pub fields: Value,
    pub file: File,
}

pub struct File {
    pub part: String,
    pub name: String,
    pub media_type: String,
    pub content: Bytes,
}

/// Reads the form of a request; the file has to be its last part, as everything else tells what it is.
pub async fn read(request: &Received) -> Form {
    let boundary = multer::parse_boundary(request.header("content-type").unwrap()).unwrap();
    let body = Bytes::from(request.body.clone());
    let mut form = multer::Multipart::new(stream::iter([Ok::<_, Infallible>(body)]), boundary);
    let (mut fields, mut file) = (Map::new(), None);
    while let Some(part) = form.next_field().await.unwrap() {
        assert!(file.is_none(), "a part after the file");
        let name = part.name().unwrap().to_owned();
        match part.file_name().map(str::to_owned) {
            Some(file_name) => {
                let media_type = part.content_type().unwrap().to_string();
                let content = part.bytes().await.unwrap();
                file = Some(File { part: name, name: file_name, media_type, content });
            }
            None => {
                let text = part.text().await.unwrap();
                assert!(fields.insert(name, Value::String(text)).is_none(), "a part came twice");
            }
        }
    }
    Form { fields: Value::Object(fields), file: file.unwrap() }
}
