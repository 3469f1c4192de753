//! Responses as lines for a person.

use super::follow::View;
use crate::cli::output::{UNKNOWN, printable};
use crate::pb::snapshot_entry::Entry;
use crate::pb::watch_kyc_status_response::Event;
use crate::pb::{
    CustomerKycStatus, KycEventOutcome, KycEventRecord, KycEventSource, KycStatusChange, SnapshotEntry,
    VerificationIssue, VerificationState, VerificationUpdate, WatchKycStatusResponse,
};
use anstyle::{AnsiColor, Style};
use jiff::Timestamp;
use std::io::{self, Write};

/// The styles of a line's parts.
#[derive(Debug, Clone, Copy)]
pub(super) struct Palette {
    dim: Style,
    strong: Style,
    approved: Style,
    rejected: Style,
    undecided: Style,
}

impl Palette {
    /// For terminals.
    pub(super) fn coloured() -> Self {
        let colour = |colour: AnsiColor| Style::new().fg_color(Some(colour.into()));
        Palette {
            dim: Style::new().dimmed(),
            strong: Style::new().bold(),
            approved: colour(AnsiColor::Green).bold(),
            rejected: colour(AnsiColor::Red).bold(),
            undecided: colour(AnsiColor::Yellow),
        }
    }

    /// For everything else.
    pub(super) fn plain() -> Self {
        let none = Style::new();
        Palette { dim: none, strong: none, approved: none, rejected: none, undecided: none }
    }

    /// A status, in its colour.
    fn status(&self, word: &str) -> String {
        let style = match word {
            "APPROVED" => self.approved,
            "REJECTED" => self.rejected,
            _ => self.undecided,
        };
        styled(style, &printable(word))
    }
}

fn styled(style: Style, text: &str) -> String {
    format!("{style}{text}{style:#}")
}

/// Writes a line for each change.
pub(super) struct Terminal<W> {
    out: W,
    palette: Palette,
}

impl<W: Write> Terminal<W> {
    pub(super) fn new(out: W, palette: Palette) -> Self {
        Terminal { out, palette }
    }

    fn change(&self, change: &KycStatusChange) -> String {
        let palette = &self.palette;
        let KycStatusChange { customer_id, platform_customer_id, record, .. } = change;
        let mut line = self.about(record.as_ref(), customer_id, platform_customer_id);
        line.push_str(&self.transition(record.as_ref(), &change.previous_status_raw, &change.status_raw));
        if change.is_deleted {
            line.push_str(&format!("  {}", styled(palette.rejected, "deleted")));
        }
        line + &self.origin(record.as_ref())
    }

    fn update(&self, update: &VerificationUpdate) -> String {
        let VerificationUpdate { customer_id, platform_customer_id, record, verification_id, issues, .. } = update;
        let mut line = self.about(record.as_ref(), customer_id, platform_customer_id);
        line.push_str(&format!("{}  ", printable(verification_id)));
        line.push_str(&self.transition(record.as_ref(), &update.previous_status_raw, &update.status_raw));
        line + &self.issues(issues) + &self.origin(record.as_ref())
    }

    fn row(&self, row: &SnapshotEntry) -> Option<String> {
        Some(match row.entry.as_ref()? {
            Entry::Customer(row) => {
                let CustomerKycStatus { customer_id, platform_customer_id, record, status_raw, is_deleted, .. } = row;
                let deleted = if *is_deleted { "  deleted" } else { "" };
                let status = self.palette.status(status_raw);
                self.about(record.as_ref(), customer_id, platform_customer_id) + &status + deleted
            }
            Entry::Verification(row) => {
                let VerificationState { customer_id, platform_customer_id, record, verification_id, issues, .. } = row;
                let status = self.palette.status(&row.status_raw);
                let about = self.about(record.as_ref(), customer_id, platform_customer_id);
                format!("{about}{}  {status}{}", printable(verification_id), self.issues(issues))
            }
        })
    }

    /// When it was recorded, and the customer.
    fn about(&self, record: Option<&KycEventRecord>, customer: &str, platform_customer: &str) -> String {
        let Palette { dim, strong, .. } = self.palette;
        let recorded_at = record.and_then(|record| record.recorded_at).map_or_else(|| UNKNOWN.to_owned(), time);
        let customer = styled(strong, &printable(customer));
        let known_as = match platform_customer {
            "" => String::new(),
            id => format!(" {}", styled(dim, &format!("({})", printable(id)))),
        };
        format!("{}  {customer}{known_as}  ", styled(dim, &recorded_at))
    }

    /// From which status to which, or that nothing changed.
    fn transition(&self, record: Option<&KycEventRecord>, previous: &str, status: &str) -> String {
        let palette = &self.palette;
        let what = match record.map(KycEventRecord::outcome) {
            Some(KycEventOutcome::Confirmation) => "already known",
            Some(KycEventOutcome::Superseded) => "arrived late",
            Some(KycEventOutcome::Unresolved) => "in doubt: asking Grid",
            Some(KycEventOutcome::Change | KycEventOutcome::Unspecified) | None => {
                let status = palette.status(status);
                return if previous.is_empty() { status } else { format!("{} → {status}", palette.status(previous)) };
            }
        };
        format!("{} {}", palette.status(status), styled(palette.dim, &format!("({what})")))
    }

    fn issues(&self, issues: &[VerificationIssue]) -> String {
        let issues: Vec<_> = issues
            .iter()
            .map(|VerificationIssue { r#type, field, field_path }| match [field_path.as_str(), field] {
                ["", ""] => printable(r#type),
                // A gridgate that is older than this program.
                ["", path] | [path, _] => format!("{} {}", printable(r#type), printable(path)),
            })
            .collect();
        if issues.is_empty() { String::new() } else { format!("  {}", issues.join(", ")) }
    }

    /// How gridgate learned it, unless by a webhook.
    fn origin(&self, record: Option<&KycEventRecord>) -> String {
        let origin = match record.map(KycEventRecord::source) {
            Some(KycEventSource::Reconciler) => "  found by reconciliation",
            Some(KycEventSource::Resolver) => "  resolved with Grid",
            Some(KycEventSource::Answer) => "  from a response of Grid",
            Some(KycEventSource::Webhook | KycEventSource::Unspecified) | None => return String::new(),
        };
        styled(self.palette.dim, origin)
    }
}

/// A time of the stream, to the second, in UTC.
fn time(time: prost_types::Timestamp) -> String {
    Timestamp::new(time.seconds, 0).map_or_else(|_| UNKNOWN.to_owned(), |time| time.to_string())
}

impl<W: Write + Send> View for Terminal<W> {
    fn show(&mut self, response: &WatchKycStatusResponse) -> io::Result<()> {
        let line = match &response.event {
            Some(Event::StatusChange(change)) => Some(self.change(change)),
            Some(Event::VerificationUpdate(update)) => Some(self.update(update)),
            Some(Event::SnapshotEntry(row)) => self.row(row),
            Some(Event::Synced(_)) => Some(styled(self.palette.dim, "– up to date; live changes follow –")),
            // `follow` reports the end of a stream.
            Some(Event::Heartbeat(_) | Event::GoingAway(_)) | None => None,
        };
        match line {
            Some(line) => {
                self.out.write_all(format!("{line}\n").as_bytes())?;
                self.out.flush()
            }
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests;
