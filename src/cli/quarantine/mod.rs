//! `gridgate quarantine`: the webhooks that gridgate could not parse.
//!
//! The running gridgate owns the event log, so these commands call its admin port.

mod table;

use super::admin::{AdminClient, AdminError};
use super::output::{Failure, json_line, printable, to_stdout, while_read};
use super::{CommonArgs, Environment, OfAdminCallers};
use crate::config::AdminCallerConfig;
use clap::{Args, Subcommand};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::io;

#[derive(Debug, Subcommand)]
pub(super) enum QuarantineCommand {
    /// List the webhooks in quarantine
    List(ListArgs),
    /// Ask Grid for the customers' statuses instead, record them, and remove the webhooks
    ///
    /// Asks for the customer's own status, even if the webhook was about a verification. Exits with 0 if all are removed, and
    /// with 1 if one stays.
    Retry(RetryArgs),
    /// Remove webhooks without asking Grid
    ///
    /// Their content is lost. Use it for webhooks that name no customer, or one that Grid does not know.
    Dismiss(DismissArgs),
}

#[derive(Debug, Args)]
pub(super) struct ListArgs {
    /// Print one JSON object a line
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    common: CommonArgs<OfAdminCallers>,
}

#[derive(Debug, Args)]
pub(super) struct RetryArgs {
    /// The ids of webhooks, as `list` prints them
    #[arg(value_name = "ID", required_unless_present = "all", conflicts_with = "all")]
    ids: Vec<String>,

    /// All webhooks in quarantine
    #[arg(long)]
    all: bool,

    /// Print one JSON object a line
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    common: CommonArgs<OfAdminCallers>,
}

#[derive(Debug, Args)]
pub(super) struct DismissArgs {
    /// The ids of webhooks, as `list` prints them
    #[arg(value_name = "ID", required = true)]
    ids: Vec<String>,

    /// Print one JSON object a line
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    common: CommonArgs<OfAdminCallers>,
}

/// A webhook in quarantine, as the admin port tells of it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Webhook {
    id: String,
    r#type: String,
    sent_at: Option<Timestamp>,
    quarantined_at: Timestamp,
    reason: String,
    field_names: Vec<String>,
    customer_id: Option<String>,
}

#[derive(Serialize)]
struct PageAsked<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    after: Option<&'a str>,
}

#[derive(Deserialize)]
struct Page {
    webhooks: Vec<Webhook>,
    next_after: Option<String>,
}

#[derive(Serialize)]
struct Named<'a> {
    id: &'a str,
}

/// Grid's answer that replaces a webhook.
#[derive(Deserialize)]
struct Retried {
    customer_id: String,
    status: Option<String>,
    outcome: String,
}

/// The result for one webhook; one line of JSON.
#[derive(Debug, Default, Serialize)]
struct Line<'a> {
    id: &'a str,
    /// `retried`, `dismissed`, or `failed`.
    result: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    customer_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    outcome: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

/// Some webhooks were not removed. The lines before say which.
#[derive(Debug, thiserror::Error)]
#[error("{failed} of {count} webhooks were not removed, or were not in quarantine")]
struct Left {
    failed: usize,
    count: usize,
}

/// Carries out the command.
pub(super) fn run(command: QuarantineCommand, env: Environment) -> Result<(), Failure> {
    match command {
        QuarantineCommand::List(ListArgs { json, common }) => {
            let admin = admin(common, env)?;
            super::block_on(list(admin, json))
        }
        QuarantineCommand::Retry(RetryArgs { ids, all, json, common }) => {
            let admin = admin(common, env)?;
            super::block_on(async move {
                let ids = if all { everything(&admin).await? } else { ids };
                each(&admin, Doing::Retry, &ids, json).await
            })
        }
        QuarantineCommand::Dismiss(DismissArgs { ids, json, common }) => {
            let admin = admin(common, env)?;
            super::block_on(async move { each(&admin, Doing::Dismiss, &ids, json).await })
        }
    }
}

fn admin(common: CommonArgs<OfAdminCallers>, env: Environment) -> Result<AdminClient, Failure> {
    AdminClient::new(AdminCallerConfig::load(common.sources(env))?).map_err(asking)
}

fn asking(error: AdminError) -> Failure {
    Failure::Other("cannot ask gridgate", error.into())
}

fn written(written: io::Result<()>) -> Result<(), Failure> {
    while_read(written).map_err(|error| Failure::Other("cannot write to standard output", error.into()))
}

async fn page(admin: &AdminClient, after: Option<&str>) -> Result<Page, Failure> {
    admin.get("/quarantine", &PageAsked { after }).await.map_err(asking)
}

async fn list(admin: AdminClient, json: bool) -> Result<(), Failure> {
    let mut shown = Vec::new();
    let mut after = None;
    loop {
        let Page { webhooks, next_after } = page(&admin, after.as_deref()).await?;
        if json {
            written(webhooks.iter().try_for_each(json_line))?;
        } else {
            shown.extend(webhooks);
        }
        after = next_after;
        if after.is_none() {
            break;
        }
    }
    if json { Ok(()) } else { written(to_stdout(&table::of(&shown))) }
}

/// The ids of all webhooks in quarantine.
async fn everything(admin: &AdminClient) -> Result<Vec<String>, Failure> {
    let mut ids = Vec::new();
    let mut after = None;
    loop {
        let Page { webhooks, next_after } = page(admin, after.as_deref()).await?;
        ids.extend(webhooks.into_iter().map(|webhook| webhook.id));
        after = next_after;
        if after.is_none() {
            return Ok(ids);
        }
    }
}

/// What is done about a webhook.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Doing {
    Retry,
    Dismiss,
}

impl Doing {
    async fn to<'a>(self, admin: &AdminClient, id: &'a str) -> Result<Line<'a>, AdminError> {
        match self {
            Self::Retry => {
                let Retried { customer_id, status, outcome } = admin.post("/quarantine/retry", &Named { id }).await?;
                let (customer_id, outcome) = (Some(customer_id), Some(outcome));
                Ok(Line { id, result: "retried", customer_id, status, outcome, ..Line::default() })
            }
            Self::Dismiss => {
                admin.post::<()>("/quarantine/dismiss", &Named { id }).await?;
                Ok(Line { id, result: "dismissed", ..Line::default() })
            }
        }
    }
}

/// Handles one webhook after the other, and prints the result of each.
async fn each(admin: &AdminClient, doing: Doing, ids: &[String], json: bool) -> Result<(), Failure> {
    let mut failed = 0;
    for id in ids {
        let line = match doing.to(admin, id).await {
            Ok(line) => line,
            Err(AdminError::Refused { code, error }) if code != "forbidden" => {
                failed += 1;
                Line { id, result: "failed", code: Some(code), error: Some(error), ..Line::default() }
            }
            Err(error) => return Err(asking(error)),
        };
        written(if json { json_line(&line) } else { to_stdout(&sentence(&line)) })?;
    }
    match failed {
        0 if ids.is_empty() && !json => written(to_stdout("nothing is in quarantine\n")),
        0 => Ok(()),
        _ => Err(Failure::Other("quarantine", Left { failed, count: ids.len() }.into())),
    }
}

/// The result for one webhook, as text.
fn sentence(line: &Line<'_>) -> String {
    let Line { id, result, customer_id, status, outcome, code, error } = line;
    let id = printable(id);
    let said = |text: &Option<String>| printable(text.as_deref().unwrap_or_default());
    if let Some(error) = error {
        let hint = match code.as_deref() {
            Some("no_customer" | "customer_unknown") => format!("; gridgate quarantine dismiss {id} removes it"),
            _ => String::new(),
        };
        return format!("{id}: {}{hint}\n", printable(error));
    }
    let what = match outcome.as_deref() {
        Some("change") => format!(" {} is {} now", said(customer_id), said(status)),
        Some("confirmation") => format!(" {} is {}, as already known", said(customer_id), said(status)),
        Some(_) => format!(" asking Grid again about {}", said(customer_id)),
        None => String::new(),
    };
    format!("{id}: {result}{}{what}\n", if what.is_empty() { "" } else { ":" })
}
