//! Help for a command line with an unknown flag or command.

use clap::Command;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use std::ffi::OsString;

/// How alike two names have to be for one to be meant by the other.
const ALIKE: f64 = 0.6;

/// The error without clap's own line about `--help`, for one that [`advice`] is printed after.
pub(super) fn without_hint(error: clap::Error) -> clap::Error {
    error.with_cmd(&Command::new("gridgate").disable_help_flag(true))
}

/// Where help is, and the flag that was likely meant where clap names none; nothing for other errors.
pub(super) fn advice(error: &clap::Error, cli: Command, args: &[OsString]) -> String {
    if !matches!(error.kind(), ErrorKind::UnknownArgument | ErrorKind::InvalidSubcommand) {
        return String::new();
    }
    let (path, command) = entered(cli, args);
    let mut text = String::new();
    if let (Some(ContextValue::String(flag)), None) =
        (error.get(ContextKind::InvalidArg), error.get(ContextKind::SuggestedArg))
        && let Some(meant) = nearest(flag, &command)
    {
        text.push_str(&format!("Did you mean --{meant}?\n"));
    }
    let settings = if command.get_arguments().any(|arg| arg.get_id() == "config") {
        "; docs/SETTINGS.md explains every setting"
    } else {
        ""
    };
    text.push_str(&format!("`{path} --help` lists commands and flags{settings}.\n"));
    text
}

/// The command that a command line is for, as it is written, and what it takes.
fn entered(cli: Command, args: &[OsString]) -> (String, Command) {
    let (mut path, mut command) = (cli.get_name().to_owned(), cli);
    for arg in args.iter().skip(1).filter_map(|arg| arg.to_str()) {
        let Some(next) = command.find_subcommand(arg).cloned() else { break };
        path = format!("{path} {arg}");
        command = next;
    }
    (path, command)
}

/// The flag of a command that is most like this one, or that contains it: `--url` may be meant for `--client-url`.
fn nearest(flag: &str, command: &Command) -> Option<String> {
    let name = flag.trim_start_matches('-');
    let likeness = |known: &str| {
        let contains = name.len() >= 3 && known.split('-').any(|word| word == name);
        let alike = strsim::normalized_damerau_levenshtein(name, known);
        if contains { alike.max(ALIKE) } else { alike }
    };
    let known = command.get_arguments().filter_map(clap::Arg::get_long);
    let alike = known.map(|known| (likeness(known), known)).filter(|(alike, _)| *alike >= ALIKE);
    alike.max_by(|(a, _), (b, _)| a.total_cmp(b)).map(|(_, known)| known.to_owned())
}
