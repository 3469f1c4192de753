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
