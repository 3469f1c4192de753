//! The findings, and how they are printed.

use crate::cli::Environment;
use crate::cli::output::{is_coloured, printable};
use anstyle::{AnsiColor, Style};
use serde::Serialize;
use std::io::{self, Write};

/// The result of a check.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Outcome {
    /// The check passed.
    Ok,
    /// It works, but should be different.
    Warn,
    /// It does not work.
    Fail,
    /// It could not be checked, or need not be.
    Skipped,
}

/// The result of one check, and what to do; one line of JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Finding {
    pub(super) check: &'static str,
    pub(super) outcome: Outcome,
    pub(super) message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) hint: Option<String>,
}

impl Finding {
    pub(super) fn ok(check: &'static str, message: impl Into<String>) -> Self {
        Self { check, outcome: Outcome::Ok, message: message.into(), hint: None }
    }

    pub(super) fn is_ok(&self) -> bool {
        self.outcome == Outcome::Ok
    }

    pub(super) fn skipped(check: &'static str, message: impl Into<String>) -> Self {
        Self { check, outcome: Outcome::Skipped, message: message.into(), hint: None }
    }

    pub(super) fn warn(check: &'static str, message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { check, outcome: Outcome::Warn, message: message.into(), hint: Some(hint.into()) }
    }

    pub(super) fn fail(check: &'static str, message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { check, outcome: Outcome::Fail, message: message.into(), hint: Some(hint.into()) }
    }
}

/// The styles of outcomes.
#[derive(Debug, Clone, Copy, Default)]
struct Palette {
    ok: Style,
    warn: Style,
    fail: Style,
    dim: Style,
}

impl Palette {
    fn coloured() -> Self {
        let colour = |colour: AnsiColor| Style::new().fg_color(Some(colour.into()));
        Self {
            ok: colour(AnsiColor::Green),
            warn: colour(AnsiColor::Yellow).bold(),
            fail: colour(AnsiColor::Red).bold(),
            dim: Style::new().dimmed(),
        }
    }
}

/// Prints findings as they come, and counts them.
pub(super) struct Report {
    out: Box<dyn Write>,
    json: bool,
    palette: Palette,
    outcomes: Vec<Outcome>,
    written: io::Result<()>,
}

impl Report {
    pub(super) fn to_stdout(json: bool, env: &Environment) -> Self {
        let palette = if is_coloured(env) { Palette::coloured() } else { Palette::default() };
        Self { out: Box::new(io::stdout()), json, palette, outcomes: Vec::new(), written: Ok(()) }
    }

    pub(super) fn add(&mut self, finding: Finding) {
        self.outcomes.push(finding.outcome);
        if self.written.is_ok() {
            self.written = self.write(&finding);
        }
    }

    /// How many have this outcome.
    pub(super) fn count(&self, outcome: Outcome) -> usize {
        self.outcomes.iter().filter(|found| **found == outcome).count()
    }

    pub(super) fn len(&self) -> usize {
        self.outcomes.len()
    }

    /// Whether everything could be written.
    pub(super) fn close(self) -> io::Result<()> {
        self.written
    }

    fn write(&mut self, finding: &Finding) -> io::Result<()> {
        if self.json {
            let mut line = serde_json::to_vec(finding)?;
            line.push(b'\n');
            self.out.write_all(&line)?;
            return self.out.flush();
        }
        let Finding { check, outcome, message, hint } = finding;
        let (style, word) = match outcome {
            Outcome::Ok => (self.palette.ok, "ok"),
            Outcome::Warn => (self.palette.warn, "warn"),
            Outcome::Fail => (self.palette.fail, "fail"),
            Outcome::Skipped => (self.palette.dim, "–"),
        };
        writeln!(self.out, "{style}{word:<4}{style:#}  {check:<16}  {}", printable(message))?;
        if let Some(hint) = hint {
            writeln!(self.out, "{:22}  → {}", "", printable(hint))?;
        }
        self.out.flush()
    }
}
