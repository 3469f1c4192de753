//! The settings as flags, made from the settings table.

use crate::config::settings::Scope;
use crate::config::{Kind, Setting};
use clap::builder::StyledStr;
use clap::{Arg, ArgAction, ArgMatches, Args, Command, FromArgMatches};
use std::collections::BTreeMap;
use std::marker::PhantomData;

/// Which settings a command has.
pub(super) trait SettingsOf {
    /// These.
    const SCOPE: Scope;
}

/// The flags that were given, by the key of their setting. Their values are read with those of other sources.
#[derive(Debug)]
pub(super) struct Flags<S> {
    pub(super) values: BTreeMap<&'static str, String>,
    of: PhantomData<S>,
}

impl<S: SettingsOf> FromArgMatches for Flags<S> {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let mut flags = Flags { values: BTreeMap::new(), of: PhantomData };
        flags.update_from_arg_matches(matches)?;
        Ok(flags)
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        for setting in S::SCOPE.settings().into_iter().filter(|setting| setting.flag.is_some()) {
            if let Some(value) = matches.get_one::<String>(setting.key) {
                self.values.insert(setting.key, value.clone());
            }
        }
        Ok(())
    }
}

impl<S: SettingsOf> Args for Flags<S> {
    fn augment_args(command: Command) -> Command {
        S::SCOPE.settings().into_iter().fold(command, |command, setting| match setting.flag {
            Some(flag) => command.arg(arg(setting, flag)),
            None => command,
        })
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

fn arg(setting: &'static Setting, flag: &'static str) -> Arg {
    let Setting { heading, key, env, flag: _, default, kind, doc } = setting;
    let default = default.map_or_else(String::new, |default| format!(" [default: {default}]"));
    let arg = Arg::new(*key)
        .long(flag)
        .value_name(kind.placeholder())
        .help(StyledStr::from(format!("{doc}{default} [env: {env}]")))
        .help_heading(*heading)
        .action(ArgAction::Set);
    if *kind == Kind::Switch {
        // The flag alone means true.
        arg.num_args(0..=1).require_equals(true).default_missing_value("true")
    } else {
        arg
    }
}
