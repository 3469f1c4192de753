//! The settings of webhooks, the event log and the streams that read it.

use super::super::setting::{Kind, Setting};

/// Where Grid's webhooks are taken.
pub const WEBHOOK_ADDR: Setting = Setting {
    key: "webhook.addr",
    env: "GRIDGATE_WEBHOOK_ADDR",
    flag: Some("webhook-addr"),
    default: Some("127.0.0.1:8080"),
    kind: Kind::Address,
    doc: "Where Grid's webhooks are taken, over HTTP/1.1. This is the one port that is meant for the internet, behind \
          something that speaks TLS.",
};

/// At which path.
pub const WEBHOOK_PATH: Setting = Setting {
    key: "webhook.path",
    env: "GRIDGATE_WEBHOOK_PATH",
    flag: Some("webhook-path"),
    default: Some("/webhooks/grid"),
    kind: Kind::Text,
    doc: "The path of the URL that is registered with Grid as webhook endpoint.",
};

/// Grid's keys.
pub const WEBHOOK_PUBLIC_KEYS: Setting = Setting {
    key: "webhook.public_keys",
    env: "GRID_WEBHOOK_PUBKEY",
    flag: None,
    default: None,
    kind: Kind::Text,
    doc: "Grid's public key for webhooks, from its dashboard: PEM, with line breaks, or with `\\n` in their places. Several, one after \
          the other, while a key is being rotated: every block counts, or the first that cannot be read is named. Without one no webhook is taken, and statuses are only learned by \
          asking Grid. With `--sandbox` it is the sandbox's own.",
};

/// Who is told what is not about KYC.
pub const WEBHOOK_RELAY_URL: Setting = Setting {
    key: "webhook.relay_url",
    env: "GRIDGATE_WEBHOOK_RELAY_URL",
    flag: Some("webhook-relay-url"),
    default: None,
    kind: Kind::Url,
    doc: "Where webhooks that are not about KYC are passed on to, body and signature unchanged; its answer goes back to \
          Grid as it came. Without it, pending payments are refused for now (503) and the rest is acknowledged.",
};

/// Where the event log is.
pub const EVENT_LOG: Setting = Setting {
    key: "event.log",
    env: "GRIDGATE_EVENT_LOG",
    flag: Some("event-log"),
    default: Some("sqlite:gridgate-data/events.db"),
    kind: Kind::Text,
    doc: "The event log: `sqlite:` and the path of a file, on a local disk, for one process, in a folder that is there \
          (`gridgate-data` is made); `nats://` (or `tls://`) and the \
          addresses of NATS servers, separated by commas, for many processes that share it; or `temporary`, which is gone \
          when the process ends. With `--sandbox` it is `temporary` unless this is set.",
};

/// How old events become.
pub const EVENT_MAX_AGE: Setting = Setting {
    key: "event.max_age",
    env: "GRIDGATE_EVENT_MAX_AGE",
    flag: Some("event-max-age"),
    default: Some("90d"),
    kind: Kind::Duration,
    doc: "How long the event log keeps events, from `8d` on: Grid retries webhooks for seven days, and copies are told by \
          what is kept. The current status of every customer is kept for ever.",
};

/// How much room events take.
pub const EVENT_MAX_SIZE: Setting = Setting {
    key: "event.max_size",
    env: "GRIDGATE_EVENT_MAX_SIZE",
    flag: Some("event-max-size"),
    default: Some("10GiB"),
    kind: Kind::Size,
    doc: "How large the event log may become, from `16MiB` on. Beyond it, events older than eight days are let go \
          before their time; where there are none, nothing new is recorded, and Grid is told to come back (503).",
};

/// How old a stream of events may become.
pub const WATCH_MAX_AGE: Setting = Setting {
    key: "watch.max_age",
    env: "GRIDGATE_WATCH_MAX_AGE",
    flag: Some("watch-max-age"),
    default: Some("60m"),
    kind: Kind::Duration,
    doc: "How old a WatchKycStatus stream becomes, more or less, before it is told to reconnect, so that streams spread \
          over replicas. Up to a tenth less, by chance.",
};

/// How often Grid is asked what has changed.
pub const RECONCILE_INTERVAL: Setting = Setting {
    key: "reconcile.interval",
    env: "GRIDGATE_RECONCILE_INTERVAL",
    flag: Some("reconcile-interval"),
    default: Some("60s"),
    kind: Kind::Duration,
    doc: "How often Grid is asked which customers have changed, to find what no webhook said (`HOLD`, and webhooks that \
          were lost). `0s`: never, and then those are missed.",
};
