//! An operator of NATS, who vouches for accounts, which vouch for users: JWTs signed with nkeys, as `nsc` makes them.

use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use nkeys::KeyPair;
use serde_json::{Value, json};

/// An operator with one account that may use JetStream.
pub struct Operator {
    key: KeyPair,
    account: KeyPair,
}

impl Operator {
    pub fn new() -> Operator {
        Operator { key: KeyPair::new_operator(), account: KeyPair::new_account() }
    }

    /// What makes a server trust it. JetStream needs an account for the servers themselves besides.
    pub fn server_settings(&self) -> String {
        let servers = KeyPair::new_account();
        let operator = sign(&self.key, &self.key, json!({ "type": "operator", "version": 2 }));
        let accounts = [(&self.account, -1), (&servers, 0)]
            .map(|(account, stored)| format!("{}: {}", account.public_key(), self.vouch_for(account, stored)));
        format!(
            "operator: {operator}\nresolver: MEMORY\nresolver_preload: {{ {} }}\nsystem_account: {}",
            accounts.join(", "),
            servers.public_key()
        )
    }

    /// The JWT of an account that may store this much (-1: anything), and do all the rest.
    fn vouch_for(&self, account: &KeyPair, stored: i32) -> String {
        let limits = json!({
            "subs": -1, "data": -1, "payload": -1, "imports": -1, "exports": -1, "wildcards": true, "conn": -1, "leaf": -1,
            "mem_storage": stored, "disk_storage": stored, "streams": stored, "consumer": stored,
        });
        sign(&self.key, account, json!({ "type": "account", "version": 2, "limits": limits }))
    }

    /// The credentials file of a new user.
    pub fn user(&self) -> String {
        let user = KeyPair::new_user();
        let jwt =
            sign(&self.account, &user, json!({ "type": "user", "version": 2, "subs": -1, "data": -1, "payload": -1 }));
        credentials(&jwt, &user.seed().unwrap())
    }
}

/// A credentials file.
fn credentials(jwt: &str, seed: &str) -> String {
    format!(
        "-----BEGIN NATS USER JWT-----\n{jwt}\n------END NATS USER JWT------\n\n\
         -----BEGIN USER NKEY SEED-----\n{seed}\n------END USER NKEY SEED------\n"
    )
}

fn sign(issuer: &KeyPair, subject: &KeyPair, nats: Value) -> String {
    let encode = |json: Value| URL_SAFE_NO_PAD.encode(json.to_string());
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let header = encode(json!({ "typ": "JWT", "alg": "ed25519-nkey" }));
    let claims = encode(json!({
        "jti": format!("{:x}", fastrand::u128(..)), "iat": now, "iss": issuer.public_key(), "name": "tests",
        "sub": subject.public_key(), "nats": nats,
    }));
    let signature = URL_SAFE_NO_PAD.encode(issuer.sign(format!("{header}.{claims}").as_bytes()).unwrap());
    format!("{header}.{claims}.{signature}")
}
