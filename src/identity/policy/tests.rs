//! Policies that are read, policies that are not, and whom credentials name.

use super::*;
use crate::identity::caller::WatchKind;
use crate::identity::token::NewToken;
use crate::identity::xfcc;
use crate::transport::Peer;
use http::{HeaderMap, HeaderValue};
use proptest::prelude::*;

const A: &str = "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";

fn methods() -> [Grantable; 3] {
    ["a.v1.One/GetA", "a.v1.One/SetA", "a.v1.Two/WatchB"].map(Grantable::from)
}

fn read(text: &str) -> Result<Policy, Vec<Mistake>> {
    Policy::read(text, &methods())
}

fn mistakes(text: &str) -> Vec<String> {
    read(text).err().unwrap_or_default().iter().map(ToString::to_string).collect()
}

#[track_caller]
fn one_mistake(text: &str, parts: &[&str]) {
    let found = mistakes(text);
    assert_eq!(found.len(), 1, "{found:#?}");
    for part in parts {
        assert!(found[0].contains(part), "{part:?} is not in {:?}", found[0]);
    }
}

#[test]
fn a_policy_with_everything() {
    let text = format!(
        r#"
[roles.reader]
methods = ["a.v1.One/Get*"]
rate = {{ per_second = 5 }}

[roles.watcher]
methods = ["a.v1.Two/*"]
watch = {{ kinds = ["customer_status"], customer_ids = ["Customer:1"], platform_customer_ids = ["p-1"] }}

[callers.checkout]
tokens = ["{A}"]
identities = ["spiffe://x/checkout", "dns:checkout.x"]
roles = ["reader", "watcher"]
methods = ["a.v1.One/SetA"]

[callers.ops]
identities = ["spiffe://x/ops"]
methods = ["*/*"]
rate = {{ per_second = 2, burst = 9 }}

[proxies.sidecar]
header = "X-Forwarded-Client-Cert"
addresses = ["127.0.0.1", "10.0.0.0/8", "::1"]
[proxies.linkerd]
header = "l5d-client-id"
identities = ["spiffe://x/proxy"]
"#
    );
    let policy = read(&text).unwrap();
    let rule = |name: &str| policy.rules.iter().find(|rule| &*rule.name == name).unwrap();
    let checkout = rule("checkout");
    assert_eq!(checkout.methods.len(), 3);
    assert_eq!(checkout.bucket.as_ref().unwrap().rate().burst, 5);
    let limits = checkout.limits.as_ref().unwrap();
    assert!(limits.allows_kind(WatchKind::CustomerStatus) && !limits.allows_kind(WatchKind::Verification));
    assert!(limits.allows_customer("Customer:1") && !limits.allows_customer("Customer:2"));
    assert!(limits.allows_platform_customer("p-1") && !limits.allows_platform_customer("p-2"));
    assert!(!limits.allows_everyone());
    let ops = rule("ops");
    assert_eq!((ops.methods.len(), ops.limits.as_ref()), (3, None));
    assert_eq!(ops.bucket.as_ref().unwrap().rate().burst, 9);
}

#[test]
fn every_mistake_is_told_with_its_line() {
    let text = r#"
[roles.reader]
methods = ["a.v1.One/GetAA"]
color = "red"

[callers."a b"]
tokens = ["secret"]
roles = ["writer"]

[callers.b]
identities = ["b", 3]
methods = "a.v1.One/GetA"
rate = { burst = 0 }

[proxies.p]
header = "x-user"
[extra]
"#;
    let found = mistakes(text);
    for (line, parts) in [
        (3, &["roles.reader.methods", "a.v1.One/GetAA", "did you mean a.v1.One/GetA?"][..]),
        (4, &["roles.reader.color", "no such key"]),
        (6, &["callers.a b", "names are"]),
        (7, &["callers.a b.tokens", "no hash of a token"]),
        (8, &["callers.a b.roles", "no role \"writer\""]),
        (11, &["callers.b.identities", "must begin with spiffe:// or dns:"]),
        (11, &["callers.b.identities", "list of texts"]),
        (12, &["callers.b.methods", "list"]),
        (13, &["callers.b.rate", "per_second"]),
        (15, &["proxies.p", "anybody"]),
        (16, &["proxies.p.header", "x-forwarded-client-cert, l5d-client-id"]),
        (17, &["extra", "no such key"]),
    ] {
        let begins = format!("line {line}, ");
        let is_there =
            found.iter().any(|text| text.starts_with(&begins) && parts.iter().all(|part| text.contains(part)));
        assert!(is_there, "line {line} {parts:?} is not in {found:#?}");
    }
    // A secret that someone wrote in the place of its hash is not repeated.
    assert!(!found.iter().any(|text| text.contains("secret")), "{found:#?}");
}

#[test]
fn what_could_be_meant_in_two_ways_is_a_mistake() {
    one_mistake("", &["line 1", "no callers"]);
    one_mistake("[callers]", &["no callers"]);
    let caller = |more: &str| format!("[callers.c]\ntokens = [\"{A}\"]\n{more}");
    assert_eq!(mistakes(&caller("methods = [\"*/*\"]")), Vec::<String>::new());
    one_mistake(&caller(""), &["callers.c", "may call nothing"]);
    one_mistake("[callers.c]\nmethods = [\"*/*\"]", &["can't be told apart"]);
    one_mistake(&caller("methods = [\"*/*\"]\nwatch = {}"), &["limits nothing"]);
    one_mistake(&caller("methods = [\"*/*\"]\nwatch = { kinds = [] }"), &["kinds", "is empty"]);
    one_mistake(&caller("methods = [\"*/*\"]\nwatch = { kinds = [\"status\"] }"), &["customer_status, verification"]);
    one_mistake(&caller("methods = [\"*/*\"]\nwatch = { customer_ids = [\"\"] }"), &["customer_ids"]);
    one_mistake(
        &caller(
            "roles = [\"r\"]\nwatch = { kinds = [\"verification\"] }\n[roles.r]\nmethods = [\"*/*\"]\nwatch = { kinds = [\"verification\"] }",
        ),
        &["watch limits from several places"],
    );
    one_mistake(
        &caller(
            "roles = [\"r\", \"s\"]\n[roles.r]\nmethods = [\"*/*\"]\nrate.per_second = 1\n[roles.s]\nmethods = [\"*/*\"]\nrate.per_second = 2",
        ),
        &["rate from several places"],
    );
    one_mistake(
        &format!("{}\n[callers.d]\ntokens = [\"{A}\"]\nmethods = [\"*/*\"]", caller("methods = [\"*/*\"]")),
        &["line 5", "one caller's"],
    );
    let proxy = |more: &str| {
        caller(&format!(
            "identities = [\"spiffe://x/c\"]\nmethods = [\"*/*\"]\n[proxies.p]\nheader = \"l5d-client-id\"\n{more}"
        ))
    };
    one_mistake(&proxy(""), &["proxies.p", "anybody"]);
    one_mistake(&proxy("identities = [\"spiffe://x/c\"]"), &["is a caller's"]);
    for addresses in ["0.0.0.0/0", "::/0", "10.0.0.1/8", "localhost", "10.0.0.0/33"] {
        one_mistake(
            &proxy(&format!("addresses = [\"127.0.0.1\", \"{addresses}\"]")),
            &["line 7", "proxies.p.addresses"],
        );
    }
    assert!(mistakes("[callers.c").iter().all(|mistake| mistake.starts_with("line 1")));
}

struct Call {
    peer: Peer,
    headers: HeaderMap,
}

impl Call {
    fn from(addr: &str) -> Call {
        let addr = std::net::SocketAddr::new(addr.parse().unwrap(), 1);
        Call { peer: Peer { addr, connected_to: None, certificates: None }, headers: HeaderMap::new() }
    }

    /// Made to this address of gridgate's.
    fn to(mut self, addr: &str) -> Call {
        self.peer.connected_to = Some(std::net::SocketAddr::new(addr.parse().unwrap(), 50051));
        self
    }

    fn with(mut self, name: &'static str, value: &str) -> Call {
        self.headers.append(name, HeaderValue::from_str(value).unwrap());
        self
    }

    /// The name of whom the policy takes it for, and why if for nobody.
    fn of(&self, policy: &Policy) -> Result<(String, Source), Unidentified> {
        let presented = Presented::of(&self.headers, Some(&self.peer));
        policy.identify(&presented).who.map(|(rule, source)| (rule.name.to_string(), source))
    }
}

fn sidecar(token: &NewToken) -> Policy {
    let text = format!(
        r#"
[callers.shop]
identities = ["spiffe://x/shop", "dns:shop.x"]
methods = ["*/*"]
[callers.ops]
tokens = ["{}"]
methods = ["*/*"]
[proxies.sidecar]
header = "x-forwarded-client-cert"
addresses = ["127.0.0.1"]
[proxies.linkerd]
header = "l5d-client-id"
addresses = ["127.0.0.2"]
"#,
        token.hash()
    );
    read(&text).unwrap()
}

#[test]
fn a_header_is_believed_of_its_own_proxy_and_of_nobody_else() {
    let policy = sidecar(&NewToken::generate().unwrap());
    let shop = |source| Ok(("shop".to_owned(), source));
    let xfcc = "By=spiffe://x/gridgate;Hash=1;URI=spiffe://x/shop";
    assert_eq!(Call::from("127.0.0.1").with(xfcc::HEADER, xfcc).of(&policy), shop(Source::Xfcc));
    assert_eq!(Call::from("::ffff:127.0.0.1").with(xfcc::HEADER, xfcc).of(&policy), shop(Source::Xfcc));
    assert_eq!(Call::from("127.0.0.2").with("l5d-client-id", "shop.x").of(&policy), shop(Source::Linkerd));
    for call in [
        Call::from("10.1.2.3").with(xfcc::HEADER, xfcc),
        Call::from("127.0.0.2").with(xfcc::HEADER, xfcc),
        Call::from("127.0.0.1").with("l5d-client-id", "shop.x"),
    ] {
        assert_eq!(call.of(&policy), Err(Unidentified::Missing));
        let presented = Presented::of(&call.headers, Some(&call.peer));
        assert!(policy.identify(&presented).header_ignored);
        // Not even a header that can't be read does anything then.
        if presented.addr != Some("127.0.0.1".parse().unwrap()) {
            assert_eq!(call.with(xfcc::HEADER, "\"").of(&policy), Err(Unidentified::Missing));
        }
    }
}

#[test]
fn of_several_elements_the_nearest_proxys_counts() {
    let policy = sidecar(&NewToken::generate().unwrap());
    let of = |value: &str| Call::from("127.0.0.1").with(xfcc::HEADER, value).of(&policy);
    assert_eq!(of("URI=spiffe://x/other,URI=spiffe://x/shop").map(|(name, _)| name), Ok("shop".to_owned()));
    let other = Identity::parse("spiffe://x/other").unwrap();
    assert_eq!(of("URI=spiffe://x/shop,URI=spiffe://x/other"), Err(Unidentified::Unknown(other, Source::Xfcc)));
    assert_eq!(of("URI=spiffe://x/shop,Hash=1;URI="), Err(Unidentified::Missing));
    assert!(matches!(of("URI=\"spiffe://x/shop"), Err(Unidentified::Invalid(_))));
}

#[test]
fn what_is_wrong_or_contradicts_spoils_all() {
    let token = NewToken::generate().unwrap();
    let policy = sidecar(&token);
    let bearer = format!("Bearer {}", token.expose());
    let shop = "URI=spiffe://x/shop";
    let call = || Call::from("127.0.0.1");
    assert_eq!(call().with("authorization", &bearer).of(&policy), Ok(("ops".to_owned(), Source::Token)));
    // Who is not in the policy says nothing against who is.
    assert!(call().with("authorization", &bearer).with(xfcc::HEADER, "URI=spiffe://x/else").of(&policy).is_ok());
    for call in [
        call().with("authorization", &bearer).with(xfcc::HEADER, shop),
        call().with("authorization", &format!("{bearer}x")).with(xfcc::HEADER, shop),
        call().with("authorization", "Basic abc").with(xfcc::HEADER, shop),
        call().with("authorization", &bearer).with("authorization", &bearer),
        call().with("authorization", "Bearer gridgate_"),
    ] {
        assert!(matches!(call.of(&policy), Err(Unidentified::Invalid(_))));
    }
    assert_eq!(call().of(&policy), Err(Unidentified::Missing));
}

#[test]
fn a_reload_gives_nobody_a_new_burst() {
    let text = |per_second: u32| {
        format!("[callers.c]\ntokens = [\"{A}\"]\nmethods = [\"*/*\"]\nrate.per_second = {per_second}")
    };
    let before = read(&text(1)).unwrap();
    let now = std::time::Instant::now();
    before.rules[0].bucket.as_ref().unwrap().take(now).unwrap();
    let mut after = read(&text(1)).unwrap();
    after.take_over(&before);
    assert!(after.rules[0].bucket.as_ref().unwrap().take(now).is_err());
    let mut other = read(&text(2)).unwrap();
    other.take_over(&before);
    assert!(other.rules[0].bucket.as_ref().unwrap().take(now).is_ok());
}

proptest! {
    #[test]
    fn any_text_is_read_or_refused(text in any::<String>()) {
        if let Err(mistakes) = read(&text) {
            prop_assert!(!mistakes.is_empty());
        }
    }

    #[test]
    fn pieces_of_policies_are_read_or_refused(
        pieces in proptest::collection::vec(
            "(\\[callers\\.[a-c]\\]|\\[roles\\.[a-c]\\]|\\[proxies\\.p\\]|tokens = |identities = |methods = |roles = |watch = |rate = |header = |\\[|\\]|\\{|\\}|\"(a|b|\\*/\\*|spiffe://x/y|127\\.0\\.0\\.1)\"|,|1|\n){1,4}",
            0..40,
        )
    ) {
        let _ = read(&pieces.concat());
    }
}

#[test]
fn a_proxy_beside_gridgate_connects_from_the_address_that_it_connects_to() {
    let policy = read(
        "[callers.a]\nidentities = [\"dns:a.mesh\"]\nmethods = [\"*/*\"]\n\
         [proxies.linkerd]\nheader = \"l5d-client-id\"\naddresses = [\"self\"]\n",
    )
    .unwrap();
    let from = |addr: &str, to: &str| Call::from(addr).to(to).with("l5d-client-id", "a.mesh").of(&policy);
    for (addr, to) in [("10.1.2.3", "10.1.2.3"), ("fd00::1", "fd00::1"), ("::ffff:10.1.2.3", "10.1.2.3")] {
        assert_eq!(from(addr, to), Ok(("a".to_owned(), Source::Linkerd)), "{addr} to {to}");
    }
    // Another pod; and loopback, where a port that is forwarded to the pod arrives, past the proxy.
    for (addr, to) in [("10.1.2.4", "10.1.2.3"), ("127.0.0.1", "127.0.0.1"), ("::1", "::1"), ("127.0.0.6", "10.1.2.3")]
    {
        assert_eq!(from(addr, to), Err(Unidentified::Missing), "{addr} to {to}");
    }
    assert_eq!(Call::from("10.1.2.3").with("l5d-client-id", "a.mesh").of(&policy), Err(Unidentified::Missing));
}

#[test]
fn tokens_with_an_end() {
    let with = |token: &str| format!("[callers.a]\ntokens = [{token}]\nmethods = [\"*/*\"]\n");
    for (expires, expected) in [
        ("2030-01-31", "2030-01-31T00:00:00Z"),
        ("2030-01-31T12:00:00Z", "2030-01-31T12:00:00Z"),
        ("2030-01-31 12:00:00+02:00", "2030-01-31T10:00:00Z"),
    ] {
        let policy = read(&with(&format!("{{ hash = \"{A}\", expires = {expires} }}"))).unwrap();
        let found: Vec<_> = policy.expiries().map(|(name, at)| (name.to_string(), at.to_string())).collect();
        assert_eq!(found, [("a".to_owned(), expected.to_owned())]);
    }
    assert_eq!(read(&with(&format!("\"{A}\""))).unwrap().expiries().count(), 0);
    assert_eq!(read(&with(&format!("{{ hash = \"{A}\" }}"))).unwrap().expiries().count(), 0);
    // Without an offset it would be another instant on another machine.
    for wrong in ["\"2030-01-31\"", "2030-01-31T12:00:00", "12:00:00", "2030"] {
        one_mistake(
            &with(&format!("{{ hash = \"{A}\", expires = {wrong} }}")),
            &["line 2", "tokens.expires", "2030-01-31"],
        );
    }
    one_mistake(&with("{ expires = 2030-01-31 }"), &["line 2", "must say the hash"]);
    one_mistake(&with(&format!("{{ hash = \"{A}\", until = 2030-01-31 }}")), &["until", "expires"]);
    one_mistake(&with("7"), &["line 2", "hash"]);
    let twice = format!("\"{A}\", {{ hash = \"{A}\" }}");
    one_mistake(&with(&twice), &["a second time"]);
}
