//! Certificates that are read again when they change.
//!
//! The files' contents are compared, not their times: Kubernetes swaps a symbolic link above them, and others write them
//! in place. Between the certificate and the key there may be a moment in which they do not belong together; nothing is
//! lost by that, since they are read again.

use super::files::{Contents, TlsError, TlsFiles};
use jiff::Timestamp;
use rustls::ServerConfig;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

/// Reads certificates again.
pub struct Reloader {
    files: TlsFiles,
    alpn: Vec<Vec<u8>>,
    current: watch::Sender<Arc<ServerConfig>>,
    /// What is in use.
    used: [u8; 32],
    /// What was last refused, so that it is said once: the contents, or why there were none.
    refused: Option<Refused>,
    counts: Arc<ReloadCounts>,
}

#[derive(PartialEq, Eq)]
enum Refused {
    Contents([u8; 32]),
    Unread(String),
}

/// How often certificates were read again.
#[derive(Debug, Default)]
pub struct ReloadCounts {
    reloaded: AtomicU64,
    refused: AtomicU64,
    /// Guards since when the files hold what cannot be used.
    refused_since: Mutex<Option<Timestamp>>,
}

impl ReloadCounts {
    /// How often new certificates were taken into use.
    #[must_use]
    pub fn reloaded(&self) -> u64 {
        self.reloaded.load(Relaxed)
    }

    /// How often new contents could not be used.
    #[must_use]
    pub fn refused(&self) -> u64 {
        self.refused.load(Relaxed)
    }

    /// Since when the files hold what cannot be used, and certificates from before stay in use; none while they are fine.
    #[must_use]
    pub fn refused_since(&self) -> Option<Timestamp> {
        // It is replaced as a whole.
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

    /// How often certificates were read again.
    #[must_use]
    pub fn counts(&self) -> Arc<ReloadCounts> {
        Arc::clone(&self.counts)
    }

    /// Looks at the files `every` so often, until `stop`.
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
            tracing::error!(%error, "new certificates cannot be used; those that were there before stay in use");
            if self.refused.replace(refused).is_none() {
                self.counts.set_refused_since(Some(Timestamp::now()));
            }
        }
    }
}
