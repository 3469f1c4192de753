//! Configuration: which source wins, and that every mistake is reported, at once, by its name.

use gridgate::config::{
    CallerConfig, Config, ConfigError, ConfigFile, Kind, SandboxCommand, Setting, Sources, Upstream, settings,
    settings_document,
};
use gridgate::kyc::log::{IDS_KEPT, Retention};
use gridgate::telemetry::LogFormat;
use secrecy::ExposeSecret as _;
use std::ffi::OsString;
use std::io::Write as _;
use std::time::Duration;

fn sources(toml: &str, env: &[(&str, &str)]) -> Sources {
    let file = (!toml.is_empty()).then(|| ConfigFile { path: "gridgate.toml".to_owned(), text: toml.to_owned() });
    Sources { file, ..Sources::default() }.with_env(env.iter().map(|(name, value)| (name.into(), value.into())))
}

/// The least environment in which `serve` has no mistakes.
const ACCOUNT: [(&str, &str); 2] = [("GRID_CLIENT_ID", "id"), ("GRID_CLIENT_SECRET", "hush")];

fn with_account(toml: &str, env: &[(&str, &str)]) -> Sources {
    sources(toml, &[&ACCOUNT, env].concat())
}

/// The lines under the head line, one for each mistake.
fn mistakes<T>(loaded: Result<T, ConfigError>) -> Vec<String> {
    let error = loaded.err().expect("a configuration with mistakes was accepted");
    let text = error.to_string();
    let lines: Vec<String> = text.lines().skip(1).map(|line| line.trim().to_owned()).collect();
    assert_eq!(lines.len(), error.mistakes.len(), "one line each: {text}");
    lines
}

#[track_caller]
fn one_mistake<T>(loaded: Result<T, ConfigError>, parts: &[&str]) {
    let lines = mistakes(loaded);
    assert_eq!(lines.len(), 1, "{lines:#?}");
    for part in parts {
        assert!(lines[0].contains(part), "{part:?} is not in {:?}", lines[0]);
    }
}

#[test]
fn defaults_are_those_of_the_documentation() {
    let config = Config::load(with_account("", &[]), false).unwrap();
    assert_eq!(config.grpc.addr.to_string(), "127.0.0.1:50051");
    assert_eq!(config.admin_addr.to_string(), "127.0.0.1:9090");
    assert_eq!(config.grpc.deadlines.default, Duration::from_secs(30));
    assert_eq!(config.grpc.deadlines.upload, Duration::from_secs(120));
    assert_eq!(config.log.format, LogFormat::Human);
    let Upstream::Grid(account) = config.upstream else { panic!("no account") };
    assert_eq!(account.base_url, "https://api.lightspark.com/grid/2025-10-13");
    assert_eq!(account.client_id, "id");
    assert_eq!(account.client_secret.expose_secret(), "hush");

    let config = Config::load(sources("", &[]), true).unwrap();
    let Upstream::Sandbox { addr, config, .. } = config.upstream else { panic!("no sandbox") };
    assert_eq!((addr.to_string().as_str(), config.regulated), ("127.0.0.1:8081", false));
}

#[test]
fn flags_win_over_the_environment_and_that_over_the_file() {
    let toml = "[grpc]\naddr = \"127.0.0.1:1\"\nmax_connections = 0x10\n[admin]\naddr = \"127.0.0.1:1\"\n";
    let env = [("GRIDGATE_GRPC_ADDR", "127.0.0.1:2"), ("GRIDGATE_ADMIN_ADDR", "127.0.0.1:2")];
    let sources = with_account(toml, &env).with(&settings::GRPC_ADDR, "127.0.0.1:3");
    let config = Config::load(sources, false).unwrap();
    assert_eq!(config.grpc.addr.port(), 3);
    assert_eq!(config.admin_addr.port(), 2);
    assert_eq!(config.grpc.limits.max_connections, 16);
}

#[test]
fn a_value_that_is_overridden_is_not_read() {
    let sources = with_account("grpc.addr = \"nonsense\"", &[("GRIDGATE_GRPC_ADDR", "127.0.0.1:2")]);
    assert!(Config::load(sources, false).is_ok());
}

#[test]
fn an_empty_variable_is_not_set() {
    let config = Config::load(with_account("", &[("GRIDGATE_GRPC_ADDR", "")]), false).unwrap();
    assert_eq!(config.grpc.addr.port(), 50051);
    one_mistake(
        Config::load(sources("", &[("GRID_CLIENT_ID", "id"), ("GRID_CLIENT_SECRET", "")]), false),
        &["grid.client_secret", "GRID_CLIENT_SECRET", "GRID_CLIENT_SECRET_FILE"],
    );
}

#[test]
fn every_mistake_is_reported_at_once_with_its_name_and_source() {
    let toml = "[grpc]\naddr = \"localhost:1\"\nkeepalive_intervall = \"1s\"\n[log]\nformat = \"xml\"\n[nothing]\na = 1\n\
                [admin]\naddr = [1]\n";
    let env = [
        ("GRIDGATE_GRPC_MAX_CONNECTIONS", "none"),
        ("GRIDGATE_ADMIN_ADR", "127.0.0.1:1"),
        ("LIGHTSPARK_GRID_BASE_URL", "http://grid.example/"),
    ];
    let sources = sources(toml, &env).with(&settings::SHUTDOWN_DRAIN_DELAY, "1h");
    let lines = mistakes(Config::load(sources, false));
    for (number, parts) in [
        &["grpc.addr (from gridgate.toml:2)", "127.0.0.1:1"][..],
        &["grpc.keepalive_intervall (from gridgate.toml:3)", "did you mean grpc.keepalive_interval?"],
        &["log.format (from gridgate.toml:5)", "human, json"],
        &["nothing (from gridgate.toml:6)", "no such setting"],
        &["admin.addr (from gridgate.toml:9)", "text in quotes"],
        &["grpc.max_connections (from GRIDGATE_GRPC_MAX_CONNECTIONS)", "whole number"],
        &["GRIDGATE_ADMIN_ADR", "did you mean GRIDGATE_ADMIN_ADDR?"],
        &["grid.base_url (from LIGHTSPARK_GRID_BASE_URL)", "plain http"],
        &["shutdown.drain_delay (from --shutdown-drain-delay)", "grace_period"],
        &["grid.client_id", "GRID_CLIENT_ID", "--sandbox"],
        &["grid.client_secret", "GRID_CLIENT_SECRET"],
    ]
    .iter()
    .enumerate()
    {
        let found = lines.iter().any(|line| parts.iter().all(|part| line.contains(part)));
        assert!(found, "mistake {number} ({parts:?}) is not in {lines:#?}");
    }
    assert_eq!(lines.len(), 11, "{lines:#?}");
}

#[test]
fn broken_toml_is_reported_with_its_lines_and_beside_other_mistakes() {
    let toml = "[grpc]\naddr = \nmax_connections = 1\n[log]\nlevel = \"loud\"\n";
    let lines = mistakes(Config::load(with_account(toml, &[]), false));
    assert!(lines.iter().any(|line| line.starts_with("the TOML file (from gridgate.toml:2)")), "{lines:#?}");
    assert!(lines.iter().any(|line| line.starts_with("log.level (from gridgate.toml:5)")), "{lines:#?}");
}

#[test]
fn a_key_that_stands_twice_is_a_mistake() {
    let toml = "[log]\nlevel = \"info\"\nlevel = \"debug\"\n";
    one_mistake(Config::load(with_account(toml, &[]), false), &["gridgate.toml:3", "duplicate"]);
}

#[test]
fn variables_that_kubernetes_makes_up_are_no_mistakes() {
    let env = [
        ("GRIDGATE_SERVICE_HOST", "10.0.0.1"),
        ("GRIDGATE_PORT", "tcp://10.0.0.1:50051"),
        ("GRIDGATE_PORT_50051_TCP_ADDR", "10.0.0.1"),
    ];
    assert!(Config::load(with_account("", &env), false).is_ok());
}

#[test]
fn listening_for_others_needs_a_word_for_it() {
    for addr in ["0.0.0.0:50051", "[::]:50051", "10.1.2.3:50051"] {
        let sources = || with_account("", &[("GRIDGATE_GRPC_ADDR", addr)]);
        one_mistake(
            Config::load(sources(), false),
            &[
                "grpc.addr",
                "GRIDGATE_GRPC_ADDR",
                "GRIDGATE_IDENTITY_POLICY_FILE",
                "GRIDGATE_GRPC_INSECURE_ALLOW_REMOTE=true",
            ],
        );
        let with_policy = sources().with(&settings::IDENTITY_POLICY_FILE, "policy.toml");
        assert!(Config::load(with_policy, false).is_ok(), "{addr}");
        let allowed = sources().with(&settings::GRPC_INSECURE_ALLOW_REMOTE, "true");
        assert!(Config::load(allowed, false).is_ok(), "{addr}");
    }
    for addr in ["127.0.0.2:1", "[::1]:1"] {
        assert!(Config::load(with_account("", &[("GRIDGATE_GRPC_ADDR", addr)]), false).is_ok(), "{addr}");
    }
}

#[test]
fn plain_http_to_another_machine_needs_a_word_for_it() {
    let sources = || with_account("", &[("LIGHTSPARK_GRID_BASE_URL", "http://sandbox:8081/grid/2025-10-13")]);
    one_mistake(Config::load(sources(), false), &["grid.base_url", "GRIDGATE_GRID_INSECURE_ALLOW_HTTP=true"]);
    assert!(Config::load(sources().with(&settings::GRID_INSECURE_ALLOW_HTTP, "true"), false).is_ok());
    let local = with_account("", &[("LIGHTSPARK_GRID_BASE_URL", "http://127.0.0.1:8081/grid/2025-10-13")]);
    assert!(Config::load(local, false).is_ok());
}

#[test]
fn the_secret_can_be_in_a_file_but_not_in_both_places() {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    writeln!(file, "  from a file ").unwrap();
    let path = file.path().to_str().unwrap();
    let in_file = [("GRID_CLIENT_ID", "id"), ("GRID_CLIENT_SECRET_FILE", path)];

    let Upstream::Grid(account) = Config::load(sources("", &in_file), false).unwrap().upstream else { panic!() };
    assert_eq!(account.client_secret.expose_secret(), "from a file");

    one_mistake(
        Config::load(with_account("", &in_file[1..]), false),
        &["grid.client_secret_file", "GRID_CLIENT_SECRET_FILE", "only one"],
    );
    one_mistake(
        Config::load(sources("", &[("GRID_CLIENT_ID", "id"), ("GRID_CLIENT_SECRET_FILE", "/no/such/file")]), false),
        &["grid.client_secret_file", "cannot read /no/such/file"],
    );
    let empty = tempfile::NamedTempFile::new().unwrap();
    let env = [("GRID_CLIENT_ID", "id"), ("GRID_CLIENT_SECRET_FILE", empty.path().to_str().unwrap())];
    one_mistake(Config::load(sources("", &env), false), &["grid.client_secret_file", "empty"]);
}

#[test]
fn a_secret_is_in_no_message_and_in_no_debug_output() {
    let env = [
        ("GRID_CLIENT_ID", "a:b"),
        ("GRID_CLIENT_SECRET", "canary\nsecret"),
        ("LIGHTSPARK_GRID_BASE_URL", "https://user:canary@grid.example/"),
    ];
    let error = Config::load(sources("", &env), false).unwrap_err();
    assert_eq!(error.mistakes.len(), 3, "{error}");
    assert!(!format!("{error} {error:?}").contains("canary"), "{error}");

    let config = Config::load(sources("", &[("GRID_CLIENT_ID", "id"), ("GRID_CLIENT_SECRET", "canary")]), false);
    assert!(!format!("{config:?}").contains("canary"));
}

#[test]
fn with_a_sandbox_an_account_in_the_environment_is_not_looked_at() {
    let env = [("GRID_CLIENT_ID", "a:b"), ("LIGHTSPARK_GRID_BASE_URL", "nonsense")];
    let config = Config::load(sources("", &env), true).unwrap();
    assert!(matches!(config.upstream, Upstream::Sandbox { .. }));
}

#[test]
fn limits_that_contradict_each_other_are_mistakes() {
    one_mistake(
        Config::load(with_account("", &[("GRIDGATE_GRPC_MAX_DEADLINE", "60s")]), false),
        &["grpc.upload_deadline", "grpc.max_deadline"],
    );
    one_mistake(
        Config::load(with_account("", &[("GRIDGATE_UPLOADS_MAX_MEMORY", "9MiB")]), false),
        &["uploads.max_memory", "10MiB"],
    );
}

#[test]
fn client_certificates_are_asked_for_against_a_ca_or_not_at_all() {
    for section in ["GRPC", "ADMIN"] {
        let key = format!("{section}_TLS_CLIENT_CERTIFICATES").to_lowercase().replacen("_tls", ".tls", 1);
        let variable = |name: &str| format!("GRIDGATE_{section}_TLS_{name}");
        let (certificate, tls_key, needed) =
            (variable("CERTIFICATE"), variable("KEY"), variable("CLIENT_CERTIFICATES"));
        let pair = [(certificate.as_str(), "tls.crt"), (tls_key.as_str(), "tls.key")];
        for word in ["required", "optional"] {
            let set = [&pair[..], &[(needed.as_str(), word)]].concat();
            one_mistake(Config::load(with_account("", &set), false), &[&key, "has no effect", "tls_client_ca"]);
        }
        one_mistake(Config::load(with_account("", &[(needed.as_str(), "required")]), false), &[&key, "tls_client_ca"]);
        Config::load(with_account("", &pair), false).unwrap();
    }
}

#[test]
fn one_says_in_one_way_as_whom_to_connect_to_nats() {
    let log = ("GRIDGATE_EVENT_LOG", "nats://127.0.0.1:4222");
    let user = [("GRIDGATE_NATS_USER", "gridgate"), ("GRIDGATE_NATS_PASSWORD", "hush")];
    let (token, file) = (("GRIDGATE_NATS_TOKEN", "hush"), ("GRIDGATE_NATS_CREDENTIALS_FILE", "a.creds"));
    let load = |env: &[(&str, &str)]| Config::load(with_account("", &[&[log], env].concat()), false);
    for one in [&user[..], &[token], &[file], &[]] {
        load(one).unwrap();
    }
    one_mistake(load(&[user[0], user[1], token]), &["nats.token", "beside GRIDGATE_NATS_USER"]);
    one_mistake(load(&[user[0], user[1], file]), &["nats.user", "beside GRIDGATE_NATS_CREDENTIALS_FILE"]);
    one_mistake(load(&[token, file]), &["nats.token", "beside GRIDGATE_NATS_CREDENTIALS_FILE"]);
    one_mistake(load(&user[..1]), &["nats.password", "GRIDGATE_NATS_PASSWORD"]);
}

#[test]
fn keepalive_can_be_switched_off() {
    let config = Config::load(with_account("", &[("GRIDGATE_GRPC_KEEPALIVE_INTERVAL", "0s")]), false).unwrap();
    assert_eq!(config.grpc.http2.keepalive_interval, None);
}

#[test]
fn the_sandbox_takes_credentials_whole_or_not_at_all() {
    let credentials = |env: &[(&str, &str)]| {
        let config = SandboxCommand::load(sources("", env)).unwrap().config;
        (config.client_id, config.client_secret.expose_secret().to_owned())
    };
    let (id, made_up) = credentials(&[]);
    assert_eq!((id.as_str(), made_up.len()), ("sandbox", 32));
    assert_ne!(credentials(&[]).1, made_up);
    assert_eq!(credentials(&ACCOUNT), ("id".to_owned(), "hush".to_owned()));
    one_mistake(SandboxCommand::load(sources("", &ACCOUNT[..1])), &["grid.client_secret"]);
    one_mistake(SandboxCommand::load(sources("", &ACCOUNT[1..])), &["grid.client_id"]);
}

#[test]
fn the_healthcheck_asks_an_address_that_can_be_connected_to() {
    let asked = |addr| CallerConfig::load(sources("", &[("GRIDGATE_GRPC_ADDR", addr), ("GRIDGATE_TYPO", "x")]));
    assert_eq!(asked("0.0.0.0:1").unwrap().url, "http://127.0.0.1:1/");
    assert_eq!(asked("[::]:1").unwrap().url, "http://[::1]:1/");
    assert_eq!(asked("10.0.0.1:1").unwrap().url, "http://10.0.0.1:1/");
    one_mistake(asked("127.0.0.1:0"), &["grpc.addr", "port 0"]);
}

#[test]
fn whoever_calls_says_where_and_as_whom() {
    let load = |env: &[(&str, &str)]| CallerConfig::load(sources("", env));
    let with_tls = load(&[("GRIDGATE_GRPC_TLS_CERTIFICATE", "tls.crt")]).unwrap();
    assert_eq!(with_tls.url, "https://127.0.0.1:50051/");
    let mut token = tempfile::NamedTempFile::new().unwrap();
    writeln!(token, " canary ").unwrap();
    let path = token.path().to_str().unwrap();
    let elsewhere = [("GRIDGATE_CLIENT_URL", "https://gridgate.internal:50051"), ("GRIDGATE_CLIENT_TOKEN_FILE", path)];
    let config = load(&elsewhere).unwrap();
    assert_eq!(config.url, "https://gridgate.internal:50051/");
    assert_eq!(config.token.as_ref().unwrap().expose_secret(), "canary");
    assert!(!format!("{config:?}").contains("canary"), "{config:?}");
    one_mistake(load(&[("GRIDGATE_CLIENT_TOKEN_FILE", "/no/such/file")]), &["client.token_file", "/no/such/file"]);
    one_mistake(load(&[("GRIDGATE_CLIENT_TLS_KEY", path)]), &["client.tls_certificate", "client.tls_key"]);
    one_mistake(load(&[("GRIDGATE_CLIENT_TLS_CERTIFICATE", path)]), &["client.tls_key", "client.tls_certificate"]);
}

#[test]
fn serving_has_no_settings_of_those_who_call() {
    let of_clients = |setting: &&&Setting| setting.key.starts_with("client.");
    assert_eq!(settings::OF_SERVE.settings().iter().filter(of_clients).count(), 0);
    let clients = settings::ALL.iter().filter(of_clients).count();
    assert_eq!(settings::OF_SERVE.settings().len() + clients, settings::ALL.len());
}

#[cfg(unix)]
#[test]
fn a_variable_that_is_not_unicode_is_a_mistake_of_that_variable() {
    use std::os::unix::ffi::OsStringExt as _;
    let mut sources = with_account("", &[]);
    sources.env.insert("GRIDGATE_GRPC_ADDR".to_owned(), OsString::from_vec(vec![0xff]));
    one_mistake(Config::load(sources, false), &["grpc.addr", "GRIDGATE_GRPC_ADDR", "Unicode"]);
}

#[test]
fn every_word_that_a_setting_allows_is_understood() {
    // Some words need others beside them.
    let needed = [
        (&settings::GRPC_TLS_CERTIFICATE, "tls.crt"),
        (&settings::GRPC_TLS_KEY, "tls.key"),
        (&settings::GRPC_TLS_CLIENT_CA, "ca.crt"),
        (&settings::ADMIN_TLS_CERTIFICATE, "tls.crt"),
        (&settings::ADMIN_TLS_KEY, "tls.key"),
        (&settings::ADMIN_TLS_CLIENT_CA, "ca.crt"),
    ];
    for setting in settings::ALL {
        let Kind::Word(words) = setting.kind else { continue };
        for word in words {
            let sources =
                needed.iter().fold(with_account("", &[]), |sources, (setting, file)| sources.with(setting, *file));
            let loaded = Config::load(sources.with(setting, *word), false);
            assert!(loaded.is_ok(), "{} = {word}: {loaded:?}", setting.key);
        }
    }
}

#[test]
fn names_follow_one_pattern() {
    for Setting { key, env, flag, .. } in settings::ALL {
        if let Some(flag) = flag {
            assert_eq!(*flag, key.replace(['.', '_'], "-"));
        }
        if env.starts_with("GRIDGATE_") {
            assert_eq!(*env, format!("GRIDGATE_{}", key.replace('.', "_").to_uppercase()));
        } else {
            let borrowed = env.starts_with("GRID_") || env.starts_with("OTEL_");
            assert!(borrowed || *env == "LIGHTSPARK_GRID_BASE_URL", "{env}");
        }
    }
}

/// `UPDATE_DOCS=1 cargo test` writes the file anew.
#[test]
fn the_settings_are_documented_as_they_are() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/SETTINGS.md");
    let expected = settings_document();
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(path, &expected).unwrap();
    }
    let written = std::fs::read_to_string(path).unwrap_or_default();
    assert!(written == expected, "docs/SETTINGS.md is not what the settings table says: UPDATE_DOCS=1 writes it anew");
}

#[test]
fn events_are_kept_as_long_as_grid_may_repeat_them_at_least() {
    let config = Config::load(with_account("", &[]), false).unwrap();
    assert_eq!(config.events.retention, Retention { max_age: Duration::from_secs(90 * 86_400), max_bytes: 10 << 30 });
    let kept = |age| Config::load(with_account("", &[("GRIDGATE_EVENT_MAX_AGE", age)]), false);
    assert_eq!(kept("8d").unwrap().events.retention.max_age, IDS_KEPT);
    assert_eq!(kept("192h").unwrap().events.retention.max_age, IDS_KEPT);
    one_mistake(kept("7d"), &["event.max_age", "GRIDGATE_EVENT_MAX_AGE", "8d", "seven days"]);
    one_mistake(kept("191h59m"), &["event.max_age", "8d"]);
    one_mistake(kept("soon"), &["event.max_age", "90d"]);
    let toml = "[event]\nmax_size = \"15MiB\"";
    one_mistake(Config::load(with_account(toml, &[]), false), &["event.max_size", "gridgate.toml:2", "16MiB"]);
}

#[test]
fn what_goes_wrong_in_the_sandbox_has_bounds() {
    let quiet = SandboxCommand::load(sources("", &[])).unwrap().config;
    assert_eq!((quiet.webhook_faults.duplicates, quiet.faults.len(), quiet.webhook_endpoint), (0, 0, None));
    let set = |name: &'static str, value: &str| SandboxCommand::load(sources("", &[(name, value)]));
    for (name, key, wrong) in [
        ("GRIDGATE_SANDBOX_WEBHOOK_DUPLICATES", "sandbox.webhook_duplicates", "101"),
        ("GRIDGATE_SANDBOX_WEBHOOK_DELAY", "sandbox.webhook_delay", "1500ms"),
        ("GRIDGATE_SANDBOX_WEBHOOK_DROP_PERCENT", "sandbox.webhook_drop_percent", "101"),
        ("GRIDGATE_SANDBOX_WEBHOOK_ENDPOINT", "sandbox.webhook_endpoint", "ftp://x/"),
        ("GRIDGATE_SANDBOX_ANSWER_DELAY", "sandbox.answer_delay", "11m"),
    ] {
        one_mistake(set(name, wrong), &[key, name]);
    }
    let both = [("GRIDGATE_SANDBOX_ANSWER_429_PERCENT", "60"), ("GRIDGATE_SANDBOX_ANSWER_503_PERCENT", "41")];
    one_mistake(
        SandboxCommand::load(sources("", &both)),
        &["sandbox.answer_503_percent", "sandbox.answer_429_percent"],
    );
}

#[test]
fn a_key_for_webhooks_may_have_line_breaks() {
    let pem = "-----BEGIN PUBLIC KEY-----\nMF\n-----END PUBLIC KEY-----\n";
    for (toml, env) in [
        (String::new(), vec![("GRID_WEBHOOK_PUBKEY", pem)]),
        (format!("[webhook]\npublic_keys = \"\"\"\n{pem}\"\"\""), vec![]),
    ] {
        let config = Config::load(with_account(&toml, &env), false).unwrap();
        assert_eq!(config.webhook.public_keys.as_deref(), Some(pem));
    }
}

#[test]
fn broken_syntax_is_the_only_mistake_of_its_file() {
    for toml in [
        "[grpc\naddr = \"127.0.0.1:0\"\n",
        "[grpc]\naddr = 127.0.0.1:0\n",
        "[grpc]\naddr = \"127.0.0.1:0\n",
        "[grpc]\naddr := \"127.0.0.1:0\"\nanother = 1\n",
    ] {
        // Without an account, which the file may have meant to set.
        for line in mistakes(Config::load(sources(toml, &[]), false)) {
            assert!(line.starts_with("the TOML file (from gridgate.toml:"), "{toml}: {line}");
        }
    }
    // What others say is reported all the same.
    let lines = mistakes(Config::load(with_account("[grpc\n", &[("GRIDGATE_ADMIN_ADDR", "here")]), false));
    assert!(lines.iter().any(|line| line.starts_with("admin.addr")), "{lines:#?}");
}

#[test]
fn what_a_log_can_be_is_said_whole() {
    one_mistake(
        Config::load(with_account("", &[("GRIDGATE_EVENT_LOG", "/var/events.db")]), false),
        &["event.log", "sqlite:/var/lib", "nats://", "or temporary"],
    );
}
