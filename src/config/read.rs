//! Reads settings as typed values, and notes each mistake instead of stopping at the first.

use super::mistake::{ConfigError, Mistake, THE_FILE};
use super::setting::Setting;
use super::source::{Origin, Sources, Values, resolve};
use super::value::Value;
use crate::pem::PemError;
use crate::small_file;
use secrecy::{ExposeSecret as _, SecretString};
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The largest file that a setting names, in bytes: many times a bundle of all public CAs.
const MAX_FILE: u64 = 4 * 1024 * 1024;

/// Reads values. A mistake is noted and reads as an empty value; [`Reader::finish`] then refuses the whole.
pub(super) struct Reader {
    values: Values,
    mistakes: Vec<Mistake>,
}

impl Reader {
    pub(super) fn new(sources: Sources) -> Self {
        let (values, mistakes) = resolve(sources);
        Reader { values, mistakes }
    }

    /// A reader that reports only mistakes about the file and the settings that it reads, not what else the sources set
    /// wrong.
    pub(super) fn of_few(sources: Sources, settings: &[&Setting]) -> Self {
        let mut reader = Self::new(sources);
        let concerns = |name: &str| name == THE_FILE || settings.iter().any(|setting| setting.key == name);
        reader.mistakes.retain(|mistake| concerns(&mistake.setting));
        reader
    }

    /// The configuration, or every mistake that was noted on the way to it.
    pub(super) fn finish<T>(self, config: T) -> Result<T, ConfigError> {
        if self.mistakes.is_empty() { Ok(config) } else { Err(ConfigError { mistakes: self.mistakes }) }
    }

    /// The value of a setting, if it has one and it is not a mistake.
    pub(super) fn find<T: Value>(&mut self, setting: &Setting) -> Option<T> {
        let read = T::read(&self.values.get(setting.key)?.text, setting.kind);
        read.map_err(|problem| self.mistake(setting, problem)).ok()
    }

    /// The value of a setting with a default, or one whose absence was reported.
    pub(super) fn get<T: Value + Default>(&mut self, setting: &Setting) -> T {
        self.find(setting).unwrap_or_default()
    }

    pub(super) fn address(&mut self, setting: &Setting) -> SocketAddr {
        self.find(setting).unwrap_or(SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), 0))
    }

    /// A length of time of which `0s` says that there is none.
    pub(super) fn unless_zero(&mut self, setting: &Setting) -> Option<Duration> {
        self.find(setting).filter(|duration: &Duration| !duration.is_zero())
    }

    /// The secret in the file that a setting names, without the white space and the byte order mark that editors add.
    pub(super) fn secret_in_file(&mut self, setting: &Setting) -> Option<SecretString> {
        let path = self.find::<PathBuf>(setting)?;
        let content =
            self.noting(setting, &path, small_file::read_text_now(&path, MAX_FILE)).map(SecretString::from)?;
        let secret = SecretString::read(content.expose_secret().trim(), setting.kind);
        secret.map_err(|problem| self.mistake(setting, format!("what the file contains {problem}"))).ok()
    }

    /// The content of the PEM file that a setting names.
    pub(super) fn pem<T>(&mut self, setting: &Setting, read: impl FnOnce(&[u8]) -> Result<T, PemError>) -> Option<T> {
        let path = self.find::<PathBuf>(setting)?;
        let bytes = self.noting(setting, &path, small_file::read_now(&path, MAX_FILE))?;
        read(&bytes).map_err(|problem| self.mistake(setting, format!("{} {problem}", path.display()))).ok()
    }

    fn noting<T>(&mut self, setting: &Setting, path: &Path, read: io::Result<T>) -> Option<T> {
        read.map_err(|error| self.mistake(setting, format!("cannot read {}: {error}", path.display()))).ok()
    }

    /// Whether something sets it, other than its default.
    pub(super) fn is_set(&self, setting: &Setting) -> bool {
        self.origin(setting).is_some_and(|origin| *origin != Origin::Default)
    }

    /// Where its value was written.
    pub(super) fn origin(&self, setting: &Setting) -> Option<&Origin> {
        self.values.get(setting.key).map(|given| &given.origin)
    }

    /// Whether both of two settings are set that need each other. That only one is set is a mistake.
    pub(super) fn has_both(&mut self, one: &Setting, other: &Setting) -> bool {
        match (self.is_set(one), self.is_set(other)) {
            (true, false) => self.missing(other, &format!("or remove {}", one.key)),
            (false, true) => self.missing(one, &format!("or remove {}", other.key)),
            (true, true) => return true,
            (false, false) => {}
        }
        false
    }

    /// Notes a mistake about a setting.
    pub(super) fn mistake(&mut self, setting: &Setting, problem: impl Into<String>) {
        let origin = self.origin(setting).map(ToString::to_string);
        self.mistakes.push(Mistake { setting: setting.key.to_owned(), origin, problem: problem.into() });
    }

    /// Notes that two settings contradict each other, unless one of them was a mistake already.
    pub(super) fn contradiction(&mut self, setting: &Setting, other: &Setting, problem: impl Into<String>) {
        if ![setting, other].iter().any(|named| self.mistakes.iter().any(|mistake| mistake.setting == named.key)) {
            self.mistake(setting, problem);
        }
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
}
