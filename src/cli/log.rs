//! `gridgate log`: moving the event log between a file and NATS.

use super::output::{Failure, to_stderr, to_stdout};
use super::{CommonArgs, Environment, OfLogs};
use crate::config::LogPlace;
use crate::kyc::log::copy::{self, Place, Progress};
use crate::server::log_place;
use clap::{Args, Subcommand};
use std::time::{Duration, Instant};

/// How often progress is shown.
const SHOWN_EVERY: Duration = Duration::from_secs(1);

#[derive(Debug, Subcommand)]
pub(super) enum LogCommand {
    /// Move the event log from a file to NATS, or back
    ///
    /// Both are named as in the setting event.log: sqlite:PATH, nats://ADDRESS. The log at FROM is sealed first, and stays
    /// sealed: gridgate records nothing in it any more. Everything there is goes to TO, at the same positions and with the
    /// same ids, so that the resume tokens of those who watch stay good. Where it was interrupted, the same command goes
    /// on. Then event.log is set to TO, and gridgate started.
    Copy(CopyArgs),
    /// Let a log be written to again that was sealed
    ///
    /// For when a copy is not going to be used after all. Whatever was recorded in the copy meanwhile is not in this log.
    Unseal(UnsealArgs),
}

#[derive(Debug, Args)]
pub(super) struct CopyArgs {
    /// The log to move: sqlite:PATH, or nats:// and addresses
    #[arg(value_name = "FROM")]
    from: String,

    /// Where to: sqlite:PATH, or nats:// and addresses
    #[arg(value_name = "TO")]
    to: String,

    #[command(flatten)]
    common: CommonArgs<OfLogs>,
}

#[derive(Debug, Args)]
pub(super) struct UnsealArgs {
    /// The log: sqlite:PATH, or nats:// and addresses
    #[arg(value_name = "LOG")]
    log: String,

    #[command(flatten)]
    common: CommonArgs<OfLogs>,
}

pub(super) fn run(command: LogCommand, env: Environment) -> Result<(), Failure> {
    match command {
        LogCommand::Copy(CopyArgs { from, to, common }) => {
            let [from, to] = LogPlace::named(common.sources(env), [&from, &to])?;
            super::block_on(copy(log_place(from), log_place(to)))
        }
        LogCommand::Unseal(UnsealArgs { log, common }) => {
            let [log] = LogPlace::named(common.sources(env), [&log])?;
            super::block_on(async {
                let unsealed = copy::unseal(log_place(log)).await;
                unsealed.map_err(|error| Failure::Other("cannot unseal the log", error.into()))
            })
        }
    }
}

async fn copy(from: Place, to: Place) -> Result<(), Failure> {
    let mut shown: Option<Instant> = None;
    let show = |progress: Progress| {
        if shown.is_none_or(|at| at.elapsed() >= SHOWN_EVERY) {
            let Progress { copied, all } = progress;
            to_stderr(&format!("gridgate: {copied} of {all} events\n"));
            shown = Some(Instant::now());
        }
    };
    let copied = copy::copy(from, to, show).await;
    let Progress { copied, all: _ } = copied.map_err(|error| Failure::Other("cannot copy the log", error.into()))?;
    to_stdout(&format!("copied {copied} events\n")).map_err(|error| Failure::Other("cannot say so", error.into()))
}
