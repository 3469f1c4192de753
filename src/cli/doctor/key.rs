//! Whether the keys for webhooks can be used.

use super::finding::Finding;
use crate::webhook::PublicKeys;
use crate::webhook::keys::InvalidKeys;

const CHECK: &str = "webhook key";

/// The keys that are configured, if any are.
pub(super) fn read(public_keys: Option<&str>) -> Result<Option<PublicKeys>, InvalidKeys> {
    public_keys.map(|text| PublicKeys::from_pem([text])).transpose()
}

/// Judges them.
pub(super) fn judge(keys: &Result<Option<PublicKeys>, InvalidKeys>) -> Finding {
    match keys {
        Ok(Some(keys)) => {
            let ids: Vec<_> = keys.ids().map(|id| id.to_string()).collect();
            let what = if ids.len() == 1 { "one P-256 key".to_owned() } else { format!("{} P-256 keys", ids.len()) };
            Finding::ok(CHECK, format!("{what}: {}", ids.join(", ")))
        }
        Ok(None) => Finding::warn(
            CHECK,
            "none is set, so gridgate rejects webhooks and learns statuses only by asking Grid",
            "set GRID_WEBHOOK_PUBKEY to the public key in Grid's dashboard",
        ),
        Err(error) => {
            let hint = "set GRID_WEBHOOK_PUBKEY to the key in Grid's dashboard, or to several keys one after the other";
            Finding::fail(CHECK, error.to_string(), hint)
        }
    }
}
