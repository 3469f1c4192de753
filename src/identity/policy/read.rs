//! From the text of a policy to a [`Policy`]: `docs/IDENTITY.md` is the reference.

use super::document::{At, Document, Table};
use super::{Grantable, KnownToken, Mistake, Place, Policy, Proxy, Rule, methods};
use crate::identity::bucket::{Bucket, Rate};
use crate::identity::caller::{Source, WatchKind, WatchLimits};
use crate::identity::name::Identity;
use crate::identity::token::TokenHash;
use ipnet::IpNet;
use jiff::Timestamp;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

/// An id of a customer, or the name of a caller, is at most this long, in bytes.
const MAX_ID: usize = 256;
/// The address of a proxy that runs where gridgate does.
const OWN: &str = "self";
/// The keys of what both roles and callers have.
const GRANT: [&str; 3] = ["methods", "rate", "watch"];

pub(super) fn policy(text: &str, methods: &[Grantable]) -> Result<Policy, Vec<Mistake>> {
    let (document, root) = Document::parse(text);
    let root = At { key: String::new(), line: 1, value: root.get_ref() };
    let mut reading = Reading {
        document,
        methods,
        roles: BTreeMap::new(),
        policy: Policy { rules: Vec::new(), tokens: Vec::new(), identities: HashMap::new(), proxies: Vec::new() },
    };
    reading.document.only(&root, &["roles", "callers", "proxies"]);
    reading.roles(&root);
    reading.callers(&root);
    reading.proxies(&root);
    let mistakes = reading.document.into_mistakes();
    if mistakes.is_empty() { Ok(reading.policy) } else { Err(mistakes) }
}

/// What a role or a caller's own entry grants.
#[derive(Clone, Default)]
struct Grant {
    methods: HashSet<Arc<str>>,
    rate: Option<Rate>,
    limits: Option<Arc<WatchLimits>>,
}

struct Reading<'t, 'm> {
    document: Document<'t>,
    methods: &'m [Grantable],
    roles: BTreeMap<String, Grant>,
    policy: Policy,
}

impl Reading<'_, '_> {
    fn roles(&mut self, root: &Table<'_>) {
        for (name, role) in self.document.tables(root, "roles") {
            self.document.only(&role, &GRANT);
            let grant = self.grant(&role);
            if self.document.lacks(&role, "methods") {
                self.document.mistake(&role, "grants nothing: give it methods");
            }
            self.roles.insert(name.to_owned(), grant);
        }
    }

    fn grant(&mut self, table: &Table<'_>) -> Grant {
        let mut granted = HashSet::new();
        for pattern in self.document.texts(table, "methods") {
            match methods::matching(&pattern.value, self.methods) {
                Ok(found) => granted.extend(found.into_iter().map(|method| Arc::clone(&method.name))),
                Err(problem) => self.document.mistake(&pattern, problem),
            }
        }
        Grant { methods: granted, rate: self.rate(table), limits: self.limits(table).map(Arc::new) }
    }

    fn rate(&mut self, table: &Table<'_>) -> Option<Rate> {
        let entry = self.document.entry(table, "rate")?;
        let rate = self.document.table(&entry)?;
        self.document.only(&rate, &["per_second", "burst"]);
        if self.document.entry(&rate, "per_second").is_none() {
            self.document.mistake(&rate, "must say per_second");
        }
        let per_second = self.document.count(&rate, "per_second")?;
        let burst = self.document.count(&rate, "burst").unwrap_or(per_second);
        Some(Rate { per_second, burst })
    }

    fn limits(&mut self, table: &Table<'_>) -> Option<WatchLimits> {
        let entry = self.document.entry(table, "watch")?;
        let watch = self.document.table(&entry)?;
        let keys = ["kinds", "customer_ids", "platform_customer_ids"];
        self.document.only(&watch, &keys);
        for key in keys {
            // An empty list could be meant as all or as nothing.
            if let Some(entry) = self.document.entry(&watch, key)
                && self.document.lacks(&watch, key)
            {
                self.document.mistake(&entry, "is empty: leave it out for no limit");
            }
        }
        if watch.value.is_empty() {
            self.document.mistake(&watch, "limits nothing: leave it out for no limit");
        }
        let mut kinds = BTreeSet::new();
        for word in self.document.texts(&watch, "kinds") {
            match WatchKind::ALL.into_iter().find(|kind| kind.as_str() == word.value) {
                Some(kind) => drop(kinds.insert(kind)),
                None => {
                    let words = WatchKind::ALL.map(WatchKind::as_str).join(", ");
                    self.document.mistake(&word, format!("\"{}\" is none of {words}", word.value));
                }
            }
        }
        Some(WatchLimits {
            kinds: self.document.entry(&watch, "kinds").is_some().then_some(kinds),
            customer_ids: self.ids(&watch, "customer_ids"),
            platform_customer_ids: self.ids(&watch, "platform_customer_ids"),
        })
    }

    fn ids(&mut self, table: &Table<'_>, name: &str) -> BTreeSet<String> {
        let mut ids = BTreeSet::new();
        for id in self.document.texts(table, name) {
            if id.value.is_empty() || id.value.len() > MAX_ID || id.value.chars().any(char::is_control) {
                self.document.mistake(&id, "has an id that is empty, too long or has control characters");
            } else {
                ids.insert(id.value);
            }
        }
        ids
    }

    fn callers(&mut self, root: &Table<'_>) {
        let callers = self.document.tables(root, "callers");
        if callers.is_empty() {
            self.document.mistake(root, "there are no callers: nobody could call anything");
        }
        for (name, caller) in callers {
            self.document.only(&caller, &[&["tokens", "identities", "roles"], &GRANT[..]].concat());
            self.check_name(name, &caller);
            let place = self.policy.rules.len();
            self.credentials(&caller, place);
            let grant = self.granted(&caller);
            if self.document.lacks(&caller, "methods") && self.document.lacks(&caller, "roles") {
                self.document.mistake(&caller, "may call nothing: give it roles or methods");
            }
            let Grant { methods, rate, limits } = grant;
            let bucket = rate.map(|rate| Arc::new(Bucket::new(rate, Instant::now())));
            self.policy.rules.push(Rule { name: name.into(), methods, limits, bucket });
        }
    }

    /// Names are in audit lines and in metrics.
    fn check_name(&mut self, name: &str, at: &Table<'_>) {
        let holds = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
        if name.is_empty() || name.len() > 64 || !name.bytes().all(holds) {
            self.document.mistake(at, "names are up to 64 of A-Z, a-z, 0-9, '.', '-' and '_'");
        }
    }

    fn credentials(&mut self, caller: &Table<'_>, place: usize) {
        let tokens = self.tokens(caller);
        let identities = self.document.texts(caller, "identities");
        if self.document.lacks(caller, "tokens") && self.document.lacks(caller, "identities") {
            self.document.mistake(caller, "can't be told apart: give it tokens or identities");
        }
        for (text, expires) in tokens {
            match TokenHash::parse(&text.value) {
                Err(invalid) => self.document.mistake(&text, invalid.to_string()),
                Ok(hash) if self.policy.known(&hash).is_some() => {
                    self.document.mistake(&text, "stands here a second time: a token is one caller's");
                }
                Ok(hash) => self.policy.tokens.push(KnownToken { hash, owner: place, expires }),
            }
        }
        for text in identities {
            match Identity::parse(&text.value) {
                Err(invalid) => self.document.mistake(&text, format!("\"{}\" {invalid}", text.value)),
                Ok(identity) if self.policy.identities.contains_key(&identity) => {
                    self.document.mistake(&text, format!("{identity} stands here a second time: it is one caller's"));
                }
                Ok(identity) => drop(self.policy.identities.insert(identity, place)),
            }
        }
    }

    /// The hashes of a caller's tokens, and when each expires.
    fn tokens(&mut self, caller: &Table<'_>) -> Vec<(At<String>, Option<Timestamp>)> {
        let must = "must be a list of hashes in quotes, or of { hash = \"sha256:…\", expires = 2030-01-31 }";
        let mut tokens = Vec::new();
        for item in self.document.items(caller, "tokens", must) {
            if let Some(text) = item.value.as_str() {
                tokens.push((item.with(text.to_owned()), None));
                continue;
            }
            let Some(table) = item.value.as_table().map(|table| item.with(table)) else {
                self.document.mistake(&item, must);
                continue;
            };
            self.document.only(&table, &["hash", "expires"]);
            let expires = self.document.instant(&table, "expires").map(|expires| expires.value);
            match self.document.entry(&table, "hash") {
                Some(_) => tokens.extend(self.document.text(&table, "hash").map(|hash| (hash, expires))),
                None => self.document.mistake(&table, "must say the hash of the token"),
            }
        }
        tokens
    }

    /// What a caller's roles and its own entry grant together.
    fn granted(&mut self, caller: &Table<'_>) -> Grant {
        let mut grants = vec![self.grant(caller)];
        for role in self.document.texts(caller, "roles") {
            match self.roles.get(&role.value) {
                Some(grant) => grants.push(grant.clone()),
                None => self.document.mistake(&role, format!("there is no role \"{}\"", role.value)),
            }
        }
        // Two limits could be meant as both or as either: that is asked, not guessed.
        if grants.iter().filter(|grant| grant.rate.is_some()).count() > 1 {
            self.document.mistake(caller, "has a rate from several places: let only one of it and its roles say it");
        }
        if grants.iter().filter(|grant| grant.limits.is_some()).count() > 1 {
            self.document
                .mistake(caller, "has watch limits from several places: let only one of it and its roles say them");
        }
        grants.into_iter().fold(Grant::default(), |mut all, Grant { methods, rate, limits }| {
            all.methods.extend(methods);
            Grant { methods: all.methods, rate: all.rate.or(rate), limits: all.limits.or(limits) }
        })
    }

    fn proxies(&mut self, root: &Table<'_>) {
        for (_, proxy) in self.document.tables(root, "proxies") {
            self.document.only(&proxy, &["header", "addresses", "identities"]);
            let header = self.header(&proxy);
            let addresses = self.addresses(&proxy);
            let identities = self.proxy_identities(&proxy);
            if self.document.lacks(&proxy, "addresses") && self.document.lacks(&proxy, "identities") {
                self.document.mistake(&proxy, "would be anybody: give it addresses, identities or both");
            }
            if let Some(header) = header {
                self.policy.proxies.push(Proxy { header, addresses, identities });
            }
        }
    }

    fn header(&mut self, proxy: &Table<'_>) -> Option<Source> {
        if self.document.entry(proxy, "header").is_none() {
            self.document.mistake(proxy, "must say which header it writes");
        }
        let text = self.document.text(proxy, "header")?;
        let headers = [Source::Xfcc, Source::Linkerd];
        let header = headers.into_iter().find(|header| text.value.eq_ignore_ascii_case(header.as_str()));
        if header.is_none() {
            let names = headers.map(Source::as_str).join(", ");
            self.document.mistake(&text, format!("\"{}\" is none of {names}", text.value));
        }
        header
    }

    fn addresses(&mut self, proxy: &Table<'_>) -> Vec<Place> {
        let mut places = Vec::new();
        for text in self.document.texts(proxy, "addresses") {
            if text.value == OWN {
                places.push(Place::Own);
                continue;
            }
            let network = text.value.parse::<IpNet>().or_else(|_| text.value.parse::<IpAddr>().map(IpNet::from));
            match network {
                Ok(network) if network.prefix_len() == 0 => self.document.mistake(&text, "is every address there is"),
                Ok(network) if network.trunc() != network => {
                    self.document.mistake(&text, format!("is an address in a network: write {}", network.trunc()));
                }
                Ok(network) => places.push(Place::Network(network)),
                Err(_) => {
                    self.document.mistake(
                        &text,
                        format!("\"{}\" is no address: write 127.0.0.1, 10.0.0.0/8 or {OWN}", text.value),
                    );
                }
            }
        }
        places
    }

    fn proxy_identities(&mut self, proxy: &Table<'_>) -> Vec<Identity> {
        let mut identities = Vec::new();
        for text in self.document.texts(proxy, "identities") {
            match Identity::parse(&text.value) {
                Err(invalid) => self.document.mistake(&text, format!("\"{}\" {invalid}", text.value)),
                Ok(identity) if self.policy.identities.contains_key(&identity) => {
                    self.document.mistake(&text, format!("{identity} is a caller's: a proxy speaks for others only"));
                }
                Ok(identity) => identities.push(identity),
            }
        }
        identities
    }
}
