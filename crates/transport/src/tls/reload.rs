//! Reloads certificates when their files change.
//!
//! The reloader compares the files' contents, not their modification times: Kubernetes swaps a symbolic link above them,
//! and other tools write them in place. While a tool replaces the certificate and then the key, the two may not match for
//! a moment; the next reload corrects that.

use super::files::{Contents, TlsError, TlsFiles};
use jiff::Timestamp;
use rustls::ServerConfig;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

/// Watches certificate files and publishes new configurations.
pub struct Reloader {
    files: TlsFiles,
    alpn: Vec<Vec<u8>>,
    current: watch::Sender<Arc<ServerConfig>>,
    /// The digest of the contents in use.
    used: [u8; 32],
    /// The last rejected contents or read error, so that each is logged only once.
    refused: Option<Refused>,
    counts: Arc<ReloadCounts>,
}

#[derive(PartialEq, Eq)]
enum Refused {
    Contents([u8; 32]),
    Unread(String),
}

/// The counters of certificate reloads.
#[derive(Debug, Default)]
pub struct ReloadCounts {
    reloaded: AtomicU64,
    refused: AtomicU64,
    /// When the files became invalid; `None` while they are valid.
    refused_since: Mutex<Option<Timestamp>>,
}

impl ReloadCounts {
    /// How often new certificates were put into use.
    #[must_use]
    pub fn reloaded(&self) -> u64 {
        self.reloaded.load(Relaxed)
    }

    /// How often changed files were rejected.
    #[must_use]
    pub fn refused(&self) -> u64 {
        self.refused.load(Relaxed)
    }

    /// When the files became invalid, so that the previous certificates stay in use; `None` while they are valid.
    #[must_use]
    pub fn refused_since(&self) -> Option<Timestamp> {
        // A poisoned lock is harmless: the value is always replaced as a whole.
        *self.refused_since.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set_refused_since(&self, since: Option<Timestamp>) {
        *self.refused_since.lock().unwrap_or_else(PoisonError::into_inner) = since;
    }
}

impl Reloader {
    pub(super) async fn start(
        files: TlsFiles,
        alpn: Vec<Vec<u8>>,
    ) -> Result<(Reloader, watch::Receiver<Arc<ServerConfig>>), TlsError> {
        let contents = Contents::read(&files).await?;
        let (current, receiver) = watch::channel(Arc::new(contents.configure(&files, &alpn)?));
        let used = contents.digest();
        Ok((Reloader { files, alpn, current, used, refused: None, counts: Arc::default() }, receiver))
    }

    /// The reload counters, for the metrics.
    #[must_use]
    pub fn counts(&self) -> Arc<ReloadCounts> {
        Arc::clone(&self.counts)
    }

    /// Reads the files at the interval `every`, until `stop` is cancelled.
    pub async fn run(mut self, every: Duration, stop: CancellationToken) {
        loop {
            tokio::select! {
                () = sleep(every) => self.look().await,
                () = stop.cancelled() => return,
            }
        }
    }

    async fn look(&mut self) {
        let contents = match Contents::read(&self.files).await {
            Ok(contents) => contents,
            Err(error) => return self.refuse(Refused::Unread(error.to_string()), &error),
        };
        let digest = contents.digest();
        if digest == self.used {
            return self.are_fine();
        }
        match contents.configure(&self.files, &self.alpn) {
            Ok(config) => {
                self.used = digest;
                self.are_fine();
                self.current.send_replace(Arc::new(config));
                self.counts.reloaded.fetch_add(1, Relaxed);
                tracing::info!(certificate = %self.files.certificate.display(), "new certificates are in use");
            }
            Err(error) => self.refuse(Refused::Contents(digest), &error),
        }
    }

    fn are_fine(&mut self) {
        if self.refused.take().is_some() {
            self.counts.set_refused_since(None);
        }
    }

    fn refuse(&mut self, refused: Refused, error: &TlsError) {
        if self.refused.as_ref() != Some(&refused) {
            self.counts.refused.fetch_add(1, Relaxed);
            tracing::error!(%error, "certificate files rejected; the previous certificates stay in use");
            if self.refused.replace(refused).is_none() {
                self.counts.set_refused_since(Some(Timestamp::now()));
            }
        }
    }
}
