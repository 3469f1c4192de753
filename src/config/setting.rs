//! One setting: what it is called in each source, its default, and what it does.
//!
//! The table in [`super::settings`] is made of these, and everything that names a setting (flags, the environment,
//! the TOML file, error messages, `docs/SETTINGS.md`) reads them there.

/// A setting, as data.
#[derive(Debug)]
pub struct Setting {
    /// Its dotted key in the TOML file, for example `grpc.addr`.
    pub key: &'static str,
    /// Its environment variable.
    pub env: &'static str,
    /// Its flag, without the dashes. `None` for what must not be readable in a process list.
    pub flag: Option<&'static str>,
    /// What it is when nothing sets it, in the notation a user would write. `None`: it has no value then.
    pub default: Option<&'static str>,
    /// What is written for it.
    pub kind: Kind,
    /// What it does, in one or two sentences of Markdown.
    pub doc: &'static str,
}

/// What is written for a setting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// An IP address and a port, `127.0.0.1:50051`. Port 0 is any free port.
    Address,
    /// `true` or `false`.
    Switch,
    /// A whole number.
    Count,
    /// A whole number from 0 to 100.
    Percent,
    /// A length of time with its unit: `500ms`, `30s`, `2m`; `90d` where it can be that long.
    Duration,
    /// A number of bytes, with a unit or without: `4MiB`, `65536`.
    Size,
    /// Any text.
    Text,
    /// Text that is never shown.
    Secret,
    /// The path of a file.
    File,
    /// An `http` or `https` URL.
    Url,
    /// One of a few words.
    Word(&'static [&'static str]),
    /// A log level, or `tracing`'s filter directives.
    Filter,
}

impl Kind {
    /// The placeholder for a value of this kind in help texts.
    #[must_use]
    pub fn placeholder(self) -> String {
        let fixed = match self {
            Kind::Address => "IP:PORT",
            Kind::Switch => "true|false",
            Kind::Count => "NUMBER",
            Kind::Percent => "PERCENT",
            Kind::Duration => "DURATION",
            Kind::Size => "SIZE",
            Kind::Text => "TEXT",
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
    /// The section of the TOML file it is in: the part of its key before the first dot.
    #[must_use]
    pub fn section(&self) -> &'static str {
        self.key.split_once('.').map_or("", |(section, _)| section)
    }
}
