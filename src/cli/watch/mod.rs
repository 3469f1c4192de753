//! `gridgate watch`: a person's view of the stream of decisions.
//!
//! [`request`] turns the flags into a request, [`follow`] keeps a stream open across breaks, [`view`] and [`json`] print what
//! arrives. It calls a running gridgate as any client does.

mod follow;
mod json;
mod request;
mod view;

use super::calling::Target;
use super::output::{Failure, is_coloured, to_stderr};
use super::signals::Signals;
use super::{CommonArgs, Environment, OfCallers};
use crate::config::CallerConfig;
use clap::Args;
use follow::{Follow, FollowError, Said, View};
use json::JsonLines;
use request::{From, Kind};
use std::io;
use std::time::Duration;
use view::{Palette, Terminal};

#[derive(Debug, Args)]
pub(super) struct WatchArgs {
    /// Only this customer, by Grid's id; can be given several times
    #[arg(long = "customer", value_name = "ID")]
    customers: Vec<String>,

    /// Only this customer, by the platform's own id; can be given several times
    #[arg(long = "platform-customer", value_name = "ID")]
    platform_customers: Vec<String>,

    /// Only events about this; both by default
    #[arg(long = "kind", value_name = "KIND")]
    kinds: Vec<Kind>,

    /// Only changes of customers to this status, such as APPROVED; can be given several times
    #[arg(long = "status", value_name = "STATUS", value_parser = request::kyc_status)]
    statuses: Vec<i32>,

    /// Only changes of verifications to this status, such as RESOLVE_ERRORS; can be given several times
    #[arg(long = "verification-status", value_name = "STATUS", value_parser = request::verification_status)]
    verification_statuses: Vec<i32>,

    /// Where to start: now, at the earliest event that is kept, at a time such as 2026-01-31T12:00:00Z, or after a resume
    /// token
    #[arg(long, value_name = "now|earliest|TIME|TOKEN", default_value = "now", value_parser = request::from)]
    from: From,

    /// Begin with the current status of every customer
    #[arg(long)]
    snapshot: bool,

    /// End once every --customer is approved, rejected or deleted
    #[arg(long, requires = "customers", conflicts_with = "platform_customers")]
    until_decided: bool,

    /// Also show events that changed nothing: repeated, late or doubtful ones
    #[arg(long)]
    all: bool,

    /// Print each message as one line of JSON, in protobuf's JSON format
    #[arg(long)]
    json: bool,

    /// Seconds between gridgate's heartbeats; after three missed ones, the command reconnects
    #[arg(long, value_name = "SECONDS", default_value_t = 15, value_parser = clap::value_parser!(u16).range(1..=300))]
    heartbeat: u16,

    #[command(flatten)]
    common: CommonArgs<OfCallers>,
}

/// Watches until a signal comes, every customer is decided, or reconnecting cannot help.
pub(super) fn run(args: WatchArgs, env: Environment) -> Result<(), Failure> {
    let request = request::of(&args);
    let WatchArgs { json, heartbeat, common, .. } = args;
    let palette = if is_coloured(&env) { Palette::coloured() } else { Palette::plain() };
    let view: Box<dyn View> = if json {
        Box::new(JsonLines::new(io::stdout()).map_err(|error| Failure::Other("cannot print JSON", error.into()))?)
    } else {
        Box::new(Terminal::new(io::stdout(), palette))
    };
    let target = Target::of(CallerConfig::load(common.sources(env))?)
        .map_err(|error| Failure::Other("cannot connect", error.into()))?;
    let heartbeat = Duration::from_secs(heartbeat.into());
    super::block_on(watch(Follow::new(target, request, heartbeat, view, say)))
}

async fn watch(mut follow: Follow) -> Result<(), Failure> {
    let mut signals = Signals::new().map_err(|error| Failure::Other("cannot listen for signals", error.into()))?;
    let ended = tokio::select! {
        ended = follow.run() => Some(ended),
        _ = signals.next() => None,
    };
    match ended {
        Some(Ok(Said::Everything)) => Ok(()),
        // The reader has gone, as `head` does.
        Some(Err(FollowError::Output(error))) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        Some(Err(error)) => {
            if let FollowError::Place { hint, .. } = &error {
                say(hint);
            }
            Err(Failure::Other("cannot watch", error.into()))
        }
        None => {
            if let Some(token) = follow.token() {
                say(&format!("stopped; --from {token} resumes here"));
            }
            Ok(())
        }
    }
}

/// Tells the person something that is not about customers.
fn say(text: &str) {
    to_stderr(&format!("gridgate: {text}\n"));
}
