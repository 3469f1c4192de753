//! What is configured of who may call.

use std::path::PathBuf;
use std::time::Duration;

use super::read::Reader;
use super::settings;

/// Where the policy is, and how it is kept up.
#[derive(Debug, Clone)]
pub struct IdentityConfig {
    /// Its file; none where callers are not checked.
    pub policy_file: Option<PathBuf>,
    /// How often that is looked at for changes.
    pub reload_interval: Duration,
}

pub(super) fn read(reader: &mut Reader) -> Option<IdentityConfig> {
    let is_set = reader.is_set(&settings::IDENTITY_POLICY_FILE);
    let policy_file = if is_set { reader.file(&settings::IDENTITY_POLICY_FILE).map(Some) } else { Some(None) };
    let reload_interval = reader.duration(&settings::IDENTITY_RELOAD_INTERVAL);
    Some(IdentityConfig { policy_file: policy_file?, reload_interval: reload_interval? })
}
