//! The quarantine as a table.

use super::Webhook;
use crate::cli::output::{UNKNOWN, printable};
use jiff::{RoundMode, Timestamp, TimestampRound, Unit};
use std::fmt::Write as _;

const HEAD: [&str; 5] = ["ID", "TYPE", "SENT", "CUSTOMER", "WHY"];

/// A line for each webhook below a head, columns as wide as they have to be.
pub(super) fn of(webhooks: &[Webhook]) -> String {
    if webhooks.is_empty() {
        return "nothing is in quarantine\n".to_owned();
    }
    let rows: Vec<[String; 5]> = webhooks.iter().map(row).collect();
    let mut widths = HEAD.map(|cell| cell.chars().count());
    for row in &rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let mut text = String::new();
    line(&mut text, &widths, HEAD.iter().copied());
    for row in &rows {
        line(&mut text, &widths, row.iter().map(String::as_str));
    }
    text
}

fn row(webhook: &Webhook) -> [String; 5] {
    let Webhook { id, r#type, sent_at, quarantined_at: _, reason, field_names, customer_id } = webhook;
    let fields: Vec<_> = field_names.iter().map(|name| printable(name)).collect();
    let reason = match fields.is_empty() {
        true => printable(reason),
        false => format!("{} (it has {})", printable(reason), fields.join(", ")),
    };
    let sent_at = sent_at.map_or_else(|| UNKNOWN.to_owned(), to_the_second);
    [printable(id), printable(r#type), sent_at, printable(customer_id.as_deref().unwrap_or_default()), reason]
}

fn to_the_second(at: Timestamp) -> String {
    let rounding = TimestampRound::new().smallest(Unit::Second).mode(RoundMode::Trunc);
    at.round(rounding).unwrap_or(at).to_string()
}

fn line<'a>(text: &mut String, widths: &[usize; 5], cells: impl Iterator<Item = &'a str>) {
    let mut line = String::new();
    for (width, cell) in widths.iter().zip(cells) {
        let _ = write!(line, "{cell:width$}  ");
    }
    text.push_str(line.trim_end());
    text.push('\n');
}

#[cfg(test)]
mod tests {
    use super::*;

    fn webhook(id: &str, customer: Option<&str>) -> Webhook {
        Webhook {
            id: id.to_owned(),
            r#type: "CUSTOMER.KYC_APPROVED".to_owned(),
            sent_at: "2026-01-31T12:00:00.123456Z".parse().ok(),
            quarantined_at: Timestamp::UNIX_EPOCH,
            reason: "`kycStatus` is missing".to_owned(),
            field_names: vec!["id".to_owned(), "state\u{1b}[31m".to_owned()],
            customer_id: customer.map(str::to_owned),
        }
    }

    #[test]
    fn columns_stand_below_each_other_and_nothing_reaches_the_terminal() {
        let table = of(&[webhook("Webhook:1", Some("Customer:1")), webhook("Webhook:long", None)]);
        let lines: Vec<_> = table.lines().collect();
        assert_eq!(
            lines,
            [
                "ID            TYPE                   SENT                  CUSTOMER    WHY",
                "Webhook:1     CUSTOMER.KYC_APPROVED  2026-01-31T12:00:00Z  Customer:1  \
                 `kycStatus` is missing (it has id, state\u{fffd}[31m)",
                "Webhook:long  CUSTOMER.KYC_APPROVED  2026-01-31T12:00:00Z  –           \
                 `kycStatus` is missing (it has id, state\u{fffd}[31m)",
            ]
        );
        assert_eq!(of(&[]), "nothing is in quarantine\n");
    }
}
