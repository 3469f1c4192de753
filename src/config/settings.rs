//! Every setting, a row each: its name, its default, what is written for it and within which bounds, and what it does.
//!
//! `GRPC_MAX_CALLS = "256", NUMBER, "…";` is `grpc.max_calls` in the file, `GRIDGATE_GRPC_MAX_CALLS` in the environment (or
//! the variable behind `as`) and the flag `--grpc-max-calls`, which secrets and PEM have not. Rows stand in the order of the
//! documentation, under the heading of their section in `--help`.

use super::setting::{Bounds, Kind, Setting, spelled};
use crate::kyc::log::IDS_KEPT;
use std::time::Duration;

/// The environment variable that names the TOML file, where `--config` does not.
pub const CONFIG_FILE_ENV: &str = "GRIDGATE_CONFIG";

const DAY: Duration = Duration::from_secs(24 * 60 * 60);
const MIB: u64 = 1024 * 1024;

const NUMBER: Kind = Kind::Number(Bounds::new(1, u32::MAX as u64));
const NUMBER_OR_ZERO: Kind = Kind::Number(Bounds::new(0, u32::MAX as u64));
const DURATION: Kind = Kind::Duration(Bounds::new(Duration::from_millis(1), DAY));
const DURATION_OR_ZERO: Kind = Kind::Duration(Bounds::new(Duration::ZERO, DAY));
const SIZE: Kind = Kind::Size(Bounds::new(1, u64::MAX));
const CLIENT_CERTIFICATES: Kind = Kind::Word(&["optional", "required"]);

/// From eight days, a day more than Grid retries a webhook, to a hundred years.
const KEPT: Kind = Kind::Duration(Bounds::new(IDS_KEPT, Duration::from_secs(36_525 * DAY.as_secs())).because(
    "Grid retries a webhook for seven days, and a copy that arrives after its event was deleted would count as new",
));
/// Below this, a log is full before any of its events may be deleted.
const LOG_SIZE: Kind = Kind::Size(
    Bounds::new(16 * MIB, u64::MAX).because("a smaller log is full before its events are old enough to delete"),
);
/// The largest document that Grid takes has 10 MiB.
const UPLOADS_SIZE: Kind = Kind::Size(Bounds::new(10 * MIB, u64::MAX).because("one document must fit"));

macro_rules! settings {
    ($($heading:literal { $($name:ident $(= $default:literal)? $(as $env:literal)?, $kind:expr, $doc:literal;)* })*) => {
        $($(
            #[doc = $doc]
            pub const $name: Setting = {
                const NAME: &str = stringify!($name);
                const KEY: [u8; NAME.len()] = spelled(NAME, b'.', b'_');
                const FLAG: [u8; NAME.len()] = spelled(NAME, b'-', b'-');
                // The first of each holds.
                let [env, ..] = [$($env,)? concat!("GRIDGATE_", stringify!($name))];
                let [default, ..] = [$(Some($default),)? None];
                Setting::new($heading, &KEY, env, &FLAG, default, $kind, $doc)
            };
        )*)*

        /// Every setting, in the order in which they are documented.
        pub const ALL: &[&Setting] = &[$($(&$name,)*)*];
    };
}

settings! {
    "The gRPC API" {
        GRPC_ADDR = "127.0.0.1:50051", Kind::Address,
            "The address of the gRPC API. Any other than a loopback address needs a policy (`identity.policy_file`) or \
             `grpc.insecure_allow_remote`.";
        GRPC_INSECURE_ALLOW_REMOTE = "false", Kind::Switch,
            "Allows other machines to reach `grpc.addr` although there is no policy: everyone who can connect acts \
             with your Grid account. For a sandbox in a container, or a network that admits only your own services. \
             Has no effect with a policy.";
        GRPC_TLS_CERTIFICATE, Kind::File,
            "A PEM file with the certificate of the gRPC port and its intermediate CAs. With it, the port speaks TLS \
             only. gridgate reads the file again when it changes.";
        GRPC_TLS_KEY, Kind::File,
            "A PEM file with the private key of `grpc.tls_certificate`, not encrypted. gridgate reads it again when it \
             changes.";
        GRPC_TLS_CLIENT_CA, Kind::File,
            "A PEM file with CA certificates. The gRPC port then asks clients for a certificate and verifies it \
             against them. Needs `grpc.tls_certificate`.";
        GRPC_TLS_CLIENT_CERTIFICATES = "required", CLIENT_CERTIFICATES,
            "Whether clients must send a certificate, where `grpc.tls_client_ca` is set: `required` or `optional`. \
             `optional` also admits clients without a certificate; one that is sent must be valid.";
        GRPC_MAX_CONNECTIONS = "1024", NUMBER,
            "How many gRPC connections may be open at once. gridgate refuses further ones before it serves anything on \
             them, so that their clients can try another replica.";
        GRPC_MAX_CONCURRENT_STREAMS = "1024", NUMBER,
            "How many calls may be open at once on one gRPC connection (HTTP/2's `SETTINGS_MAX_CONCURRENT_STREAMS`).";
        GRPC_MAX_CONNECTION_AGE = "60m", DURATION_OR_ZERO,
            "The age at which gridgate asks a client to make a new gRPC connection (GOAWAY), less a random tenth, so \
             that connections spread over replicas and no client certificate is used for much longer. Open calls go \
             on; open streams of WatchKycStatus end with a request to reconnect. `0s`: no limit.";
        GRPC_MAX_CONNECTION_AGE_GRACE = "11m", DURATION,
            "How long calls may go on on a connection that has reached its age. Then gridgate cuts it. Keep this above \
             `grpc.max_deadline`, and no call is cut.";
        GRPC_MAX_CALLS = "256", NUMBER,
            "How many calls that need Grid are served at once. Use the value of `grid.max_concurrent_calls`: more \
             would only wait there. Uploads have the same limit of their own, and so have calls that are answered from \
             the event log. gridgate refuses further calls with RESOURCE_EXHAUSTED and says when to retry.";
        GRPC_MAX_CALL_WAIT = "100ms", DURATION_OR_ZERO,
            "How long a call waits while `grpc.max_calls` are served. Once calls have been waiting for longer than \
             this without a break, further ones do not wait at all. `0s`: no call waits.";
        GRPC_MAX_STREAMS = "20000", NUMBER,
            "How many streams (WatchKycStatus, reflection) may be open at once on all connections together. gridgate \
             refuses further ones with RESOURCE_EXHAUSTED. Health checks do not count.";
        GRPC_MAX_HEADER_SIZE = "16KiB", Kind::Size(Bounds::new(1024, 16 * MIB)),
            "The maximum size of a call's headers, as HTTP/2 counts it (each field's text and 32 bytes).";
        GRPC_MAX_REQUEST_SIZE = "4MiB", SIZE,
            "The maximum size of one message from a caller, after decompression. Uploads consist of many messages, so \
             it does not limit them.";
        GRPC_MAX_RESPONSE_SIZE = "4MiB", SIZE,
            "The maximum size of one message to a caller. Most gRPC clients refuse more than 4 MiB.";
        GRPC_KEEPALIVE_INTERVAL = "60s", DURATION_OR_ZERO,
            "The interval of the HTTP/2 pings that check whether the peer of a gRPC connection is alive. `0s`: no \
             pings.";
        GRPC_KEEPALIVE_TIMEOUT = "20s", DURATION,
            "How long the peer may take to answer a keepalive ping before gridgate closes the connection.";
        GRPC_DEFAULT_DEADLINE = "30s", DURATION,
            "The deadline of a call without `grpc-timeout`. It limits the whole call, with its retries to Grid.";
        GRPC_UPLOAD_DEADLINE = "120s", DURATION,
            "The deadline of an upload (a call with a stream of requests) without `grpc-timeout`.";
        GRPC_MAX_DEADLINE = "10m", DURATION,
            "The longest deadline of a call. gridgate shortens a longer `grpc-timeout` to it.";
    }

    "Who may call" {
        IDENTITY_POLICY_FILE, Kind::File,
            "The policy: the callers, how each is recognised, and what each may call; see [IDENTITY.md](IDENTITY.md). \
             A caller that it does not name may call nothing. Without a policy, gridgate does not check callers, and \
             `grpc.addr` must be a loopback address.";
        IDENTITY_RELOAD_INTERVAL = "5s", DURATION,
            "How often gridgate checks whether the policy file has changed; SIGHUP makes it check now. A file with \
             mistakes is refused as a whole, and the previous policy stays in force.";
    }

    "The admin port" {
        ADMIN_ADDR = "127.0.0.1:9090", Kind::Address,
            "The address of the admin port, HTTP/1.1. It answers `/livez`, `/readyz` and `/metrics` to everyone who \
             can connect; `/log-level` and the requests of `gridgate quarantine` and `gridgate doctor` only from this \
             machine.";
        ADMIN_TLS_CERTIFICATE, Kind::File,
            "A PEM file with the certificate of the admin port and its intermediate CAs. With it, the port speaks TLS \
             only, HTTP/1.1 or HTTP/2. gridgate reads the file again when it changes.";
        ADMIN_TLS_KEY, Kind::File,
            "A PEM file with the private key of `admin.tls_certificate`, not encrypted. gridgate reads it again when \
             it changes.";
        ADMIN_TLS_CLIENT_CA, Kind::File,
            "A PEM file with CA certificates. The admin port then asks clients for a certificate and verifies it \
             against them. Needs `admin.tls_certificate`.";
        ADMIN_TLS_CLIENT_CERTIFICATES = "optional", CLIENT_CERTIFICATES,
            "Whether clients must send a certificate, where `admin.tls_client_ca` is set: `required` or `optional`. \
             `optional` also admits clients without a certificate; one that is sent must be valid.";
    }

    "TLS on every port" {
        TLS_RELOAD_INTERVAL = "10s", DURATION,
            "How often gridgate checks whether the files of certificates, keys and CAs have changed. New connections \
             use the new ones. If they cannot be used, gridgate logs why and keeps the previous ones.";
        TLS_HANDSHAKE_TIMEOUT = "10s", DURATION,
            "How long a TLS handshake may take.";
    }

    "Grid" {
        GRID_BASE_URL = "https://api.lightspark.com/grid/2025-10-13" as "LIGHTSPARK_GRID_BASE_URL", Kind::Url,
            "The URL of Grid's API, with its version. Plain `http` is allowed to loopback only, unless \
             `grid.insecure_allow_http`.";
        GRID_INSECURE_ALLOW_HTTP = "false", Kind::Switch,
            "Allows `grid.base_url` to be plain `http` to another machine. Credentials and personal data then cross \
             the network unencrypted: for a sandbox in a neighbouring container.";
        GRID_CLIENT_ID as "GRID_CLIENT_ID", Kind::Text,
            "The client id of your Grid API token. Required, except with `--sandbox`.";
        GRID_CLIENT_SECRET as "GRID_CLIENT_SECRET", Kind::Secret,
            "The client secret of your Grid API token. Required (here or in a file), except with `--sandbox`. It has \
             no flag, because others can read command lines.";
        GRID_CLIENT_SECRET_FILE as "GRID_CLIENT_SECRET_FILE", Kind::File,
            "A file with the client secret, instead of the secret itself. gridgate ignores white space around it.";
        GRID_MAX_CONCURRENT_CALLS = "256", NUMBER,
            "How many requests to Grid may be under way at once. Further ones wait, within their deadline.";
        GRID_CONNECT_TIMEOUT = "5s", DURATION,
            "How long one attempt to connect to Grid may take, with TLS.";
    }

    "Uploads" {
        UPLOADS_MAX_MEMORY = "256MiB", UPLOADS_SIZE,
            "How much memory all documents that are being uploaded may take together; at least one document, 10 MiB. \
             gridgate refuses further uploads with RESOURCE_EXHAUSTED.";
    }

    "Webhooks" {
        WEBHOOK_ADDR = "127.0.0.1:8080", Kind::Address,
            "The address of the webhook endpoint, HTTP/1.1. It is the only port meant for the internet, behind a proxy \
             that speaks TLS.";
        WEBHOOK_PATH = "/webhooks/grid", Kind::Text,
            "The path of the webhook URL that is registered with Grid.";
        WEBHOOK_PUBLIC_KEYS as "GRID_WEBHOOK_PUBKEY", Kind::Pem,
            "Grid's public key for webhooks, from its dashboard: PEM, with line breaks or with `\\n` in their places. \
             Write several one after the other while a key is being rotated: gridgate accepts all of them, or names \
             the first that it cannot read. Without a key, gridgate accepts no webhooks and learns statuses only by \
             asking Grid. With `--sandbox`, it uses the sandbox's key.";
        WEBHOOK_RELAY_URL, Kind::Url,
            "The URL to which gridgate passes webhooks that are not about KYC, with body and signature unchanged; Grid \
             gets its response. Without it, gridgate answers pending payments with 503, so that Grid retries them, and \
             acknowledges all others.";
        WEBHOOK_TLS_CERTIFICATE, Kind::File,
            "A PEM file with the certificate of the webhook endpoint and its intermediate CAs. With it, the port \
             speaks TLS only, HTTP/1.1 or HTTP/2. gridgate reads the file again when it changes.";
        WEBHOOK_TLS_KEY, Kind::File,
            "A PEM file with the private key of `webhook.tls_certificate`, not encrypted. gridgate reads it again when \
             it changes.";
    }

    "The event log" {
        EVENT_LOG = "sqlite:gridgate-data/events.db", Kind::Text,
            "The location of the event log. `sqlite:` and a path: a file on a local disk, for one process, in a folder \
             that exists (gridgate creates only `gridgate-data`). `nats://` (or `tls://`) and addresses separated by \
             commas: NATS servers, for several processes that share the log. `temporary`: deleted when the process \
             ends; the default with `--sandbox`.";
        EVENT_MAX_AGE = "90d", KEPT,
            "How long the event log keeps events; at least `8d`, because Grid retries webhooks for seven days and \
             gridgate recognises copies by the events it keeps. It keeps the current status of every customer for \
             ever.";
        EVENT_MAX_SIZE = "10GiB", LOG_SIZE,
            "The maximum size of the event log; at least `16MiB`. Above it, gridgate deletes events older than eight \
             days early; if there are none, it records nothing new and answers webhooks with 503, so that Grid retries \
             them.";
    }

    "The event log on NATS" {
        NATS_PREFIX = "gridgate", Kind::Text,
            "The prefix of the event log's streams, buckets and subjects in NATS: letters, digits, `-` and `_`. \
             Replicas with the same prefix share one log.";
        NATS_REPLICAS = "3", NUMBER,
            "How many NATS servers keep a copy of the event log: 1, 3 or 5. With 3, one server may fail; with 5, two.";
        NATS_CREDENTIALS_FILE, Kind::File,
            "A NATS credentials file (`.creds`), instead of a user or a token.";
        NATS_USER, Kind::Text,
            "The user to connect to NATS as, with `nats.password`; instead of a credentials file or a token.";
        NATS_PASSWORD, Kind::Secret,
            "The password of `nats.user`.";
        NATS_TOKEN, Kind::Secret,
            "The token to connect to NATS with, instead of a credentials file or a user.";
        NATS_CA_FILE, Kind::File,
            "A PEM file with CA certificates to verify NATS servers against, instead of the system's. With it, \
             gridgate speaks only TLS to NATS, even at `nats://`.";
        NATS_CERTIFICATE_FILE, Kind::File,
            "A PEM file with the client certificate for NATS servers that ask for one, with `nats.key_file`. With it, \
             gridgate speaks only TLS to NATS, even at `nats://`.";
        NATS_KEY_FILE, Kind::File,
            "A PEM file with the private key of `nats.certificate_file`.";
    }

    "Watching" {
        WATCH_MAX_AGE = "60m", DURATION,
            "The age at which gridgate ends a WatchKycStatus stream with a request to reconnect, less a random tenth, \
             so that streams spread over replicas.";
    }

    "Reconciling" {
        RECONCILE_INTERVAL = "60s", DURATION_OR_ZERO,
            "How often gridgate asks Grid which customers have changed, to find changes without a webhook (`HOLD`, and \
             lost webhooks). `0s`: never; gridgate then misses those.";
    }

    "The sandbox" {
        SANDBOX_ADDR = "127.0.0.1:8081", Kind::Address,
            "The address of the local sandbox, for `gridgate sandbox` and `gridgate serve --sandbox`. Its API is at \
             `/grid/2025-10-13`.";
        SANDBOX_REGULATED = "false", Kind::Switch,
            "Makes the local sandbox the platform of a regulated financial institution: it creates customers approved.";
        SANDBOX_OLD_ERROR_BODIES = "false", Kind::Switch,
            "Makes the local sandbox write errors as Grid did until September 2026: `{status, code, message, details}` \
             instead of `{code, reason, details}`.";
        SANDBOX_APPROVE_AT_CREATION = "false", Kind::Switch,
            "Makes the local sandbox decide as Grid's own did until September 2026: about individuals when they are \
             created, by the end of their names (docs/SANDBOX.md).";
        SANDBOX_WEBHOOK_ENDPOINT, Kind::Url,
            "The URL to which the local sandbox sends webhooks, for example `http://127.0.0.1:8080/webhooks/grid`. \
             Without it, `gridgate sandbox` sends none, and `gridgate serve --sandbox` sends them to itself.";
        SANDBOX_WEBHOOK_DUPLICATES = "0", Kind::Number(Bounds::new(0, 100)),
            "How many more times the local sandbox sends each webhook, at once and with the same id; at most 100.";
        SANDBOX_WEBHOOK_REORDER = "0", NUMBER_OR_ZERO,
            "How many webhooks the local sandbox collects, for at most two seconds, to send them in reverse order.";
        SANDBOX_WEBHOOK_DELAY = "0s", DURATION_OR_ZERO,
            "How long the local sandbox holds each webhook back, in whole seconds.";
        SANDBOX_WEBHOOK_DROP_PERCENT = "0", Kind::Percent,
            "The percentage of webhooks, picked at random, that the local sandbox never sends.";
        SANDBOX_ANSWER_DELAY = "0s", Kind::Duration(Bounds::new(Duration::ZERO, Duration::from_secs(600))),
            "How long the local sandbox waits before it answers a request; at most ten minutes.";
        SANDBOX_ANSWER_429_PERCENT = "0", Kind::Percent,
            "The percentage of requests, picked at random, that the local sandbox refuses with 429 and `Retry-After: \
             1`.";
        SANDBOX_ANSWER_503_PERCENT = "0", Kind::Percent,
            "The percentage of requests, picked at random, that the local sandbox answers with 503 without acting.";
    }

    "Logs" {
        LOG_FORMAT = "human", Kind::Word(&["human", "json"]),
            "The format of log lines on standard error: `human`, or `json` with one object per line.";
        LOG_LEVEL = "info", Kind::Filter,
            "Which lines are logged: `error`, `warn`, `info`, `debug`, `trace` or `off`; or by module, \
             `info,gridgate::grid=debug`.";
    }

    "Traces" {
        TRACES_OTLP_ENDPOINT as "OTEL_EXPORTER_OTLP_ENDPOINT", Kind::Url,
            "The OpenTelemetry collector that receives the traces, such as `http://localhost:4318`; over HTTP, \
             gridgate adds `/v1/traces`. Without it, gridgate makes no traces and passes `traceparent` on unchanged. \
             [TELEMETRY.md](TELEMETRY.md#opentelemetrys-variables) lists OpenTelemetry's variables and what gridgate \
             does with each; for a wrong one it logs a warning and starts anyway.";
        TRACES_OTLP_PROTOCOL = "http/protobuf" as "OTEL_EXPORTER_OTLP_PROTOCOL", Kind::Word(&["http/protobuf", "grpc"]),
            "The protocol of the collector: `http/protobuf`, usually on port 4318, or `grpc`, on 4317.";
    }

    "When it is ready" {
        READY_NEEDS_GRID = "false", Kind::Switch,
            "Whether gridgate becomes ready only after Grid has accepted its credentials (`GET /config`), so that a \
             rollout with wrong ones stops. It asks at start only: when Grid fails later, removing every replica would \
             not help.";
        READY_NEEDS_RECORDING = "false", Kind::Switch,
            "Whether gridgate is ready only while its event log records: not while the disk or the log is full, or its \
             store refuses writes. Otherwise `/readyz` stays 200 and reports it, because calls that need no event log \
             still work.";
    }

    "Threads" {
        THREADS_PER_CORE = "true", Kind::Switch,
            "Gives each core a thread of its own for the connections of the gRPC and the webhook port. A connection stays \
             on its thread, with its calls to Grid, so that threads need not wake each other; new connections go to \
             the thread that has the fewest. `false`: all threads share all connections, which uses all cores even if \
             there is only one busy connection.";
    }

    "Shutting down" {
        SHUTDOWN_GRACE_PERIOD = "25s", DURATION,
            "How long calls may take to finish after SIGTERM, `shutdown.drain_delay` included. Then gridgate cuts \
             them. Keep it below the time after which your platform kills the process (Kubernetes: 30 s).";
        SHUTDOWN_DRAIN_DELAY = "0s", DURATION_OR_ZERO,
            "How long gridgate goes on accepting calls after SIGTERM, while it already reports not ready, so that a \
             mesh or load balancer can notice. In Kubernetes 5s is usual.";
    }

    "Whom to call, and as whom" {
        CLIENT_URL, Kind::Url,
            "The gridgate to call, such as `https://gridgate.internal:50051`. Without it, the one on this machine at \
             `grpc.addr`: with TLS if `grpc.tls_certificate` or `client.tls_ca` is set.";
        CLIENT_TOKEN_FILE, Kind::File,
            "A file with the bearer token to call with. gridgate ignores white space around it.";
        CLIENT_TLS_CA, Kind::File,
            "A PEM file with CA certificates to verify the server's certificate against, the admin port's too. Without \
             it, gridgate uses the system's.";
        CLIENT_TLS_CERTIFICATE, Kind::File,
            "A PEM file with the client certificate to call with and its intermediate CAs.";
        CLIENT_TLS_KEY, Kind::File,
            "A PEM file with the private key of `client.tls_certificate`, not encrypted.";
        CLIENT_TLS_SERVER_NAME, Kind::Text,
            "The name that the server's certificate must have, if it is not the host of `client.url`; `localhost` for \
             the one on this machine.";
    }
}

/// Which settings a command has flags for.
#[derive(Debug, Clone, Copy)]
pub enum Scope {
    /// All but those of this section.
    AllBut(&'static str),
    /// Those whose keys begin so, in this order.
    Beginning(&'static [&'static str]),
}

impl Scope {
    /// The settings, in the order of the help.
    #[must_use]
    pub fn settings(self) -> Vec<&'static Setting> {
        let all = || ALL.iter().copied();
        match self {
            Scope::AllBut(section) => all().filter(|setting| setting.section() != section).collect(),
            Scope::Beginning(starts) => {
                starts.iter().flat_map(|start| all().filter(move |setting| setting.key.starts_with(start))).collect()
            }
        }
    }
}

/// `gridgate serve`.
pub const OF_SERVE: Scope = Scope::AllBut("client");
/// `gridgate sandbox`.
pub const OF_SANDBOX: Scope = Scope::Beginning(&["sandbox.", "grid.client_", "log."]);
/// `gridgate healthcheck` and `gridgate watch`.
pub const OF_CALLERS: Scope = Scope::Beginning(&["grpc.addr", "grpc.tls_certificate", "client."]);
/// `gridgate quarantine`.
pub const OF_ADMIN_CALLERS: Scope = Scope::Beginning(&["admin.addr", "admin.tls_certificate", "client.tls_"]);
/// `gridgate log`.
pub const OF_LOGS: Scope = Scope::Beginning(&["event.max_size", "nats."]);
/// `gridgate doctor`; it reads all that `gridgate serve` reads.
pub const OF_DOCTOR: Scope = Scope::Beginning(&[
    "grpc.addr",
    "client.url",
    "client.tls_",
    "admin.addr",
    "admin.tls_certificate",
    "grid.base_url",
    "grid.insecure_allow_http",
    "grid.client_",
    "grid.connect_timeout",
    "webhook.addr",
    "webhook.path",
]);
