//! `gridgate log`: moving the event log between a file and NATS.

use super::output::{Failure, to_stderr, to_stdout};
use super::{CommonArgs, Environment, OfLogs};
use crate::config::log_places;
use crate::kyc::log::copy::{self, CopyError, LogLocation, Progress};
use clap::{Args, Subcommand};
use std::time::{Duration, Instant};

/// How often progress is shown.
const SHOWN_EVERY: Duration = Duration::from_secs(1);

#[derive(Debug, Subcommand)]
pub(super) enum LogCommand {
    /// Move the event log from a file to NATS, or back
    ///
    /// FROM and TO are written as in the setting event.log: sqlite:PATH, nats://ADDRESS. The command first seals FROM:
    /// gridgate can no longer record anything in it. Then it copies every event to TO, with the same position and id, so
    /// that watchers' resume tokens stay valid. After an interruption, run the same command again. Then set event.log to TO
    /// and start gridgate.
    Copy(CopyArgs),
    /// Make a sealed log writable again
    ///
    /// Use it to give up a copy. This log does not have what gridgate recorded in the copy meanwhile.
    Unseal(UnsealArgs),
}

#[derive(Debug, Args)]
pub(super) struct CopyArgs {
    /// The log to move: sqlite:PATH, or nats:// and addresses
    #[arg(value_name = "FROM")]
    from: String,

    /// The log to copy to: sqlite:PATH, or nats:// and addresses
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
            let [source, target] = log_places(common.sources(env), [&from, &to])?;
            super::block_on(async {
                let copied = copy(source, target).await;
                let copied = copied.map_err(|error| {
                    Failure::Other(
                        "cannot copy the log",
                        Named(format!("{} to {}", shown(&from), shown(&to)), error).into(),
                    )
                })?;
                to_stdout(&format!("copied {copied} events\n"))
                    .map_err(|error| Failure::Other("cannot say so", error.into()))
            })
        }
        LogCommand::Unseal(UnsealArgs { log, common }) => {
            let [place] = log_places(common.sources(env), [&log])?;
            super::block_on(async {
                let unsealed = copy::unseal(place).await;
                unsealed.map_err(|error| Failure::Other("cannot unseal the log", Named(shown(&log), error).into()))
            })
        }
    }
}

/// What went wrong with a log, and where it is.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Named(String, #[source] CopyError);

/// A log's place as it was given, without user and password.
fn shown(place: &str) -> String {
    let without = |part: &str| match (part.split_once("://"), part.rsplit_once('@')) {
        (Some((scheme, _)), Some((_, address))) => format!("{scheme}://{address}"),
        (None, Some((_, address))) => address.to_owned(),
        (_, None) => part.to_owned(),
    };
    if place.starts_with("sqlite:") {
        place.to_owned()
    } else {
        place.split(',').map(without).collect::<Vec<_>>().join(",")
    }
}

async fn copy(from: LogLocation, to: LogLocation) -> Result<u64, CopyError> {
    let mut shown: Option<Instant> = None;
    let show = |progress: Progress| {
        if shown.is_none_or(|at| at.elapsed() >= SHOWN_EVERY) {
            let Progress { copied, all } = progress;
            to_stderr(&format!("gridgate: {copied} of {all} events\n"));
            shown = Some(Instant::now());
        }
    };
    Ok(copy::copy(from, to, show).await?.copied)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_shown_without_who_goes_there() {
        for (place, expected) in [
            ("sqlite:/var/lib/a@b.db", "sqlite:/var/lib/a@b.db"),
            ("nats://a.internal:4222,b.internal", "nats://a.internal:4222,b.internal"),
            ("nats://user:p@ss@a.internal:4222,user:pass@b.internal", "nats://a.internal:4222,b.internal"),
        ] {
            assert_eq!(shown(place), expected);
        }
    }
}
