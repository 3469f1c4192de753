//! What is wrong with a configuration, said so that it can be put right.

use std::fmt;

/// One mistake in the configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistake {
    /// The setting's key, or what stands in its place (an unknown variable, the TOML file itself).
    pub setting: String,
    /// Where the value came from: a flag, an environment variable, a line of the TOML file.
    pub origin: Option<String>,
    /// What is wrong, and what would be right. Never contains a secret.
    pub problem: String,
}

/// What stands in the place of a setting where the TOML file itself is the mistake.
pub(super) const THE_FILE: &str = "the TOML file";

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.origin {
            Some(origin) => write!(f, "{} (from {origin}): {}", self.setting, self.problem),
            None => write!(f, "{}: {}", self.setting, self.problem),
        }
    }
}

/// Every mistake found in the configuration. Never empty.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct ConfigError {
    /// The mistakes.
    pub mistakes: Vec<Mistake>,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.mistakes.len() {
            1 => write!(f, "a mistake in the configuration:")?,
            n => write!(f, "{n} mistakes in the configuration:")?,
        }
        for mistake in &self.mistakes {
            write!(f, "\n  {mistake}")?;
        }
        Ok(())
    }
}

/// That there is no such setting, and which one was likely meant.
pub(super) fn no_such_setting<'c>(name: &str, candidates: impl Iterator<Item = &'c str>) -> String {
    candidates
        .map(|candidate| (strsim::normalized_damerau_levenshtein(name, candidate), candidate))
        .filter(|(likeness, _)| *likeness >= 0.7)
        .max_by(|(a, _), (b, _)| a.total_cmp(b))
        .map_or_else(
            || "there is no such setting".to_owned(),
            |(_, candidate)| format!("there is no such setting; did you mean {candidate}?"),
        )
}
