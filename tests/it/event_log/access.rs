//! As whom gridgate connects to NATS and whom it trusts, against servers that let in nobody else.

use std::error::Error;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use gridgate::kyc::clock::SystemClock;
use gridgate::kyc::id::Position;
use gridgate::kyc::log::Retention;
use gridgate::kyc::log::jetstream::{self, Access, JetStreamOptions, Login, OpenError};
use gridgate::kyc::log::sqlite::{self, SqliteOptions};
use gridgate::kyc::log::{EventLog, Scope};
use secrecy::SecretString;

use super::seen::{status, webhook};
use super::suite::{read_all, record};
use crate::support::certificates::{Authority, Files, Identity};
use crate::support::nats::Nats;
use crate::support::nats_operator::Operator;
use crate::support::process::{Ended, Process};

/// What no error and no line of a log may show.
const SECRET: &str = "only-for-NATS-itself";
const WRONG: &str = "nobody-knows-this-one";

/// How long opening may take on a busy machine; far less than a log is told to be patient.
const IN_TIME: Duration = Duration::from_secs(60);

/// What a server is told of TLS: its certificate, and whether it asks for one that `clients` signed.
fn tls(files: &Files, server: &Identity, clients: Option<&Authority>) -> String {
    let certificate = files.write("server.pem", &server.certificate);
    let key = files.write("server.key", &server.key);
    let clients = match clients {
        Some(authority) => format!(", ca_file: {:?}, verify: true", files.write("clients.pem", &authority.pem())),
        None => String::new(),
    };
    format!("tls {{ cert_file: {certificate:?}, key_file: {key:?}, timeout: 20{clients} }}")
}

fn with_user(name: &str, password: &str) -> Access {
    Access { login: Login::User { name: name.to_owned(), password: SecretString::from(password) }, ..Access::default() }
}

fn with_token(token: &str) -> Access {
    Access { login: Login::Token(SecretString::from(token)), ..Access::default() }
}

/// The file of a CA's certificate.
fn trusting(files: &Files, name: &str, authority: &Authority) -> Access {
    Access { ca_file: Some(files.write(name, &authority.pem()).into()), ..Access::default() }
}

/// Files of a certificate and its key.
fn pair(files: &Files, name: &str, identity: &Identity) -> Option<(PathBuf, PathBuf)> {
    let certificate = files.write(&format!("{name}.pem"), &identity.certificate);
    Some((certificate.into(), files.write(&format!("{name}.key"), &identity.key).into()))
}

/// So patient that what comes back in time was not waited for.
fn options(servers: Vec<String>, access: Access) -> JetStreamOptions {
    JetStreamOptions {
        access,
        replicas: 1,
        retention: Retention { max_bytes: 64 << 20, ..Retention::default() },
        patience: Duration::from_secs(3600),
        ..JetStreamOptions::at(servers)
    }
}

async fn open(servers: Vec<String>, access: Access) -> Result<EventLog, OpenError> {
    let opening = jetstream::open(options(servers, access), Arc::new(SystemClock));
    tokio::time::timeout(IN_TIME, opening).await.expect("opening a log takes too long")
}

/// A log that is opened like this takes an event, and another that is opened the same way has it.
async fn works(servers: &[String], access: &Access) {
    let id = format!("{:x}", fastrand::u64(..));
    let log: Arc<EventLog> = Arc::new(open(servers.to_vec(), access.clone()).await.unwrap());
    let (position, _) = record(&log, webhook(&id, &id, status("PENDING"), 1)).await;
    log.close().await;
    let again: Arc<EventLog> = Arc::new(open(servers.to_vec(), access.clone()).await.unwrap());
    let events = read_all(&again, Position::START, &Scope::ALL, 100).await;
    assert!(events.iter().any(|event| event.position == position));
    again.close().await;
}

/// The error and everything behind it, as people read it; what nobody may read is not in it.
fn told(error: &OpenError) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(&format!(": {error}"));
        cause = error.source();
    }
    let all = format!("{text} {error:?}");
    for secret in [SECRET, WRONG] {
        assert!(!all.contains(secret), "{all}");
    }
    text
}

async fn denied(servers: Vec<String>, access: Access) {
    let error = open(servers, access).await.unwrap_err();
    assert!(matches!(error, OpenError::Denied(_)), "{error:?}");
    let text = told(&error);
    assert!(text.contains("refuses the user, token or credentials: authorization violation"), "{text}");
}

async fn distrusted(servers: Vec<String>, access: Access, why: &str) {
    let error = open(servers, access).await.unwrap_err();
    assert!(matches!(error, OpenError::Tls(_)), "{error:?}");
    let text = told(&error);
    assert!(text.contains("no TLS with NATS") && text.contains(why), "{why}: {text}");
}

fn with_scheme(nats: &Nats, scheme: &str) -> Vec<String> {
    nats.servers().iter().map(|server| server.replace("nats://", scheme)).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn servers_are_trusted_by_the_ca_that_is_set() {
    let (files, ours, theirs) = (Files::new(), Authority::new("ours"), Authority::new("theirs"));
    let nats = Nats::guarded(&tls(&files, &ours.server("nats"), None)).await;
    for scheme in ["nats://", "tls://"] {
        works(&with_scheme(&nats, scheme), &trusting(&files, "ours.pem", &ours)).await;
        distrusted(with_scheme(&nats, scheme), trusting(&files, "theirs.pem", &theirs), "UnknownIssuer").await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn servers_that_ask_for_a_certificate_get_the_one_that_is_set() {
    let (files, ours, theirs) = (Files::new(), Authority::new("ours"), Authority::new("theirs"));
    let nats = Nats::guarded(&tls(&files, &ours.server("nats"), Some(&ours))).await;
    let with = |certificate| Access { certificate, ..trusting(&files, "ours.pem", &ours) };
    let (own, foreign) = (ours.client("spiffe://tests/gridgate"), theirs.client("spiffe://tests/gridgate"));
    works(&nats.servers(), &with(pair(&files, "own", &own))).await;
    distrusted(nats.servers(), with(None), "CertificateRequired").await;
    distrusted(nats.servers(), with(pair(&files, "foreign", &foreign)), "alert").await;
    let mixed = Identity { certificate: own.certificate, key: foreign.key };
    distrusted(nats.servers(), with(pair(&files, "mixed", &mixed)), "could not add certificate or key").await;
}

#[tokio::test]
async fn no_password_is_given_to_a_server_without_tls_where_a_ca_or_a_certificate_is_set() {
    let (files, ours) = (Files::new(), Authority::new("ours"));
    let nats = Nats::guarded(&format!("authorization {{ user: gridgate, password: {SECRET:?}, timeout: 20 }}")).await;
    let user = with_user("gridgate", SECRET);
    works(&nats.servers(), &user).await;
    let trusting = Access { ca_file: trusting(&files, "ours.pem", &ours).ca_file, ..user.clone() };
    let certificate = pair(&files, "own", &ours.client("spiffe://tests/gridgate"));
    for access in [trusting, Access { certificate, ..user }] {
        distrusted(nats.servers(), access, "corrupt message").await;
    }
}

#[tokio::test]
async fn files_that_cannot_be_used_are_named() {
    let (files, ours) = (Files::new(), Authority::new("ours"));
    let (good, empty) =
        (pair(&files, "own", &ours.client("spiffe://tests/gridgate")).unwrap(), files.write("empty", ""));
    let missing = files.path("missing");
    let (ca, none) = (Some(PathBuf::from(&empty)), Access::default());
    // What the client of NATS would pass over in silence: the second certificate of each.
    let (one, two) = (ours.pem(), Authority::new("theirs").pem());
    let glued = PathBuf::from(files.write("glued", &format!("{}{two}", one.trim_end())));
    let marked = PathBuf::from(files.write("marked", &format!("\u{feff}{one}{two}")));
    let indented = PathBuf::from(files.write("indented", &format!("{one}  {two}")));
    let broken = PathBuf::from(files.write("broken", &format!("{one}{}", two.replace("-----BEGIN", "----BEGIN"))));
    let trusting = |path: &PathBuf| Access { ca_file: Some(path.clone()), ..Access::default() };
    let cases = [
        (trusting(&glued), &glued, "BEGIN line is not by itself"),
        (trusting(&marked), &marked, "BEGIN line is not by itself"),
        (trusting(&indented), &indented, "BEGIN line is not by itself"),
        (trusting(&broken), &broken, "block 2 does not begin"),
        (trusting(&good.1), &good.1, "block 1 is a private key"),
        (Access { ca_file: Some(missing.clone()), ..none.clone() }, &missing, "No such file"),
        (Access { ca_file: ca, ..none.clone() }, &PathBuf::from(&empty), "holds no certificate in PEM"),
        (
            Access { certificate: Some((good.1.clone(), good.1.clone())), ..none.clone() },
            &good.1,
            "holds no certificate, but a private key",
        ),
        (
            Access { certificate: Some((good.0.clone(), good.0.clone())), ..none.clone() },
            &good.0,
            "holds no private key, but a certificate",
        ),
        (Access { login: Login::Credentials(missing.clone()), ..none.clone() }, &missing, "No such file"),
        (Access { login: Login::Credentials(good.1.clone()), ..none }, &good.1, "must hold one NATS USER JWT"),
    ];
    for (access, path, why) in cases {
        // Nobody is asked: files are looked at first.
        let error = open(vec!["nats://127.0.0.1:1".to_owned()], access).await.unwrap_err();
        assert!(matches!(error, OpenError::File { .. }), "{error:?}");
        let text = told(&error);
        assert!(text.contains(path.to_str().unwrap()) && text.contains(why), "{why}: {text}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_user_comes_in_by_the_password() {
    let nats = Nats::guarded(&format!("authorization {{ user: gridgate, password: {SECRET:?}, timeout: 20 }}")).await;
    works(&nats.servers(), &with_user("gridgate", SECRET)).await;
    for access in [with_user("gridgate", WRONG), with_user("somebody", SECRET), with_token(SECRET), Access::default()] {
        denied(nats.servers(), access).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_opens_the_door() {
    let nats = Nats::guarded(&format!("authorization {{ token: {SECRET:?}, timeout: 20 }}")).await;
    works(&nats.servers(), &with_token(SECRET)).await;
    for access in [with_token(WRONG), with_user("gridgate", SECRET), Access::default()] {
        denied(nats.servers(), access).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_credentials_file_opens_the_door_of_its_operator() {
    let (files, ours, theirs) = (Files::new(), Operator::new(), Operator::new());
    let nats = Nats::guarded(&ours.server_settings()).await;
    let with =
        |text: &str| Access { login: Login::Credentials(files.write("a.creds", text).into()), ..Access::default() };
    let own = ours.user();
    works(&nats.servers(), &with(&own)).await;
    denied(nats.servers(), with(&theirs.user())).await;
    denied(nats.servers(), Access::default()).await;
    // One user's JWT with another's seed.
    let (other, half) = (ours.user(), "-----BEGIN USER NKEY SEED-----");
    let mixed = [own.split_once(half).unwrap().0, half, other.split_once(half).unwrap().1].concat();
    denied(nats.servers(), with(&mixed)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_program_takes_all_of_it_from_its_settings_and_tells_no_secret() {
    let (files, ours, theirs) = (Files::new(), Authority::new("ours"), Authority::new("theirs"));
    let user = format!("authorization {{ user: gridgate, password: {SECRET:?}, timeout: 20 }}");
    let nats = Nats::guarded(&format!("{}\n{user}", tls(&files, &ours.server("nats"), Some(&ours)))).await;
    let (ca, wrong_ca) = (files.write("ours.pem", &ours.pem()), files.write("theirs.pem", &theirs.pem()));
    let (certificate, key) = pair(&files, "own", &ours.client("spiffe://tests/gridgate")).unwrap();
    let env = |ca: &str, password: &str| {
        let paths = [("CERTIFICATE_FILE", &certificate), ("KEY_FILE", &key)];
        let paths = paths.map(|(name, path)| (name, path.to_str().unwrap()));
        let others = [("REPLICAS", "1"), ("USER", "gridgate"), ("PASSWORD", password), ("CA_FILE", ca)];
        let all =
            paths.into_iter().chain(others).map(|(name, value)| (format!("GRIDGATE_NATS_{name}"), value.to_owned()));
        let size = ("GRIDGATE_EVENT_MAX_SIZE".to_owned(), "64MiB".to_owned());
        all.chain([size]).collect::<Vec<_>>()
    };
    let file = files.path("events.db");
    let log: Arc<EventLog> = Arc::new(sqlite::open(SqliteOptions::at(&file), Arc::new(SystemClock)).unwrap());
    record(&log, webhook("1", "a", status("PENDING"), 1)).await;
    log.close().await;
    let (file, servers) = (format!("sqlite:{}", file.display()), nats.url());
    let copied = run(&["log", "copy", &file, &servers], env(&ca, SECRET)).await;
    assert_eq!(copied.stdout, "copied 1 events\n", "{}", copied.stderr);

    let serve = ["serve", "--sandbox", "--log-level=trace", "--event-log", &servers];
    for (env, why) in [
        (env(&ca, WRONG), "NATS refuses the user, token or credentials"),
        (env(&wrong_ca, SECRET), "no TLS with NATS that both sides trust"),
    ] {
        let refused = run(&serve, env).await;
        assert_eq!(refused.status.code(), Some(1), "{}", refused.stderr);
        assert!(refused.stderr.contains(why), "{why}: {}", refused.stderr);
    }
}

async fn run(args: &[&str], env: Vec<(String, String)>) -> Ended {
    let env: Vec<(&str, &str)> = env.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let ended = Process::start(args, &env).ended().await;
    for secret in [SECRET, WRONG] {
        let told = [&ended.stdout, &ended.stderr].iter().any(|text| text.contains(secret));
        assert!(!told, "{} {}", ended.stdout, ended.stderr);
    }
    ended
}
