//! Reads files that operators write: whole, within a size, and only regular files.
//!
//! A device may have no end, and a pipe may never begin.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

/// Reads a file of at most `most` bytes.
///
/// # Errors
/// As for [`read_now`].
pub async fn read(path: &Path, most: u64) -> io::Result<Vec<u8>> {
    let path = path.to_owned();
    tokio::task::spawn_blocking(move || read_now(&path, most)).await?
}

/// Like [`read`], but blocks: for files that are read before the runtime starts.
///
/// # Errors
/// It cannot be read; it is something else than a file ([`io::ErrorKind::InvalidInput`]); or it is larger
/// ([`io::ErrorKind::FileTooLarge`]), also if it grows while it is read.
pub fn read_now(path: &Path, most: u64) -> io::Result<Vec<u8>> {
    // Check before opening: opening a pipe waits for its other end.
    is_file(&std::fs::metadata(path)?)?;
    let file = File::open(path)?;
    // Check again after opening: another file may have replaced it meanwhile.
    is_file(&file.metadata()?)?;
    let mut bytes = Vec::new();
    file.take(most.saturating_add(1)).read_to_end(&mut bytes)?;
    match u64::try_from(bytes.len()) {
        Ok(length) if length <= most => Ok(bytes),
        Ok(_) | Err(_) => Err(io::Error::new(io::ErrorKind::FileTooLarge, format!("is larger than {most} bytes"))),
    }
}

/// The same, as text, without the byte order mark that some editors put before it.
///
/// # Errors
/// As for [`read_now`]; or the content is not UTF-8 ([`io::ErrorKind::InvalidData`]).
pub fn read_text_now(path: &Path, most: u64) -> io::Result<String> {
    let mut text = String::from_utf8(read_now(path, most)?)
        .map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "is not UTF-8 text"))?;
    if text.starts_with(BYTE_ORDER_MARK) {
        text.remove(0);
    }
    Ok(text)
}

/// The byte order mark that some editors write before the text.
pub const BYTE_ORDER_MARK: char = '\u{feff}';

fn is_file(metadata: &std::fs::Metadata) -> io::Result<()> {
    if metadata.is_file() {
        return Ok(());
    }
    let what = if metadata.is_dir() { "is a folder" } else { "is a device or a pipe, not a regular file" };
    Err(io::Error::new(io::ErrorKind::InvalidInput, what))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    #[tokio::test]
    async fn what_is_a_file_and_not_too_large_is_read() {
        let directory = tempfile::tempdir().unwrap();
        let path = |name: &str| directory.path().join(name);
        std::fs::write(path("file"), "12345").unwrap();
        std::os::unix::fs::symlink(path("file"), path("link")).unwrap();
        assert!(Command::new("mkfifo").arg(path("pipe")).status().unwrap().success());
        assert_eq!(read(&path("file"), 5).await.unwrap(), b"12345");
        assert_eq!(read(&path("link"), 9).await.unwrap(), b"12345");
        let kind = async |path: &Path| read(path, 4).await.unwrap_err().kind();
        assert_eq!(kind(&path("file")).await, io::ErrorKind::FileTooLarge);
        assert_eq!(kind(&path("pipe")).await, io::ErrorKind::InvalidInput);
        assert_eq!(kind(Path::new("/dev/zero")).await, io::ErrorKind::InvalidInput);
        assert_eq!(kind(directory.path()).await, io::ErrorKind::InvalidInput);
        assert_eq!(kind(&path("none")).await, io::ErrorKind::NotFound);
        std::fs::write(path("marked"), "\u{feff}text\u{feff}").unwrap();
        assert_eq!(read_text_now(&path("marked"), 99).unwrap(), "text\u{feff}");
        std::fs::write(path("latin"), b"Z\xfcrich").unwrap();
        assert_eq!(read_text_now(&path("latin"), 99).unwrap_err().kind(), io::ErrorKind::InvalidData);
    }
}
