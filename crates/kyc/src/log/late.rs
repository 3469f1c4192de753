//! A log that is not open yet.

use std::sync::{Arc, OnceLock};

use super::EventLog;

/// Where a log will be once it is open: opening one may take as long as reading it. Clones are of the same place.
#[derive(Clone, Default)]
pub struct LateLog(Arc<OnceLock<Arc<dyn EventLog>>>);

impl std::fmt::Debug for LateLog {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LateLog").field("is_open", &self.get().is_some()).finish()
    }
}

impl LateLog {
    /// The log, once it is open.
    #[must_use]
    pub fn get(&self) -> Option<&Arc<dyn EventLog>> {
        self.0.get()
    }

    /// From now on it is open. To be said once: what is said again is ignored.
    pub fn set(&self, log: Arc<dyn EventLog>) {
        let _ = self.0.set(log);
    }
}

impl From<Arc<dyn EventLog>> for LateLog {
    fn from(log: Arc<dyn EventLog>) -> Self {
        let late = Self::default();
        late.set(log);
        late
    }
}
