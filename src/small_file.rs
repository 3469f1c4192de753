//! Files that operators write: read whole, within a size, and only if they are files.
//!
//! Somebody may have put a device or a pipe there, which has no end, or no beginning.

use std::io;
use std::path::Path;
use tokio::fs::File;
use tokio::io::AsyncReadExt as _;

/// Reads a file of at most `most` bytes.
///
/// # Errors
/// It cannot be read; it is something else than a file ([`io::ErrorKind::InvalidInput`]); or it is larger
/// ([`io::ErrorKind::FileTooLarge`]), also if it grows while it is read.
pub async fn read(path: &Path, most: u64) -> io::Result<Vec<u8>> {
    // Before it is opened: opening a pipe waits for its other end.
    if !tokio::fs::metadata(path).await?.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "is not a file"));
    }
    let mut bytes = Vec::new();
    File::open(path).await?.take(most.saturating_add(1)).read_to_end(&mut bytes).await?;
    match u64::try_from(bytes.len()) {
        Ok(length) if length <= most => Ok(bytes),
        Ok(_) | Err(_) => Err(io::Error::new(io::ErrorKind::FileTooLarge, format!("is larger than {most} bytes"))),
    }
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
    }
}
