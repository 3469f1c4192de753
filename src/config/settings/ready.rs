//! When the process counts as ready.

use super::super::setting::{Kind, Setting};

/// Whether Grid has to answer first.
pub const READY_NEEDS_GRID: Setting = Setting {
    key: "ready.needs_grid",
    env: "GRIDGATE_READY_NEEDS_GRID",
    flag: Some("ready-needs-grid"),
    default: Some("false"),
    kind: Kind::Switch,
    doc: "Whether gridgate counts as ready only once Grid has answered it with its credentials (`GET /config`), so that a \
          rollout with wrong ones stops. Asked at start only: when Grid fails later, nothing is won by taking every \
          replica away.",
};

/// Whether the event log has to record.
pub const READY_NEEDS_RECORDING: Setting = Setting {
    key: "ready.needs_recording",
    env: "GRIDGATE_READY_NEEDS_RECORDING",
    flag: Some("ready-needs-recording"),
    default: Some("false"),
    kind: Kind::Switch,
    doc: "Whether gridgate counts as ready only while its event log records: not while its disk is full, it is as large as it may \
          become, or its store refuses. Otherwise `/readyz` stays 200 and says so, since calls that need no event log still work.",
};
