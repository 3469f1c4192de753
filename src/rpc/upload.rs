//! Documents on their way in: collected once, bounded in size each and in memory together, told by their bytes.

use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tonic::Streaming;

use super::pieces::Pieces;
use super::{Error, Violations};

/// Largest document, in bytes (OpenAPI `BaseDocumentRequest`: 10 MB; the API allows 10 MiB).
const MAX_DOCUMENT: usize = 10 * 1024 * 1024;

/// How far into a file a PDF's header may begin (ISO 32000-1, annex H.3.4.1).
const PDF_HEADER_WITHIN: usize = 1024;

/// The memory that all documents under way may hold together.
#[derive(Debug, Clone)]
pub struct UploadMemory {
    /// One permit is one byte.
    free: Arc<Semaphore>,
}

impl UploadMemory {
    /// Allows `bytes` in all.
    #[must_use]
    pub fn new(bytes: usize) -> Self {
        Self { free: Arc::new(Semaphore::new(bytes.min(Semaphore::MAX_PERMITS))) }
    }

    /// Reserves memory, or fails at once if there is none: a waiting upload would keep the memory that it already holds.
    fn take(&self, bytes: usize) -> Result<OwnedSemaphorePermit, Error> {
        let bytes = u32::try_from(bytes).map_err(|_| Error::UploadsBusy)?;
        Arc::clone(&self.free).try_acquire_many_owned(bytes).map_err(|_| Error::UploadsBusy)
    }
}

/// A message of an upload: metadata in the first one, a part of the file in any.
pub(super) trait Part {
    type Metadata;
    fn split(self) -> (Option<Self::Metadata>, Bytes);
}

/// A whole document.
pub(super) struct Upload<M> {
    pub(super) metadata: M,
    pub(super) content: Bytes,
    /// The memory that `content` holds, given back when this is dropped: keep it as long as that.
    pub(super) memory: Option<OwnedSemaphorePermit>,
}

/// Collects a document.
pub(super) async fn collect<P: Part>(
    mut parts: Streaming<P>,
    memory: &UploadMemory,
) -> Result<Upload<P::Metadata>, Error> {
    let Some(first) = parts.message().await.map_err(Error::BrokenStream)? else {
        return Err(Violations::of("metadata", "is required in the first message; the stream had none"));
    };
    let (metadata, chunk) = first.split();
    let metadata = metadata.ok_or_else(|| Violations::of("metadata", "is required in the first message"))?;
    let mut collected = Collected::new(memory);
    collected.add(chunk)?;
    while let Some(part) = parts.message().await.map_err(Error::BrokenStream)? {
        let (again, chunk) = part.split();
        if again.is_some() {
            return Err(Violations::of("metadata", "must be in the first message only"));
        }
        collected.add(chunk)?;
    }
    let (content, memory) = collected.finish();
    Ok(Upload { metadata, content, memory })
}

struct Collected<'a> {
    memory: &'a UploadMemory,
    taken: Option<OwnedSemaphorePermit>,
    pieces: Pieces,
}

impl<'a> Collected<'a> {
    fn new(memory: &'a UploadMemory) -> Self {
        Self { memory, taken: None, pieces: Pieces::default() }
    }

    fn add(&mut self, chunk: Bytes) -> Result<(), Error> {
        if chunk.is_empty() {
            return Ok(());
        }
        if self.pieces.len() + chunk.len() > MAX_DOCUMENT {
            return Err(Violations::of("chunk", "must add up to at most 10 MiB"));
        }
        let permit = self.memory.take(chunk.len())?;
        match &mut self.taken {
            Some(taken) => taken.merge(permit),
            None => self.taken = Some(permit),
        }
        self.pieces.push(chunk);
        Ok(())
    }

    fn finish(self) -> (Bytes, Option<OwnedSemaphorePermit>) {
        (self.pieces.finish(), self.taken)
    }
}

/// What a document is, told by its first bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Pdf,
    Jpeg,
    Png,
}

impl Kind {
    /// Tells what a document is, noting one that Grid does not take.
    pub(super) fn read(content: &[u8], violations: &mut Violations) -> Option<Self> {
        let kind = Self::of(content);
        if kind.is_none() {
            let found = if content.is_empty() { "the file is empty" } else { "its bytes are none of these" };
            violations.add("chunk", format!("must add up to a PDF, JPEG or PNG; {found}"));
        }
        kind
    }

    fn of(content: &[u8]) -> Option<Self> {
        let head = content.get(..PDF_HEADER_WITHIN.min(content.len())).unwrap_or_default();
        if content.starts_with(b"\x89PNG\r\n\x1a\n") {
            Some(Self::Png)
        } else if content.starts_with(b"\xff\xd8\xff") {
            Some(Self::Jpeg)
        } else if head.windows(5).any(|window| window == b"%PDF-") {
            Some(Self::Pdf)
        } else {
            None
        }
    }

    pub(super) fn media_type(self) -> &'static str {
        match self {
            Self::Pdf => "application/pdf",
            Self::Jpeg => "image/jpeg",
            Self::Png => "image/png",
        }
    }

    /// A name for a file that came without one.
    pub(super) fn file_name(self) -> &'static str {
        match self {
            Self::Pdf => "document.pdf",
            Self::Jpeg => "document.jpg",
            Self::Png => "document.png",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_told_by_their_bytes() {
        let mut late = vec![b' '; 1019];
        late.extend_from_slice(b"%PDF-");
        let mut too_late = vec![b' '; 1020];
        too_late.extend_from_slice(b"%PDF-");
        let table: [(&[u8], Option<Kind>); 8] = [
            (b"%PDF-1.7\n", Some(Kind::Pdf)),
            (&late, Some(Kind::Pdf)),
            (&too_late, None),
            (b"\xff\xd8\xff\xe0", Some(Kind::Jpeg)),
            (b"\x89PNG\r\n\x1a\n....", Some(Kind::Png)),
            (b"\x89PNG", None),
            (b"GIF89a", None),
            (b"", None),
        ];
        for (content, kind) in table {
            assert_eq!(Kind::of(content), kind, "{:?}", content.get(..8));
        }
    }

    #[test]
    fn memory_is_shared_and_given_back() {
        let memory = UploadMemory::new(10);
        let mut one = Collected::new(&memory);
        one.add(Bytes::from_static(b"1234")).unwrap();
        one.add(Bytes::from_static(b"5678")).unwrap();
        let mut two = Collected::new(&memory);
        assert!(matches!(two.add(Bytes::from_static(b"123")), Err(Error::UploadsBusy)));
        two.add(Bytes::from_static(b"12")).unwrap();
        let (content, permit) = one.finish();
        assert_eq!(content.as_ref(), b"12345678");
        drop(permit);
        two.add(Bytes::from_static(b"12345678")).unwrap();
        assert_eq!(two.finish().0.as_ref(), b"1212345678");
    }

    #[test]
    fn a_file_over_10_mib_is_refused() {
        let memory = UploadMemory::new(usize::MAX);
        let mut file = Collected::new(&memory);
        file.add(Bytes::from(vec![0; MAX_DOCUMENT])).unwrap();
        assert!(matches!(file.add(Bytes::from_static(b"1")), Err(Error::Invalid(_))));
    }
}
