//! `gridgate policy`

use super::output::{Failure, json_line};
use crate::identity::PolicyFile;
use crate::server;
use clap::Args;
use serde::Serialize;
use std::path::PathBuf;

#[derive(Debug, Args)]
pub(super) struct PolicyArgs {
    /// The policy to check
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

/// What a policy without mistakes is.
#[derive(Serialize)]
struct Shown {
    callers: usize,
}

/// Reads a policy as `gridgate serve` would.
pub(super) fn run(args: PolicyArgs) -> Result<(), Failure> {
    let PolicyArgs { file } = args;
    let methods = server::methods().map_err(|error| Failure::Other("cannot check", error.into()))?;
    super::block_on(async {
        let (policy, _) =
            PolicyFile::new(file, methods.grantable()).load().await.map_err(|error| Failure::Mistaken(error.into()))?;
        json_line(&Shown { callers: policy.callers() }).map_err(|error| Failure::Other("cannot print", error.into()))
    })
}
