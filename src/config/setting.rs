//! What a setting is: a row of the table in [`super::settings`].
//!
//! Everything that names a setting (flags, the environment, the TOML file, error messages, `docs/SETTINGS.md`) reads it there.

use std::fmt;
use std::time::Duration;

/// A setting, as data.
#[derive(Debug)]
pub struct Setting {
    /// What its section is called in help texts.
    pub heading: &'static str,
    /// Its dotted key in the TOML file, for example `grpc.addr`.
    pub key: &'static str,
    /// Its environment variable.
    pub env: &'static str,
    /// Its flag, without the dashes. `None` for what must not be readable in a process list.
    pub flag: Option<&'static str>,
    /// Its value when nothing sets it, as a user would write it. `None`: it has no value then.
    pub default: Option<&'static str>,
    /// What is written for it.
    pub kind: Kind,
    /// What it does, in a few sentences of Markdown.
    pub doc: &'static str,
}

/// What is written for a setting, within which bounds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// An IP address and a port, `127.0.0.1:50051`. Port 0 is any free port.
    Address,
    /// `true` or `false`.
    Switch,
    /// A whole number.
    Number(Bounds<u64>),
    /// A whole number from 0 to 100.
    Percent,
    /// A length of time with its unit: `500ms`, `30s`, `2m`; and `90d`, where more than a day is allowed.
    Duration(Bounds<Duration>),
    /// A number of bytes, with a unit or without: `4MiB`, `65536`.
    Size(Bounds<u64>),
    /// One line of text.
    Text,
    /// Text that is never shown. It has no flag.
    Secret,
    /// PEM, of many lines. It has no flag.
    Pem,
    /// The path of a file.
    File,
    /// An `http` or `https` URL.
    Url,
    /// One of a few words.
    Word(&'static [&'static str]),
    /// A log level, or `tracing`'s filter directives.
    Filter,
}

/// The least and the greatest value that is allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds<T> {
    pub(super) least: T,
    pub(super) most: T,
    /// The reason, for messages; empty where there is none to give.
    pub(super) reason: &'static str,
}

impl<T: Copy> Bounds<T> {
    pub(super) const fn new(least: T, most: T) -> Self {
        Bounds { least, most, reason: "" }
    }

    pub(super) const fn because(self, reason: &'static str) -> Self {
        Bounds { reason, ..self }
    }
}

impl<T: PartialOrd> Bounds<T> {
    /// The value, if it is within the bounds; `shown` writes a bound as a user would.
    pub(super) fn check<S: fmt::Display>(&self, text: &str, value: T, shown: fn(&T) -> S) -> Result<T, String> {
        let Bounds { least, most, reason } = self;
        let problem = match &value {
            small if small < least => format!("\"{text}\" is less than {}", shown(least)),
            large if large > most => format!("\"{text}\" is more than {}", shown(most)),
            _ => return Ok(value),
        };
        Err(if reason.is_empty() { problem } else { format!("{problem}: {reason}") })
    }
}

impl Kind {
    /// The placeholder for a value of this kind in help texts.
    #[must_use]
    pub fn placeholder(self) -> String {
        let fixed = match self {
            Kind::Address => "IP:PORT",
            Kind::Switch => "true|false",
            Kind::Number(_) => "NUMBER",
            Kind::Percent => "PERCENT",
            Kind::Duration(_) => "DURATION",
            Kind::Size(_) => "SIZE",
            Kind::Text | Kind::Pem => "TEXT",
            Kind::Secret => "SECRET",
            Kind::File => "FILE",
            Kind::Url => "URL",
            Kind::Filter => "LEVEL",
            Kind::Word(words) => return words.join("|"),
        };
        fixed.to_owned()
    }
}

impl Setting {
    /// A row, from what [`super::settings`] makes of its name.
    pub(super) const fn new(
        heading: &'static str,
        key: &'static [u8],
        env: &'static str,
        flag: &'static [u8],
        default: Option<&'static str>,
        kind: Kind,
        doc: &'static str,
    ) -> Self {
        let flag = if matches!(kind, Kind::Secret | Kind::Pem) { None } else { Some(text(flag)) };
        Setting { heading, key: text(key), env, flag, default, kind, doc }
    }

    /// The section of the TOML file it is in: the part of its key before the dot.
    #[must_use]
    pub fn section(&self) -> &'static str {
        self.key.split_once('.').map_or("", |(section, _)| section)
    }
}

/// A constant's name in small letters; `first` stands for its first underscore, behind the section, and `other` for others.
#[expect(clippy::indexing_slicing, reason = "evaluated by the compiler, which refuses what is out of bounds")]
pub(super) const fn spelled<const N: usize>(name: &str, first: u8, other: u8) -> [u8; N] {
    let (mut spelled, mut underscore, mut at) = ([0; N], first, 0);
    while at < N {
        spelled[at] = name.as_bytes()[at].to_ascii_lowercase();
        if spelled[at] == b'_' {
            spelled[at] = underscore;
            underscore = other;
        }
        at += 1;
    }
    spelled
}

const fn text(ascii: &'static [u8]) -> &'static str {
    match std::str::from_utf8(ascii) {
        Ok(text) => text,
        Err(_) => "",
    }
}
