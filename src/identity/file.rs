//! The policy file, and reloading it when it changes.

use super::expiry::Told;
use super::gate::Gate;
use super::policy::{Grantable, Mistake, Policy};
use crate::small_file;
use jiff::Timestamp;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

/// The largest policy file, in bytes.
const MAX_SIZE: u64 = 1024 * 1024;
/// A file that has changed is read again after this long, and taken when it says the same: it may be half written, and
/// half of a policy may be one that limits less.
const SETTLE: Duration = Duration::from_secs(1);

/// The policy file, and the methods that it can grant.
#[derive(Debug, Clone)]
pub struct PolicyFile {
    path: PathBuf,
    methods: Arc<[Grantable]>,
}

/// The file holds no valid policy.
#[derive(Debug, thiserror::Error)]
pub enum PolicyError {
    /// The file is unreadable.
    #[error("the policy {} cannot be read", .path.display())]
    Unreadable {
        /// The file's path.
        path: PathBuf,
        /// The operating system's error.
        #[source]
        source: io::Error,
    },
    /// The policy has mistakes.
    #[error("{}", Listed(.path, .mistakes))]
    Mistakes {
        /// The file's path.
        path: PathBuf,
        /// All of them, in the order of their lines. Never empty.
        mistakes: Vec<Mistake>,
    },
}

/// Mistakes, a line each.
struct Listed<'m>(&'m Path, &'m [Mistake]);

impl fmt::Display for Listed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Listed(path, mistakes) = self;
        match mistakes.len() {
            1 => write!(f, "a mistake in the policy {}:", path.display())?,
            n => write!(f, "{n} mistakes in the policy {}:", path.display())?,
        }
        mistakes.iter().try_for_each(|mistake| write!(f, "\n  {mistake}"))
    }
}

impl PolicyFile {
    /// The policy at `path`, about these methods.
    #[must_use]
    pub fn new(path: PathBuf, methods: impl IntoIterator<Item = Grantable>) -> PolicyFile {
        PolicyFile { path, methods: methods.into_iter().collect() }
    }

    /// Reads it for the first time.
    ///
    /// # Errors
    /// It can't be read, or has mistakes: all of them.
    pub async fn load(&self) -> Result<(Policy, PolicyText), PolicyError> {
        let text = self.text().await?;
        Ok((self.read(&text)?, text))
    }

    async fn text(&self) -> Result<PolicyText, PolicyError> {
        let unreadable = |source| PolicyError::Unreadable { path: self.path.clone(), source };
        let bytes = small_file::read(&self.path, MAX_SIZE).await.map_err(unreadable)?;
        let text = String::from_utf8(bytes);
        text.map(PolicyText).map_err(|error| unreadable(io::Error::new(io::ErrorKind::InvalidData, error.utf8_error())))
    }

    fn read(&self, text: &PolicyText) -> Result<Policy, PolicyError> {
        let mistakes = |mistakes| PolicyError::Mistakes { path: self.path.clone(), mistakes };
        Policy::read(&text.0, &self.methods).map_err(mistakes)
    }

    /// Reloads the file into `gate` until `stop`: at an interval, and on request. A file with mistakes leaves the policy
    /// as it is and is logged once.
    pub async fn follow(
        &self,
        gate: &Gate,
        loaded: PolicyText,
        every: Duration,
        told: &Notify,
        stop: CancellationToken,
    ) {
        let mut holds = loaded;
        // The last logged problem, so that each check does not log it again.
        let mut refused: Option<Refused> = None;
        let mut expiries = Told::default();
        loop {
            expiries.tell(gate, Timestamp::now());
            let is_told = tokio::select! {
                () = sleep(every) => false,
                () = told.notified() => true,
                () = stop.cancelled() => return,
            };
            let found = tokio::select! {
                found = self.settled(&holds) => found,
                () = stop.cancelled() => return,
            };
            let found = match found {
                Ok(text) => text,
                Err(error) => {
                    refuse(gate, &mut refused, Refused::Unreadable(error.to_string()), &error);
                    continue;
                }
            };
            if found == holds {
                if refused.take().is_some() {
                    gate.note_restored();
                    tracing::info!(path = %self.path.display(), "the policy file is valid again and equals the current policy");
                } else if is_told {
                    tracing::info!(path = %self.path.display(), "the policy has not changed");
                }
                continue;
            }
            match self.read(&found) {
                Ok(policy) => {
                    tracing::info!(path = %self.path.display(), callers = policy.callers(), "policy reloaded");
                    gate.replace(policy);
                    (holds, refused) = (found, None);
                }
                Err(error) => refuse(gate, &mut refused, Refused::Mistaken(found), &error),
            }
        }
    }

    /// What the file says once it says it twice, or says what holds already.
    async fn settled(&self, holds: &PolicyText) -> Result<PolicyText, PolicyError> {
        let mut said = self.text().await?;
        while said != *holds {
            sleep(SETTLE).await;
            let again = self.text().await?;
            if again == said {
                break;
            }
            said = again;
        }
        Ok(said)
    }
}

/// The content of a policy file.
#[derive(Clone, PartialEq, Eq)]
pub struct PolicyText(String);

/// Why gridgate rejected a changed file.
#[derive(PartialEq, Eq)]
enum Refused {
    Unreadable(String),
    Mistaken(PolicyText),
}

fn refuse(gate: &Gate, last: &mut Option<Refused>, refused: Refused, error: &PolicyError) {
    if last.as_ref() != Some(&refused) {
        let error = error as &(dyn std::error::Error + 'static);
        tracing::error!(error, "policy file rejected; the previous policy stays in use");
        gate.note_refused();
        *last = Some(refused);
    }
}
