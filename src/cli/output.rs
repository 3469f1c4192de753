//! Results on standard output, failures on standard error, and texts of others that are safe to print.

use crate::config::ConfigError;
use serde::Serialize;
use std::collections::BTreeMap;
use std::error::Error;
use std::ffi::OsString;
use std::fmt::Write as _;
use std::io::{self, IsTerminal as _, Write as _};
use std::process::ExitCode;

/// The environment, by name.
pub(super) type Environment = BTreeMap<String, OsString>;

/// The exit code for mistakes in the command line (clap's own choice) or the configuration.
const MISTAKE: u8 = 2;

/// Why a command failed.
#[derive(Debug)]
pub(super) enum Failure {
    /// The configuration has mistakes.
    Config(ConfigError),
    /// A file that the configuration names has mistakes.
    Mistaken(Box<dyn Error + Send + Sync>),
    /// Something else, with what the command was doing.
    Other(&'static str, Box<dyn Error + Send + Sync>),
    /// A second signal came before it had stopped.
    Interrupted,
}

impl Failure {
    /// Writes it to standard error, and returns the exit code.
    pub(super) fn report(self) -> ExitCode {
        let (text, code) = match &self {
            Failure::Config(error) => (error.to_string(), ExitCode::from(MISTAKE)),
            Failure::Mistaken(error) => (chain(error.as_ref()), ExitCode::from(MISTAKE)),
            Failure::Other(doing, error) => (format!("{doing}: {}", chain(error.as_ref())), ExitCode::FAILURE),
            Failure::Interrupted => ("stopped at once: a second signal came".to_owned(), ExitCode::FAILURE),
        };
        to_stderr(&format!("gridgate: {text}\n"));
        code
    }
}

impl From<ConfigError> for Failure {
    fn from(error: ConfigError) -> Self {
        Failure::Config(error)
    }
}

/// An error and what caused it, on one line.
pub(super) fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        // Some errors repeat their cause in their own text.
        let error_text = error.to_string();
        if !text.contains(&error_text) {
            let _ = write!(text, ": {error_text}");
        }
        cause = error.source();
    }
    text
}

/// Whether to colour text on standard output: it is a terminal, and `NO_COLOR` is unset or empty (<https://no-color.org>).
pub(super) fn is_coloured(env: &Environment) -> bool {
    io::stdout().is_terminal() && env.get("NO_COLOR").is_none_or(|value| value.is_empty())
}

/// Writes one line of JSON to standard output.
pub(super) fn json_line(value: &impl Serialize) -> io::Result<()> {
    let mut line = serde_json::to_vec(value)?;
    line.push(b'\n');
    let mut stdout = io::stdout().lock();
    stdout.write_all(&line)?;
    stdout.flush()
}

/// Writes to standard output.
pub(super) fn to_stdout(text: &str) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    stdout.write_all(text.as_bytes())?;
    stdout.flush()
}

/// Ignores a broken pipe: the reader has gone, as `head` does.
pub(super) fn while_read(written: io::Result<()>) -> io::Result<()> {
    match written {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => written,
    }
}

/// Writes to standard error, if that is open.
pub(super) fn to_stderr(text: &str) {
    let _ = io::stderr().lock().write_all(text.as_bytes());
}

/// Stands for an unknown value.
pub(super) const UNKNOWN: &str = "–";

/// A text without characters that control a terminal.
pub(super) fn printable(text: &str) -> String {
    let shown = |c: char| if c.is_control() || is_invisible(c) { '\u{fffd}' } else { c };
    if text.is_empty() { UNKNOWN.to_owned() } else { text.chars().map(shown).collect() }
}

/// Invisible characters that change how others are shown: direction marks, and characters without width.
pub(super) fn is_invisible(c: char) -> bool {
    matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}
