//! Reads settings as typed values, and notes each mistake instead of stopping at the first.

use super::mistake::{ConfigError, Mistake};
use super::setting::{Kind, Setting};
use super::source::{Given, Origin, Values};
use super::toml_file::THE_FILE;
use super::value;
use crate::pem::PemError;
use crate::small_file;
use secrecy::{ExposeSecret as _, SecretString};
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The largest file that a setting names, in bytes: many times a bundle of all public CAs.
const MOST_BYTES: u64 = 4 * 1024 * 1024;

/// Hands out values. A method that returns `None` for a setting with a default has noted a mistake.
pub(super) struct Reader {
    values: Values,
    mistakes: Vec<Mistake>,
}

impl Reader {
    pub(super) fn new(values: Values, mistakes: Vec<Mistake>) -> Self {
        Reader { values, mistakes }
    }

    /// The configuration, or every mistake that was noted on the way to it.
    pub(super) fn finish<T>(self, config: Option<T>) -> Result<T, ConfigError> {
        match config {
            Some(config) if self.mistakes.is_empty() => Ok(config),
            _ => Err(ConfigError { mistakes: self.mistakes }),
        }
    }

    /// Whether something sets it, other than its default.
    pub(super) fn is_set(&self, setting: &Setting) -> bool {
        self.values.get(setting.key).is_some_and(|given| given.origin != Origin::Default)
    }

    /// Where its value was written.
    pub(super) fn origin(&self, setting: &Setting) -> Option<&Origin> {
        self.values.get(setting.key).map(|given| &given.origin)
    }

    /// Notes a mistake about a setting.
    pub(super) fn mistake(&mut self, setting: &Setting, problem: impl Into<String>) {
        let origin = self.values.get(setting.key).map(|given| given.origin.to_string());
        self.mistakes.push(Mistake { setting: setting.key.to_owned(), origin, problem: problem.into() });
    }

    /// Notes that a setting is needed and nothing sets it; `alternative` says what else would do.
    ///
    /// Where the file of settings could not be read to its end, it may set it, and that mistake has been noted.
    pub(super) fn missing(&mut self, setting: &Setting, alternative: &str) {
        if self.mistakes.iter().any(|mistake| mistake.setting == THE_FILE) {
            return;
        }
        let problem = format!("is not set; set {}, {alternative}", setting.env);
        self.mistakes.push(Mistake { setting: setting.key.to_owned(), origin: None, problem });
    }

    fn parsed<T>(&mut self, setting: &Setting, parse: impl FnOnce(&str) -> Result<T, String>) -> Option<T> {
        let Given { text, origin: _ } = self.values.get(setting.key)?.clone();
        match parse(&text) {
            Ok(value) => Some(value),
            Err(problem) => {
                self.mistake(setting, problem);
                None
            }
        }
    }

    pub(super) fn address(&mut self, setting: &Setting) -> Option<SocketAddr> {
        self.parsed(setting, value::address)
    }

    pub(super) fn switch(&mut self, setting: &Setting) -> Option<bool> {
        self.parsed(setting, value::switch)
    }

    pub(super) fn count(&mut self, setting: &Setting) -> Option<u32> {
        self.parsed(setting, value::count)
    }

    pub(super) fn count_or_zero(&mut self, setting: &Setting) -> Option<u32> {
        self.parsed(setting, value::count_or_zero)
    }

    pub(super) fn percent(&mut self, setting: &Setting) -> Option<u8> {
        self.parsed(setting, value::percent)
    }

    pub(super) fn long_duration(&mut self, setting: &Setting) -> Option<Duration> {
        self.parsed(setting, value::long_duration)
    }

    pub(super) fn duration(&mut self, setting: &Setting) -> Option<Duration> {
        self.parsed(setting, value::duration)
    }

    pub(super) fn duration_or_zero(&mut self, setting: &Setting) -> Option<Duration> {
        self.parsed(setting, value::duration_or_zero)
    }

    pub(super) fn size(&mut self, setting: &Setting) -> Option<usize> {
        self.parsed(setting, value::size)
    }

    pub(super) fn text(&mut self, setting: &Setting) -> Option<String> {
        self.parsed(setting, value::text)
    }

    pub(super) fn file(&mut self, setting: &Setting) -> Option<PathBuf> {
        self.text(setting).map(PathBuf::from)
    }

    pub(super) fn lines(&mut self, setting: &Setting) -> Option<String> {
        self.parsed(setting, value::lines)
    }

    pub(super) fn base_url(&mut self, setting: &Setting) -> Option<reqwest::Url> {
        self.parsed(setting, value::base_url)
    }

    /// One of the words that the setting allows, as `meaning` has it.
    pub(super) fn word<T>(&mut self, setting: &Setting, meaning: impl FnOnce(&str) -> Option<T>) -> Option<T> {
        let Kind::Word(words) = setting.kind else { return None };
        self.parsed(setting, |text| {
            let meant = if words.contains(&text) { meaning(text) } else { None };
            meant.ok_or_else(|| format!("\"{text}\" is none of {}", words.join(", ")))
        })
    }

    pub(super) fn filter(&mut self, setting: &Setting) -> Option<tracing_subscriber::filter::Targets> {
        self.parsed(setting, value::filter)
    }

    pub(super) fn secret(&mut self, setting: &Setting) -> Option<SecretString> {
        self.parsed(setting, value::text).map(SecretString::from)
    }

    /// What the PEM of the file holds that a setting names.
    pub(super) fn pem<T>(&mut self, setting: &Setting, read: impl FnOnce(&[u8]) -> Result<T, PemError>) -> Option<T> {
        let path = self.file(setting)?;
        let bytes = self.noting(setting, &path, small_file::read_now(&path, MOST_BYTES))?;
        match read(&bytes) {
            Ok(held) => Some(held),
            Err(problem) => {
                self.mistake(setting, format!("{} {problem}", path.display()));
                None
            }
        }
    }

    fn noting<T>(&mut self, setting: &Setting, path: &Path, read: io::Result<T>) -> Option<T> {
        read.map_err(|error| self.mistake(setting, format!("cannot read {}: {error}", path.display()))).ok()
    }

    /// What the file says that a setting names.
    pub(super) fn content(&mut self, setting: &Setting) -> Option<String> {
        let path = self.file(setting)?;
        self.noting(setting, &path, small_file::read_text_now(&path, MOST_BYTES))
    }

    /// The secret in the file that a setting names, without the white space around it: a line break at its end, and a
    /// byte order mark before it, are an editor's and not the secret's.
    pub(super) fn secret_in_file(&mut self, setting: &Setting) -> Option<SecretString> {
        let content = SecretString::from(self.content(setting)?);
        match value::text(content.expose_secret().trim()) {
            Ok(secret) => Some(SecretString::from(secret)),
            Err(problem) => {
                self.mistake(setting, format!("what the file contains {problem}"));
                None
            }
        }
    }
}
