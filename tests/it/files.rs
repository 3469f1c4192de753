//! Files that operators name: what is no file, what editors leave in one, and folders that are not there.

use crate::support::process::{Ended, Process};
use gridgate::config::{Config, Sources, Upstream};
use secrecy::ExposeSecret as _;

async fn run(args: &[&str], env: &[(&str, &str)]) -> Ended {
    Process::start(args, env).ended().await
}

#[tokio::test]
async fn what_has_no_end_is_not_read_to_it() {
    let directory = tempfile::tempdir().unwrap();
    let pipe = directory.path().join("pipe");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let large = directory.path().join("large.toml");
    std::fs::File::create(&large).unwrap().set_len(1 << 40).unwrap();
    let folder = directory.path().to_str().unwrap();
    let (pipe, large) = (pipe.to_str().unwrap(), large.to_str().unwrap());
    for (path, why) in [
        ("/dev/zero", "is a device or a pipe, not a regular file"),
        (pipe, "is a device or a pipe, not a regular file"),
        (folder, "is a folder"),
        (large, "is larger"),
    ] {
        let account = [("GRID_CLIENT_ID", "id"), ("GRIDGATE_EVENT_LOG", "temporary")];
        let secret = [&account[..], &[("GRID_CLIENT_SECRET_FILE", path)]].concat();
        let (config, ca) = (format!("--config={path}"), format!("--client-tls-ca={path}"));
        for (args, env) in [
            (&["serve", "--sandbox", &config][..], &[][..]),
            (&["serve"], &secret),
            (&["healthcheck", &ca], &[]),
            (&["policy", path], &[]),
        ] {
            let Ended { status, stderr, .. } = run(args, env).await;
            assert_eq!(status.code(), Some(2), "{args:?}: {stderr}");
            assert!(stderr.contains(path) && stderr.contains(why), "{args:?}: {stderr}");
        }
    }
}

#[tokio::test]
async fn the_folder_of_a_log_is_made_only_where_none_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let missing = directory.path().join("missing");
    let ports = [
        "--grpc-addr=127.0.0.1:0",
        "--webhook-addr=127.0.0.1:0",
        "--admin-addr=127.0.0.1:0",
        "--sandbox-addr=127.0.0.1:0",
    ];
    let serve = |log: &str| {
        let log = format!("--event-log={log}");
        Process::start_in(directory.path(), &[&["serve", "--sandbox", &log], &ports[..]].concat(), &[])
    };
    for log in [format!("sqlite:{}/e.db", missing.display()), "sqlite:missing/e.db".to_owned()] {
        let Ended { status, stderr, .. } = serve(&log).ended().await;
        assert_eq!(status.code(), Some(1), "{stderr}");
        for part in ["missing", "GRIDGATE_EVENT_LOG", "there is no such folder; make it or mount it first"] {
            assert!(stderr.contains(part), "{part} is not in {stderr}");
        }
        assert_eq!(stderr.matches("cannot be opened").count(), 1, "{stderr}");
        assert!(!missing.exists());
    }
    let mut program = serve("sqlite:gridgate-data/events.db");
    program.json_line().await;
    assert!(directory.path().join("gridgate-data/events.db").exists());
    program.signal("TERM").await;
    program.ended().await;
}

#[test]
fn a_byte_order_mark_and_a_line_end_are_no_part_of_a_secret() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("secret");
    let secret = |content: &[u8]| {
        std::fs::write(&path, content).unwrap();
        let env = [("GRID_CLIENT_ID", "id"), ("GRID_CLIENT_SECRET_FILE", path.to_str().unwrap())];
        Config::load(Sources::default().with_env(env.map(|(name, value)| (name.into(), value.into()))), false).map(
            |config| match config.upstream {
                Upstream::Grid(account) => account.client_secret.expose_secret().to_owned(),
                Upstream::Sandbox { .. } => panic!("no account"),
            },
        )
    };
    for content in ["hush", "hush\n", "hush\r\n", "\u{feff}hush", "\u{feff}hush\r\n", "\u{feff}\n hush \n\n"] {
        assert_eq!(secret(content.as_bytes()).unwrap(), "hush", "{content:?}");
    }
    assert_eq!(secret("hu sh\u{feff}".as_bytes()).unwrap(), "hu sh\u{feff}", "what is inside stays");
    for (content, says) in [
        (&b""[..], "must not be empty"),
        (b"\xef\xbb\xbf\n", "must not be empty"),
        (b"hush\nhush", "line breaks"),
        (b"\xff\xfeh\0u\0s\0h\0", "is not UTF-8"),
    ] {
        let said = secret(content).unwrap_err().to_string();
        assert!(said.contains(says) && said.contains("GRID_CLIENT_SECRET_FILE"), "{said}");
        assert!(!said.contains("hush"), "{said}");
    }
    // A variable that is filled from a file brings its mark along.
    let env = [("GRID_CLIENT_ID", "\u{feff}id"), ("GRID_CLIENT_SECRET", "\u{feff}hush")];
    let Upstream::Grid(account) =
        Config::load(Sources::default().with_env(env.map(|(name, value)| (name.into(), value.into()))), false)
            .unwrap()
            .upstream
    else {
        panic!("no account")
    };
    assert_eq!((account.client_id.as_str(), account.client_secret.expose_secret()), ("id", "hush"));
}

#[test]
fn a_marked_file_of_settings_is_read() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("gridgate.toml");
    std::fs::write(&path, "\u{feff}[grpc]\r\naddr = \"127.0.0.1:7\"\r\n").unwrap();
    let config = Config::load(Sources::default().with_file(&path), true).unwrap();
    assert_eq!(config.grpc.addr.port(), 7);
}
