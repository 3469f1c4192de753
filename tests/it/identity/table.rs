//! Every method against every kind of caller.
//!
//! The methods are those of the descriptors, so a new RPC is in the table without an entry.

use std::net::SocketAddr;

use gridgate::identity::NewToken;
use gridgate::rpc::MethodKind;
use tonic::Code;

use super::pki;
use super::rig::{Rig, bearer, caller, outcome, token};
use crate::support::certificates::{Authority, Identity};
use crate::support::raw_grpc::{Answer, RawClient};

/// What a caller hears of a method.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Heard {
    /// Its handler's answer, whatever that is.
    Allowed,
    /// A refusal, with its reason.
    Refused(Code, &'static str),
}

const MISSING: Heard = Heard::Refused(Code::Unauthenticated, "CREDENTIALS_MISSING");
const INVALID: Heard = Heard::Refused(Code::Unauthenticated, "CREDENTIALS_INVALID");
const UNKNOWN: Heard = Heard::Refused(Code::PermissionDenied, "CALLER_UNKNOWN");
const NOT_THIS: Heard = Heard::Refused(Code::PermissionDenied, "METHOD_NOT_ALLOWED");

const HEALTH: &str = "grpc.health.v1.Health/";

/// Every method that is served, as `package.Service/Method`, with whether it answers with a stream.
fn methods() -> Vec<(String, bool)> {
    let methods = gridgate::server::methods().unwrap();
    let methods: Vec<_> =
        methods.iter().map(|method| (method.name().to_owned(), method.kind() == MethodKind::Watch)).collect();
    assert!(methods.len() > 30, "the descriptors were read");
    methods
}

/// What a caller brings.
struct Kind<'k> {
    name: &'static str,
    tls: Option<Option<&'k Identity>>,
    headers: Vec<(&'static str, String)>,
    heard: Heard,
}

struct Scene {
    rig: Rig,
    ca: Authority,
    all: NewToken,
    one: NewToken,
}

impl Scene {
    /// A server with callers who may call everything, and callers who may call one method only.
    async fn with_tls(tls: bool) -> Scene {
        let (ca, all, one) = (Authority::new("mesh"), token(), token());
        let policy = [
            caller(
                "all",
                &all,
                "identities = [\"spiffe://mesh/all\", \"dns:all.mesh\"]\n\
                 methods = [\"*/*\", \"gridgate.v1.PlatformService/UpdatePlatformConfig\"]",
            ),
            caller(
                "one",
                &one,
                "identities = [\"spiffe://mesh/one\"]\nmethods = [\"gridgate.v1.PlatformService/GetPlatformConfig\"]",
            ),
            "[proxies.gateway]\nheader = \"x-forwarded-client-cert\"\nidentities = [\"spiffe://mesh/gateway\"]\n"
                .to_owned(),
            // Nobody on loopback is the second one.
            "[proxies.linkerd]\nheader = \"l5d-client-id\"\nidentities = [\"spiffe://mesh/linkerd\"]\n\
             [proxies.beside]\nheader = \"l5d-client-id\"\naddresses = [\"self\"]\n"
                .to_owned(),
        ]
        .concat();
        let rig = Rig::secured(
            &policy,
            |directory, sources| if tls { pki::asking(&ca, directory, sources) } else { sources },
        )
        .await;
        Scene { rig, ca, all, one }
    }

    async fn connect(&self, addr: SocketAddr, tls: Option<Option<&Identity>>) -> RawClient {
        match tls {
            None => RawClient::connect(addr).await,
            Some(with) => RawClient::over(pki::connect(addr, &self.ca, with).await.unwrap()).await,
        }
    }

    /// Calls every method as this kind of caller, and says which did not hear what it should.
    async fn wrong(&self, kind: &Kind<'_>) -> Vec<String> {
        let Kind { name, tls, headers, heard } = kind;
        let mut client = self.connect(self.rig.app.addresses.grpc, *tls).await;
        let mut wrong = Vec::new();
        for (method, streams) in methods() {
            let timeout = if streams { "50m" } else { "10S" };
            let mut sent: Vec<_> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
            sent.push(("grpc-timeout", timeout));
            let answer = client.call(&format!("/{method}"), &sent).await;
            let expected = if method.starts_with(HEALTH) { &Heard::Allowed } else { heard };
            if !is_as(&answer, &method, expected) {
                wrong.push(format!("{name}: {method}: {:?}, and not {expected:?}", outcome(&answer)));
            }
        }
        wrong
    }
}

fn is_as(answer: &Answer, method: &str, heard: &Heard) -> bool {
    let (code, reason) = outcome(answer);
    match heard {
        // The sandbox is asked, or the request is found wanting: nobody is kept from it.
        Heard::Allowed => !matches!(code, Code::Unauthenticated | Code::PermissionDenied | Code::Unimplemented),
        Heard::Refused(Code::PermissionDenied, "METHOD_NOT_ALLOWED") if method.ends_with("/GetPlatformConfig") => {
            code == Code::Ok
        }
        // A refusal is all there is: no message came before it.
        Heard::Refused(expected, why) => code == *expected && reason == *why && answer.data.is_empty(),
    }
}

fn xfcc(identity: &str) -> Vec<(&'static str, String)> {
    vec![("x-forwarded-client-cert", format!("By=spiffe://mesh/gridgate;Hash=00;Subject=\"\";URI={identity}"))]
}

fn l5d(name: &str) -> Vec<(&'static str, String)> {
    vec![("l5d-client-id", name.to_owned())]
}

fn authorization(value: String) -> Vec<(&'static str, String)> {
    vec![("authorization", value)]
}

#[tokio::test]
async fn without_tls_only_tokens_say_who_calls() {
    let scene = Scene::with_tls(false).await;
    let of = |name, headers, heard| Kind { name, tls: None, headers, heard };
    let other = token();
    let both = [authorization(bearer(&scene.all)), authorization(bearer(&scene.one))].concat();
    let kinds = [
        of("nobody", Vec::new(), MISSING),
        of("a wrong token", authorization(bearer(&other)), INVALID),
        of("a token cut short", authorization(bearer(&scene.all)[..40].to_owned()), INVALID),
        of("the hash of a token", authorization(format!("Bearer {}", scene.all.hash())), INVALID),
        of("a password", authorization("Basic YTpi".to_owned()), INVALID),
        of("two tokens", both, INVALID),
        of("a forged header of Envoy's", xfcc("spiffe://mesh/all"), MISSING),
        of("a forged header of Linkerd's", l5d("all.mesh"), MISSING),
        of("who may call everything", authorization(bearer(&scene.all)), Heard::Allowed),
        of("who may call one method", authorization(bearer(&scene.one)), NOT_THIS),
    ];
    let mut wrong = Vec::new();
    for kind in &kinds {
        wrong.extend(scene.wrong(kind).await);
    }
    assert_eq!(wrong, Vec::<String>::new());
}

#[tokio::test]
async fn with_tls_certificates_and_trusted_proxies_say_it_too() {
    let scene = Scene::with_tls(true).await;
    let issue = |name: &str| scene.ca.client_named(&[name]);
    let (all, one, dns) = (issue("spiffe://mesh/all"), issue("spiffe://mesh/one"), issue("all.mesh"));
    let (stranger, nameless, gateway) =
        (issue("spiffe://mesh/else"), scene.ca.client_named(&[]), issue("spiffe://mesh/gateway"));
    let linkerd = issue("spiffe://mesh/linkerd");
    let two_ids = scene.ca.client_named(&["spiffe://mesh/all", "spiffe://mesh/one"]);
    // X509-SVID, section 2: exactly one URI, of whatever kind.
    let two_uris = scene.ca.client_named(&["spiffe://mesh/all", "https://mesh/all"]);
    let other_first = scene.ca.client_named(&["https://mesh/all", "all.mesh", "spiffe://mesh/all"]);
    let wildcard = issue("*.mesh");
    let with = |name, pair, heard| Kind { name, tls: Some(Some(pair)), headers: Vec::new(), heard };
    let kinds = [
        Kind { name: "no certificate", tls: Some(None), headers: Vec::new(), heard: MISSING },
        with("who may call everything", &all, Heard::Allowed),
        with("the same by its DNS name", &dns, Heard::Allowed),
        with("who may call one method", &one, NOT_THIS),
        with("whom the policy does not name", &stranger, UNKNOWN),
        with("a certificate without names", &nameless, MISSING),
        with("a certificate for a wildcard", &wildcard, MISSING),
        with("a certificate with two SPIFFE ids", &two_ids, INVALID),
        with("a certificate with a SPIFFE id and another URI", &two_uris, INVALID),
        with("a certificate with another URI, a DNS name and a SPIFFE id", &other_first, INVALID),
        Kind {
            headers: xfcc("spiffe://mesh/all;URI=https://mesh/all"),
            ..with("a proxy for a certificate with a SPIFFE id and another URI", &gateway, INVALID)
        },
        with("a proxy that speaks for nobody", &gateway, MISSING),
        Kind {
            headers: xfcc("spiffe://mesh/all"),
            ..with("a proxy for who may call everything", &gateway, Heard::Allowed)
        },
        Kind { headers: l5d("all.mesh"), ..with("Linkerd for who may call everything", &linkerd, Heard::Allowed) },
        Kind { headers: l5d("else.mesh"), ..with("Linkerd for a stranger", &linkerd, UNKNOWN) },
        Kind { headers: xfcc("spiffe://mesh/all"), ..with("Linkerd with another proxy's header", &linkerd, MISSING) },
        Kind { headers: l5d("all.mesh"), ..with("another proxy with Linkerd's header", &gateway, MISSING) },
        Kind { headers: xfcc("spiffe://mesh/one"), ..with("a proxy for who may call one method", &gateway, NOT_THIS) },
        Kind { headers: xfcc("spiffe://mesh/else"), ..with("a proxy for a stranger", &gateway, UNKNOWN) },
        Kind { headers: xfcc("\"spiffe://mesh/all"), ..with("a proxy that can't be read", &gateway, INVALID) },
        Kind { headers: xfcc("spiffe://mesh/all"), ..with("a stranger with a forged header", &stranger, UNKNOWN) },
        Kind {
            headers: xfcc("spiffe://mesh/all"),
            ..with("a forged header beside a right certificate", &one, NOT_THIS)
        },
        Kind { headers: authorization(bearer(&scene.one)), ..with("another's token", &all, INVALID) },
        Kind { headers: authorization(bearer(&scene.all)), ..with("its own token", &all, Heard::Allowed) },
        Kind {
            headers: authorization("Bearer x".to_owned()),
            ..with("a wrong token beside a right certificate", &all, INVALID)
        },
        Kind {
            headers: authorization(bearer(&scene.all)),
            ..Kind { name: "a token", tls: Some(None), headers: Vec::new(), heard: Heard::Allowed }
        },
    ];
    let mut wrong = Vec::new();
    for kind in &kinds {
        wrong.extend(scene.wrong(kind).await);
    }
    assert_eq!(wrong, Vec::<String>::new());
}

/// With TLS 1.3 a server refuses a client's certificate after the client's side of the handshake: the first word that is
/// read says so.
#[tokio::test]
async fn certificates_that_are_not_good_do_not_get_as_far_as_a_call() {
    let scene = Scene::with_tls(true).await;
    let foreign = Authority::new("others").client("spiffe://mesh/all");
    let expired = scene.ca.expired_client("spiffe://mesh/all");
    for (name, pair) in [("foreign", &foreign), ("expired", &expired)] {
        let refused = match pki::connect(scene.rig.app.addresses.grpc, &scene.ca, Some(pair)).await {
            Err(_) => true,
            Ok(stream) => RawClient::try_call(stream, "/gridgate.v1.PlatformService/GetPlatformConfig").await.is_err(),
        };
        assert!(refused, "{name}");
    }
}

#[tokio::test]
async fn a_method_that_does_not_exist_is_told_to_whoever_is_known() {
    let scene = Scene::with_tls(false).await;
    let path = "gridgate.v1.CustomerService/NoSuchMethod";
    let known = scene.rig.call_as(&scene.one, path).await;
    assert_eq!(outcome(&known), (Code::Unimplemented, "METHOD_UNKNOWN".to_owned()));
    assert_eq!(outcome(&scene.rig.call(path, &[]).await).0, Code::Unauthenticated);
    // Nor is a path that a router could take for a method's.
    for path in ["/gridgate.v1.PlatformService/GetPlatformConfig", "gridgate.v1.PlatformService/GetPlatformConfig/"] {
        assert_eq!(outcome(&scene.rig.call_as(&scene.one, path).await).0, Code::Unimplemented, "{path}");
    }
    for path in ["/grpc.health.v1.Health/Check", "grpc.health.v1.Healthy/Check"] {
        assert_eq!(outcome(&scene.rig.call(path, &[]).await).0, Code::Unauthenticated, "{path}");
    }
}
