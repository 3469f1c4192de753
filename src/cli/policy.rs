//! `gridgate policy` and `gridgate token`

use super::output::{Failure, json_line, to_stderr};
use crate::identity::{NewToken, PolicyFile};
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
pub(super) fn check(args: PolicyArgs) -> Result<(), Failure> {
    let PolicyArgs { file } = args;
    let methods = server::methods().map_err(|error| Failure::Other("cannot check", error.into()))?;
    super::block_on(async {
        let (policy, _) =
            PolicyFile::new(file, methods.grantable()).load().await.map_err(|error| Failure::Mistaken(error.into()))?;
        json_line(&Shown { callers: policy.callers() }).map_err(|error| Failure::Other("cannot print", error.into()))
    })
}

/// A token and its hash. The token is shown only here.
#[derive(Serialize)]
struct TokenLine<'t> {
    token: &'t str,
    hash: String,
}

/// Makes a token, and prints it with its hash.
pub(super) fn make_token() -> Result<(), Failure> {
    let made = NewToken::generate().map_err(|error| Failure::Other("cannot make a token", error.into()))?;
    let shown = TokenLine { token: made.expose(), hash: made.hash().to_string() };
    json_line(&shown).map_err(|error| Failure::Other("cannot print the token", error.into()))?;
    to_stderr(
        "Put the hash into the policy and give the token to its caller. It is stored nowhere and not shown again.\n",
    );
    Ok(())
}
