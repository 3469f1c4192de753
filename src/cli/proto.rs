//! `gridgate proto`: the protos that this program was built from.

use super::output::{Failure, to_stdout, while_read};
use crate::pb;
use clap::{Args, Subcommand};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::{fs, io};

#[derive(Debug, Subcommand)]
pub(super) enum ProtoCommand {
    /// Write the protos of the API to a folder
    ///
    /// Writes the protos that this gridgate serves, and Google's that they need, so that a compiler needs nothing but
    /// `--proto_path DIR`. If a file in DIR has other content, the command writes nothing, names it, and exits with 1.
    /// It removes no file.
    #[command(after_long_help = EXAMPLE)]
    Export(ExportArgs),
}

const EXAMPLE: &str = "\
Example:
  gridgate proto export protos
  protoc -I protos --python_out=. protos/gridgate/v1/*.proto protos/gridgate/options/v1/*.proto";

#[derive(Debug, Args)]
pub(super) struct ExportArgs {
    /// The folder to write to; made if it does not exist
    #[arg(value_name = "DIR")]
    folder: PathBuf,

    /// Overwrite files that have other content
    #[arg(long)]
    force: bool,
}

/// Why the protos could not be written.
#[derive(Debug, thiserror::Error)]
enum ExportError {
    #[error("{}: other content is there already; --force overwrites it", listed(.0))]
    Differs(Vec<PathBuf>),
    #[error("{}", .0.display())]
    Read(PathBuf, #[source] io::Error),
    #[error("{}", .0.display())]
    Write(PathBuf, #[source] io::Error),
}

pub(super) fn run(command: ProtoCommand) -> Result<(), Failure> {
    let ProtoCommand::Export(ExportArgs { folder, force }) = command;
    let written = export(&folder, force).map_err(|error| Failure::Other("cannot export the protos", error.into()))?;
    let text = format!("{}: {} files, {written} of them written\n", folder.display(), pb::PROTO_FILES.len());
    while_read(to_stdout(&text)).map_err(|error| Failure::Other("cannot print", error.into()))
}

/// Writes the files that are not there yet, and returns how many. Reads all of them before it writes the first.
fn export(folder: &Path, force: bool) -> Result<usize, ExportError> {
    let mut missing = Vec::new();
    let mut differing = Vec::new();
    for (name, text) in pb::PROTO_FILES {
        let path = folder.join(name);
        match fs::read(&path) {
            Ok(there) if there == text.as_bytes() => {}
            Ok(_) => {
                differing.push(path.clone());
                missing.push((path, text));
            }
            Err(error) if error.kind() == ErrorKind::NotFound => missing.push((path, text)),
            Err(error) => return Err(ExportError::Read(path, error)),
        }
    }
    if !differing.is_empty() && !force {
        return Err(ExportError::Differs(differing));
    }
    for (path, text) in &missing {
        write(path, text).map_err(|error| ExportError::Write(path.clone(), error))?;
    }
    Ok(missing.len())
}

fn write(path: &Path, text: &str) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::write(path, text)
}

/// The first paths, and how many more there are.
fn listed(paths: &[PathBuf]) -> String {
    const SHOWN: usize = 3;
    let mut text = paths.iter().take(SHOWN).map(|path| path.display().to_string()).collect::<Vec<_>>().join(", ");
    if let Some(more @ 1..) = paths.len().checked_sub(SHOWN) {
        text.push_str(&format!(" and {more} more"));
    }
    text
}
