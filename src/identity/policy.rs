//! The policy: who may call what. Default is deny; what is not granted here can't be called.

mod document;
mod methods;
mod read;

pub use methods::Grantable;

use super::bucket::Bucket;
use super::caller::{Source, WatchLimits};
use super::name::Identity;
use super::presented::{Names, Presented, Token};
use super::token::TokenHash;
use ipnet::IpNet;
use jiff::Timestamp;
use std::collections::{HashMap, HashSet};
use std::fmt;
use std::sync::Arc;

/// A policy that was read and has no mistakes.
#[derive(Debug)]
pub struct Policy {
    pub(super) rules: Vec<Rule>,
    tokens: Vec<KnownToken>,
    /// Whose identity it is.
    identities: HashMap<Identity, usize>,
    proxies: Vec<Proxy>,
}

/// A token that a caller has.
#[derive(Debug)]
struct KnownToken {
    hash: TokenHash,
    /// Whose it is, as a place in `rules`.
    owner: usize,
    /// From when on it is good for nothing.
    expires: Option<Timestamp>,
}

/// What one caller may do.
#[derive(Debug)]
pub(super) struct Rule {
    pub(super) name: Arc<str>,
    /// `package.Service/Method` of each method that it may call.
    pub(super) methods: HashSet<Arc<str>>,
    pub(super) limits: Option<Arc<WatchLimits>>,
    /// Shared with the previous policy, so that a reload does not grant a new burst.
    pub(super) bucket: Option<Arc<Bucket>>,
}

/// Whose word is believed about who is calling.
#[derive(Debug)]
struct Proxy {
    header: Source,
    /// It connects from one of these, unless there are none.
    addresses: Vec<Place>,
    /// Its certificate names one of these, unless there are none.
    identities: Vec<Identity>,
}

/// Where a proxy connects from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// An address of this network.
    Network(IpNet),
    /// The address that it connects to: it runs where gridgate does. Not loopback, which others may be brought to.
    Own,
}

impl Place {
    fn is_of(self, presented: &Presented) -> bool {
        match self {
            Place::Network(network) => presented.addr.is_some_and(|addr| network.contains(&addr)),
            Place::Own => presented.is_from_self,
        }
    }
}

/// One mistake in a policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistake {
    /// On which line of the file, counted from 1.
    pub line: usize,
    /// The key that it is about; empty where the file can't be read as TOML.
    pub key: String,
    /// What is wrong, and what would be right.
    pub problem: String,
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Mistake { line, key, problem } = self;
        if key.is_empty() { write!(f, "line {line}: {problem}") } else { write!(f, "line {line}, {key}: {problem}") }
    }
}

/// Whom a call's credentials name.
#[derive(Debug)]
pub(super) struct Identified<'p> {
    pub(super) who: Result<(&'p Rule, Source), Unidentified>,
    /// Whether a proxy's header was not believed.
    pub(super) header_ignored: bool,
}

/// Why a call's credentials match no caller in the policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Unidentified {
    /// There are none.
    Missing,
    /// They are wrong; this says how, for the log, and never to the caller.
    Invalid(&'static str),
    /// They are right, and of someone whom the policy does not name.
    Unknown(Identity, Source),
}

impl Policy {
    /// Reads a policy. `methods` are all that there are.
    ///
    /// # Errors
    /// Every mistake in it, by line. Then nothing of it holds.
    pub fn read(text: &str, methods: &[Grantable]) -> Result<Policy, Vec<Mistake>> {
        read::policy(text, methods)
    }

    /// How many callers it names.
    #[must_use]
    pub fn callers(&self) -> usize {
        self.rules.len()
    }

    /// Whether any caller in it is identified by a bearer token.
    pub(super) fn has_tokens(&self) -> bool {
        !self.tokens.is_empty()
    }

    /// Whose tokens expire, and when.
    pub(super) fn expiries(&self) -> impl Iterator<Item = (&Arc<str>, Timestamp)> {
        self.tokens
            .iter()
            .filter_map(|KnownToken { hash: _, owner, expires }| Some((&self.rules.get(*owner)?.name, (*expires)?)))
    }

    /// Takes over how much of their rate callers have used, from the policy that held before.
    pub(super) fn take_over(&mut self, before: &Policy) {
        let used: HashMap<&str, &Arc<Bucket>> =
            before.rules.iter().filter_map(|rule| Some((&*rule.name, rule.bucket.as_ref()?))).collect();
        for rule in &mut self.rules {
            if let (Some(bucket), Some(used)) = (&mut rule.bucket, used.get(&*rule.name))
                && bucket.rate() == used.rate()
            {
                *bucket = Arc::clone(used);
            }
        }
    }

    /// Whom a call's credentials name. All that are right have to name the same caller; one that is wrong spoils all.
    pub(super) fn identify(&self, presented: &Presented) -> Identified<'_> {
        let (claims, header_ignored) = self.claims(presented);
        Identified { who: claims.and_then(|claims| self.agree(presented, claims)), header_ignored }
    }

    /// What was proven by the connection and by trusted proxies, and whether a header was not believed.
    fn claims(&self, presented: &Presented) -> (Result<Vec<(Source, Identity)>, Unidentified>, bool) {
        let Names::These(certificate) = &presented.certificate else {
            return (Err(Unidentified::Invalid("the certificate's names can't be believed")), false);
        };
        let mut claims: Vec<(Source, Identity)> = Vec::new();
        let mut ignored = false;
        for header in [Source::Xfcc, Source::Linkerd].into_iter().filter(|header| presented.has(*header)) {
            if !self.proxies.iter().any(|proxy| proxy.header == header && proxy.is(presented, certificate)) {
                ignored = true;
                continue;
            }
            match presented.names_in(header) {
                Names::These(names) => claims.extend(names.into_iter().map(|name| (header, name))),
                Names::Malformed => {
                    return (Err(Unidentified::Invalid("a trusted proxy's header can't be read")), ignored);
                }
            }
        }
        // A proxy speaks for others and never for itself.
        if !certificate.iter().any(|name| self.proxies.iter().any(|proxy| proxy.identities.contains(name))) {
            claims.extend(certificate.iter().map(|name| (Source::Certificate, name.clone())));
        }
        (Ok(claims), ignored)
    }

    /// The one caller whom everything names.
    fn agree(&self, presented: &Presented, claims: Vec<(Source, Identity)>) -> Result<(&Rule, Source), Unidentified> {
        let by_token = match &presented.token {
            Token::Absent => None,
            Token::Malformed => return Err(Unidentified::Invalid("the authorization is no bearer token")),
            Token::Hash(hash) => match self.known(hash) {
                Some(token) if token.expires.is_some_and(|expires| expires <= Timestamp::now()) => {
                    return Err(Unidentified::Invalid("the token has expired"));
                }
                Some(token) => Some((token.owner, Source::Token)),
                None => return Err(Unidentified::Invalid("the token is nobody's")),
            },
        };
        let known = |(source, name): &(Source, Identity)| Some((*self.identities.get(name)?, *source));
        let mut named = by_token.into_iter().chain(claims.iter().filter_map(known));
        let Some((owner, source)) = named.next() else {
            let unknown = claims.into_iter().next();
            return Err(unknown.map_or(Unidentified::Missing, |(source, name)| Unidentified::Unknown(name, source)));
        };
        if named.any(|(other, _)| other != owner) {
            return Err(Unidentified::Invalid("the credentials name several callers"));
        }
        self.rules.get(owner).map(|rule| (rule, source)).ok_or(Unidentified::Missing)
    }

    /// The token with this hash. Every hash is looked at, so the time it takes says nothing of which one it was.
    fn known(&self, hash: &TokenHash) -> Option<&KnownToken> {
        self.tokens.iter().fold(None, |found, token| if token.hash == *hash { Some(token) } else { found })
    }
}

impl Proxy {
    /// Whether the other end of a connection is this proxy.
    fn is(&self, presented: &Presented, certificate: &[Identity]) -> bool {
        let Proxy { header: _, addresses, identities } = self;
        let by_address = addresses.iter().any(|place| place.is_of(presented));
        let by_certificate = certificate.iter().any(|name| identities.contains(name));
        (addresses.is_empty() || by_address) && (identities.is_empty() || by_certificate)
    }
}

#[cfg(test)]
mod tests;
