//! The settings of the local sandbox. Whatever it can do beside, its control API does while it runs.

use super::super::setting::{Kind, Setting};

/// Where the local sandbox listens.
pub const SANDBOX_ADDR: Setting = Setting {
    key: "sandbox.addr",
    env: "GRIDGATE_SANDBOX_ADDR",
    flag: Some("sandbox-addr"),
    default: Some("127.0.0.1:8081"),
    kind: Kind::Address,
    doc: "Where the local sandbox listens: `gridgate sandbox` and `gridgate serve --sandbox`. Its API is at \
          `/grid/2025-10-13`.",
};

/// Whether the local sandbox is a regulated platform.
pub const SANDBOX_REGULATED: Setting = Setting {
    key: "sandbox.regulated",
    env: "GRIDGATE_SANDBOX_REGULATED",
    flag: Some("sandbox-regulated"),
    default: Some("false"),
    kind: Kind::Switch,
    doc: "Makes the local sandbox a regulated financial institution's platform: its customers are created approved.",
};

/// Whether the local sandbox writes errors in the old way.
pub const SANDBOX_OLD_ERROR_BODIES: Setting = Setting {
    key: "sandbox.old_error_bodies",
    env: "GRIDGATE_SANDBOX_OLD_ERROR_BODIES",
    flag: Some("sandbox-old-error-bodies"),
    default: Some("false"),
    kind: Kind::Switch,
    doc: "Makes the local sandbox write errors as Grid did until September 2026: `{status, code, message, details}` \
          instead of `{code, reason, details}`.",
};

/// Whether the local sandbox decides as Grid's did until September 2026.
pub const SANDBOX_APPROVE_AT_CREATION: Setting = Setting {
    key: "sandbox.approve_at_creation",
    env: "GRIDGATE_SANDBOX_APPROVE_AT_CREATION",
    flag: Some("sandbox-approve-at-creation"),
    default: Some("false"),
    kind: Kind::Switch,
    doc: "Makes the local sandbox decide as Grid's own did until September 2026: about individuals when they are \
          created, by the end of their names (docs/SANDBOX.md).",
};

/// Where its webhooks go.
pub const SANDBOX_WEBHOOK_ENDPOINT: Setting = Setting {
    key: "sandbox.webhook_endpoint",
    env: "GRIDGATE_SANDBOX_WEBHOOK_ENDPOINT",
    flag: Some("sandbox-webhook-endpoint"),
    default: None,
    kind: Kind::Url,
    doc: "Where the local sandbox sends webhooks, for example `http://127.0.0.1:8080/webhooks/grid`. Without it, \
          `gridgate sandbox` sends none, and `gridgate serve --sandbox` sends them to itself.",
};

/// How many more times each webhook comes.
pub const SANDBOX_WEBHOOK_DUPLICATES: Setting = Setting {
    key: "sandbox.webhook_duplicates",
    env: "GRIDGATE_SANDBOX_WEBHOOK_DUPLICATES",
    flag: Some("sandbox-webhook-duplicates"),
    default: Some("0"),
    kind: Kind::Count,
    doc: "How many more times the local sandbox sends each webhook, at once and with the same id; at most 100.",
};

/// How many webhooks come in reverse order.
pub const SANDBOX_WEBHOOK_REORDER: Setting = Setting {
    key: "sandbox.webhook_reorder",
    env: "GRIDGATE_SANDBOX_WEBHOOK_REORDER",
    flag: Some("sandbox-webhook-reorder"),
    default: Some("0"),
    kind: Kind::Count,
    doc: "How many webhooks the local sandbox collects, for at most two seconds, to send them in reverse order.",
};

/// How late webhooks come.
pub const SANDBOX_WEBHOOK_DELAY: Setting = Setting {
    key: "sandbox.webhook_delay",
    env: "GRIDGATE_SANDBOX_WEBHOOK_DELAY",
    flag: Some("sandbox-webhook-delay"),
    default: Some("0s"),
    kind: Kind::Duration,
    doc: "How long the local sandbox holds each webhook back, in whole seconds.",
};

/// How many webhooks are lost.
pub const SANDBOX_WEBHOOK_DROP_PERCENT: Setting = Setting {
    key: "sandbox.webhook_drop_percent",
    env: "GRIDGATE_SANDBOX_WEBHOOK_DROP_PERCENT",
    flag: Some("sandbox-webhook-drop-percent"),
    default: Some("0"),
    kind: Kind::Percent,
    doc: "How many webhooks of a hundred the local sandbox never sends, picked at random.",
};

/// How late answers come.
pub const SANDBOX_ANSWER_DELAY: Setting = Setting {
    key: "sandbox.answer_delay",
    env: "GRIDGATE_SANDBOX_ANSWER_DELAY",
    flag: Some("sandbox-answer-delay"),
    default: Some("0s"),
    kind: Kind::Duration,
    doc: "How long the local sandbox waits before it answers a request; at most ten minutes.",
};

/// How many requests are too many.
pub const SANDBOX_ANSWER_429_PERCENT: Setting = Setting {
    key: "sandbox.answer_429_percent",
    env: "GRIDGATE_SANDBOX_ANSWER_429_PERCENT",
    flag: Some("sandbox-answer-429-percent"),
    default: Some("0"),
    kind: Kind::Percent,
    doc: "How many requests of a hundred the local sandbox refuses with 429 and `Retry-After: 1`, picked at random.",
};

/// How many requests fail.
pub const SANDBOX_ANSWER_503_PERCENT: Setting = Setting {
    key: "sandbox.answer_503_percent",
    env: "GRIDGATE_SANDBOX_ANSWER_503_PERCENT",
    flag: Some("sandbox-answer-503-percent"),
    default: Some("0"),
    kind: Kind::Percent,
    doc: "How many requests of a hundred the local sandbox answers with 503 without acting, picked at random.",
};
