//! `gridgate token`

use super::output::{Failure, json_line, to_stderr};
use crate::identity::NewToken;
use serde::Serialize;

/// A token and its hash. The token is shown only here.
#[derive(Serialize)]
struct Shown<'t> {
    token: &'t str,
    hash: String,
}

/// Makes a token, and prints it with its hash.
pub(super) fn run() -> Result<(), Failure> {
    let made = NewToken::generate().map_err(|error| Failure::Other("cannot make a token", error.into()))?;
    let shown = Shown { token: made.expose(), hash: made.hash().to_string() };
    json_line(&shown).map_err(|error| Failure::Other("cannot print the token", error.into()))?;
    to_stderr(
        "Put the hash into the policy and give the token to its caller. It is stored nowhere and not shown again.\n",
    );
    Ok(())
}
