//! A file that is uploaded.

use bytes::Bytes;

/// A file, complete in memory. Debug shows its size and type only.
#[derive(Clone)]
pub struct DocumentFile {
    /// Name of the file.
    pub file_name: String,
    /// Media type, such as `application/pdf`.
    pub media_type: &'static str,
    /// The bytes.
    pub content: Bytes,
}

impl std::fmt::Debug for DocumentFile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DocumentFile")
            .field("media_type", &self.media_type)
            .field("bytes", &self.content.len())
            .finish_non_exhaustive()
    }
}
