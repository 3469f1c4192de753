//! The files of certificates and keys: every block counts, and what cannot be used is named.

use super::{Setup, code, connect};
use crate::support::certificates::{Authority, Identity};
use crate::support::raw_grpc::RawClient;
use gridgate::config::{Config, settings};
use gridgate::server::{App, BindError};
use tonic::Code;

#[tokio::test]
async fn certificates_that_cannot_be_used_are_named_with_their_setting() {
    let setup = Setup::new();
    let other = setup.files.write("other.key", &setup.authority.server("other").key);
    let nonsense = setup.files.write("nonsense.pem", "nonsense");
    let missing = setup.files.path("missing.pem").to_str().unwrap().to_owned();
    let (one, two) = (Authority::new("one").pem(), Authority::new("two").pem());
    let half = setup.files.write("half.pem", &format!("{one}{}", two.replace("-----BEGIN", "----BEGIN")));
    let cut = setup.files.write("cut.pem", &format!("{one}{}", two.replace("-----END CERTIFICATE-----", "")));
    let with_key = setup.files.write("with.pem", &format!("{one}{}", setup.authority.server("other").key));
    let parameters = "-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n";
    let parameters = setup.files.write("parameters.key", parameters);
    let encrypted = "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n";
    let encrypted = setup.files.write("encrypted.key", encrypted);
    let certificate = setup.files.write("only.crt", &one);
    for (setting, value, parts) in [
        (&settings::GRPC_TLS_CLIENT_CA, &half, ["half.pem", "block 2 does not begin", "GRIDGATE_GRPC_TLS_CLIENT_CA"]),
        (&settings::GRPC_TLS_CLIENT_CA, &cut, ["cut.pem", "block 2 has no end line", "GRIDGATE_GRPC_TLS_CLIENT_CA"]),
        (
            &settings::GRPC_TLS_CLIENT_CA,
            &with_key,
            ["with.pem", "block 2 is a private key", "GRIDGATE_GRPC_TLS_CLIENT_CA"],
        ),
        (
            &settings::GRPC_TLS_CERTIFICATE,
            &half,
            ["half.pem", "block 2 does not begin", "GRIDGATE_GRPC_TLS_CERTIFICATE"],
        ),
        (
            &settings::GRPC_TLS_CERTIFICATE,
            &encrypted,
            ["encrypted.key", "no certificate", "GRIDGATE_GRPC_TLS_CERTIFICATE"],
        ),
        (
            &settings::GRPC_TLS_KEY,
            &encrypted,
            ["encrypted.key", "is an encrypted private key", "GRIDGATE_GRPC_TLS_KEY"],
        ),
        (
            &settings::GRPC_TLS_KEY,
            &parameters,
            ["parameters.key", "no private key, but parameters", "GRIDGATE_GRPC_TLS_KEY"],
        ),
        (
            &settings::GRPC_TLS_KEY,
            &certificate,
            ["only.crt", "no private key, but a certificate", "GRIDGATE_GRPC_TLS_KEY"],
        ),
        (&settings::GRPC_TLS_KEY, &other, ["other.key", "cannot be used together", "GRIDGATE_GRPC_TLS_CERTIFICATE"]),
        (&settings::GRPC_TLS_KEY, &nonsense, ["nonsense.pem", "private key", "GRIDGATE_GRPC_TLS_KEY"]),
        (
            &settings::GRPC_TLS_CERTIFICATE,
            &nonsense,
            ["nonsense.pem", "no certificate in PEM", "GRIDGATE_GRPC_TLS_CERTIFICATE"],
        ),
        (&settings::GRPC_TLS_CERTIFICATE, &missing, ["missing.pem", "cannot read", "GRIDGATE_GRPC_TLS_CERTIFICATE"]),
        (
            &settings::GRPC_TLS_CLIENT_CA,
            &nonsense,
            ["nonsense.pem", "no certificate in PEM", "GRIDGATE_GRPC_TLS_CLIENT_CA"],
        ),
    ] {
        let sources = setup.sources().with(setting, value);
        let error = App::bind(Config::load(sources, true).unwrap()).await.err().unwrap();
        assert!(matches!(error, BindError::Tls { .. }), "{error:?}");
        let text = error.to_string();
        for part in parts {
            assert!(text.contains(part), "{part} is not in {text}");
        }
    }
}

#[tokio::test]
async fn every_block_of_a_file_counts_however_it_was_pasted() {
    let (one, two) = (Authority::new("one"), Authority::new("two"));
    for between in ["", ",", " ", "\u{feff}", "\n    "] {
        let mut setup = Setup::new();
        let pasted = format!("\u{feff}{}{between}{}", one.pem().trim_end(), two.pem());
        let cas = setup.files.write("clients.pem", &pasted);
        // The server's own, too: the key and what is before it in one file, with the line ends of Windows.
        let Identity { certificate, key } = setup.authority.server("first");
        let parameters = "-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n";
        let all = format!("\u{feff}{parameters}{}{}", key.trim_end(), certificate).replace('\n', "\r\n");
        let all = setup.files.write("all.pem", &all);
        setup.set = vec![(&settings::GRPC_TLS_CERTIFICATE, all.clone()), (&settings::GRPC_TLS_KEY, all)];
        let setup = setup.with(&settings::GRPC_TLS_CLIENT_CA, &cas);
        let app = setup.start().await;
        for clients in [&one, &two] {
            let client = clients.client("spiffe://example.org/a");
            let stream = connect(app.addresses.grpc, setup.client(Some(&client))).await.unwrap();
            assert_eq!(code(&mut RawClient::over(stream).await).await, Code::Ok, "{between:?}");
        }
        app.stop().await.unwrap();
    }
}
