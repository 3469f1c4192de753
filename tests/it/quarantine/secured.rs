//! An admin port that speaks TLS, and asks for certificates.

use gridgate::config::{Config, settings};
use reqwest::{Certificate, Client};

use crate::support::app::{TestApp, free_ports};
use crate::support::certificates::{Authority, Files};
use crate::support::process::{Ended, Process};
use crate::support::soon;

struct Secured {
    app: TestApp,
    servers: Authority,
    /// The variables that the commands and the server share.
    env: Vec<(&'static str, String)>,
    _files: Files,
}

impl Secured {
    /// Clients have to show a certificate, or may.
    async fn start(client_certificates: &str) -> Self {
        let (files, servers, clients) = (Files::new(), Authority::new("servers"), Authority::new("clients"));
        let (server, client) = (servers.server("first"), clients.client("spiffe://example.org/operator"));
        let (certificate, key) = (files.write("tls.crt", &server.certificate), files.write("tls.key", &server.key));
        let sources = free_ports()
            .with(&settings::ADMIN_TLS_CERTIFICATE, &certificate)
            .with(&settings::ADMIN_TLS_KEY, key)
            .with(&settings::ADMIN_TLS_CLIENT_CA, files.write("clients.pem", &clients.pem()))
            .with(&settings::ADMIN_TLS_CLIENT_CERTIFICATES, client_certificates);
        let app = TestApp::start(Config::load(sources, true).unwrap()).await;
        let env = vec![
            ("GRIDGATE_ADMIN_ADDR", app.addresses.admin.to_string()),
            ("GRIDGATE_ADMIN_TLS_CERTIFICATE", certificate),
            ("GRIDGATE_CLIENT_TLS_CA", files.write("servers.pem", &servers.pem())),
            ("GRIDGATE_CLIENT_TLS_CERTIFICATE", files.write("client.crt", &client.certificate)),
            ("GRIDGATE_CLIENT_TLS_KEY", files.write("client.key", &client.key)),
        ];
        Secured { app, servers, env, _files: files }
    }

    /// Lists, without some of the variables and with some others.
    async fn list(&self, without: &[&str], with: &[(&'static str, &str)]) -> Ended {
        let kept =
            self.env.iter().filter(|(name, _)| !without.contains(name)).map(|(name, value)| (*name, value.as_str()));
        let env: Vec<_> = kept.chain(with.iter().copied()).collect();
        Process::start(&["quarantine", "list"], &env).ended().await
    }
}

#[tokio::test]
async fn the_command_speaks_tls_with_the_settings_of_callers() {
    let secured = Secured::start("required").await;
    let ended = secured.list(&[], &[]).await;
    assert_eq!(
        (ended.status.code(), ended.stdout.as_str()),
        (Some(0), "nothing is in quarantine\n"),
        "{}",
        ended.stderr
    );
    for name in ["first", "127.0.0.1"] {
        let ended = secured.list(&[], &[("GRIDGATE_CLIENT_TLS_SERVER_NAME", name)]).await;
        assert_eq!(ended.status.code(), Some(0), "{name}: {}", ended.stderr);
    }
    secured.app.stop().await.unwrap();
}

#[tokio::test]
async fn what_is_missing_is_named() {
    let secured = Secured::start("required").await;
    let elsewhere = [("GRIDGATE_CLIENT_TLS_SERVER_NAME", "elsewhere.example")];
    let another = [("GRIDGATE_CLIENT_TLS_SERVER_NAME", "10.0.0.1")];
    let key = ["GRIDGATE_CLIENT_TLS_CERTIFICATE", "GRIDGATE_CLIENT_TLS_KEY"];
    for (without, with, code, parts) in [
        (&["GRIDGATE_ADMIN_TLS_CERTIFICATE"][..], &[][..], 1, &["http://", "GRIDGATE_ADMIN_TLS_CERTIFICATE"][..]),
        (&["GRIDGATE_CLIENT_TLS_CA"], &[], 1, &["https://", "UnknownIssuer", "GRIDGATE_CLIENT_TLS_CA"]),
        (&[], &elsewhere, 1, &["not valid for name", "GRIDGATE_CLIENT_TLS_SERVER_NAME"]),
        (&[], &another, 1, &["client.tls_server_name", "10.0.0.1"]),
        (&key, &[], 1, &["CertificateRequired"]),
        (&key[1..], &[], 2, &["client.tls_key", "client.tls_certificate"]),
    ] {
        let ended = secured.list(without, with).await;
        assert_eq!(ended.status.code(), Some(code), "{without:?} {with:?}: {}", ended.stderr);
        for part in parts {
            assert!(ended.stderr.contains(part), "{part}: {}", ended.stderr);
        }
    }
    secured.app.stop().await.unwrap();
}

#[tokio::test]
async fn tools_are_let_in_over_http_2_and_web_pages_are_not() {
    let secured = Secured::start("optional").await;
    let admin = secured.app.addresses.admin;
    let ca = Certificate::from_pem(secured.servers.pem().as_bytes()).unwrap();
    // The name that the certificate has is made to point here.
    let client =
        Client::builder().tls_certs_only([ca]).http2_prior_knowledge().resolve("first", admin).build().unwrap();
    for (host, status) in [("localhost", 200), ("127.0.0.1", 200), ("first", 403)] {
        let asked = client.get(format!("https://{host}:{}/quarantine", admin.port())).send();
        let answer = soon("an answer", asked).await.unwrap();
        assert_eq!((answer.version(), answer.status().as_u16()), (http::Version::HTTP_2, status), "{host}");
    }
    secured.app.stop().await.unwrap();
}
