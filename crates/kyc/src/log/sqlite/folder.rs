//! The folder that a log's file is in.

use super::OpenError;
use std::io;
use std::path::Path;

/// The folder of the default log. It is created; any other has to exist: otherwise a misspelt path, or a volume that is not
/// mounted, would go unnoticed until the events are missed.
pub(super) const OWN: &str = "gridgate-data";

/// Sees to it that the folder of a log's file is there.
///
/// # Errors
/// It is not, and is not ours to make.
pub(in crate::log) fn prepare(path: &Path) -> Result<(), OpenError> {
    let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) else { return Ok(()) };
    let problem = |source| OpenError::File { path: folder.to_owned(), source };
    if folder == Path::new(OWN) {
        return std::fs::create_dir_all(folder).map_err(problem);
    }
    match std::fs::metadata(folder) {
        Ok(folder) if folder.is_dir() => Ok(()),
        Ok(_) => Err(OpenError::NotAFolder { path: folder.to_owned() }),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Err(OpenError::NoFolder { path: folder.to_owned() }),
        Err(error) => Err(problem(error)),
    }
}
