//! The settings of who may call.

use super::super::setting::{Kind, Setting};

/// Where the policy is.
pub const IDENTITY_POLICY_FILE: Setting = Setting {
    key: "identity.policy_file",
    env: "GRIDGATE_IDENTITY_POLICY_FILE",
    flag: Some("identity-policy-file"),
    default: None,
    kind: Kind::File,
    doc: "The policy: which callers there are, by what they are told apart, and what each may call; see \
          [IDENTITY.md](IDENTITY.md). Whoever it does not name may call nothing. Without it callers are not checked, and \
          `grpc.addr` has to be a loopback address.",
};

/// How often the policy is read again.
pub const IDENTITY_RELOAD_INTERVAL: Setting = Setting {
    key: "identity.reload_interval",
    env: "GRIDGATE_IDENTITY_RELOAD_INTERVAL",
    flag: Some("identity-reload-interval"),
    default: Some("5s"),
    kind: Kind::Duration,
    doc: "How often the policy file is looked at for changes. SIGHUP makes it be looked at now. A file with mistakes is \
          refused as a whole, and the policy before stays.",
};
