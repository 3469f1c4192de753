//! The credentials that a call presents in its headers and its connection, not yet checked against the policy.

use super::name::{Identity, is_spiffe};
use super::token::TokenHash;
use super::{Source, xfcc};
use crate::transport::Peer;
use http::{HeaderMap, HeaderValue, header};
use rustls::pki_types::CertificateDer;
use std::net::IpAddr;
use webpki::EndEntityCert;
use x509_parser::asn1_rs::Tag;
use x509_parser::extensions::GeneralName;

/// The header in which Linkerd's proxy says who is at the other end of its mutual TLS. It takes away one that a caller
/// sent.
pub(super) const LINKERD: &str = "l5d-client-id";

/// What a call brings. Holds no secret: of a token only its hash.
#[derive(Debug, Clone)]
pub struct Presented {
    /// The other end of the connection, where it is known.
    pub(super) addr: Option<IpAddr>,
    /// Whether that is the address here that it connected to, and can be reached from elsewhere.
    pub(super) is_from_self: bool,
    pub(super) token: Token,
    /// The names in the certificate that the connection was made with.
    pub(super) certificate: Names,
    xfcc: Vec<HeaderValue>,
    linkerd: Vec<HeaderValue>,
}

/// A bearer token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Token {
    /// There is none.
    Absent,
    /// There is one, and this is its hash.
    Hash(TokenHash),
    /// There is an `authorization` that is no bearer token, or several.
    Malformed,
}

/// The names in one certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Names {
    /// Its names; empty without a certificate, or for one without a usable name.
    These(Vec<Identity>),
    /// The certificate or header is malformed, so none of its names is trusted.
    Malformed,
}

impl Presented {
    /// Takes it from a request's head, and from who is at the other end of its connection.
    #[must_use]
    pub fn of(headers: &HeaderMap, peer: Option<&Peer>) -> Presented {
        let all = |name: &str| headers.get_all(name).iter().cloned().collect();
        let leaf = peer.and_then(|peer| peer.certificates.as_deref()?.first());
        let addr = peer.map(|peer| peer.addr.ip().to_canonical());
        let connected_to = peer.and_then(|peer| peer.connected_to).map(|addr| addr.ip().to_canonical());
        Presented {
            addr,
            is_from_self: addr.is_some_and(|addr| !addr.is_loopback() && connected_to == Some(addr)),
            token: token(headers),
            certificate: leaf.map_or(Names::These(Vec::new()), certificate_names),
            xfcc: all(xfcc::HEADER),
            linkerd: all(LINKERD),
        }
    }

    /// Whether there is a proxy's header of this kind.
    pub(super) fn has(&self, source: Source) -> bool {
        match source {
            Source::Xfcc => !self.xfcc.is_empty(),
            Source::Linkerd => !self.linkerd.is_empty(),
            Source::Token | Source::Certificate => false,
        }
    }

    /// Whom a proxy's header of this kind names: of several proxies' words the nearest one's.
    pub(super) fn names_in(&self, source: Source) -> Names {
        match source {
            Source::Xfcc => xfcc_names(&self.xfcc),
            Source::Linkerd => linkerd_names(&self.linkerd),
            Source::Token | Source::Certificate => Names::These(Vec::new()),
        }
    }
}

fn token(headers: &HeaderMap) -> Token {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let Some(value) = values.next() else { return Token::Absent };
    if values.next().is_some() {
        return Token::Malformed;
    }
    // RFC 6750, section 2.1; the scheme is case-insensitive (RFC 9110, section 11.1).
    match value.as_bytes().split_at_checked(7) {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case(b"bearer ") && !token.trim_ascii().is_empty() => {
            Token::Hash(TokenHash::of(token.trim_ascii()))
        }
        Some(_) | None => Token::Malformed,
    }
}

fn certificate_names(der: &CertificateDer<'_>) -> Names {
    let Ok(certificate) = EndEntityCert::try_from(der) else { return Names::Malformed };
    let names = names(certificate.valid_uri_names(), certificate.valid_dns_names());
    // A URI that is not text is left out above, and counts all the same.
    let has_spiffe = certificate.valid_uri_names().any(is_spiffe);
    if has_spiffe && uri_count(der) != Some(1) { Names::Malformed } else { names }
}

/// How many URIs a certificate has among its names, readable or not; `None` where that cannot be told.
fn uri_count(der: &[u8]) -> Option<usize> {
    /// The tag of a URI (RFC 5280, section 4.2.1.6).
    const URI: Tag = Tag(6);
    let (_, certificate) = x509_parser::parse_x509_certificate(der).ok()?;
    let names = certificate.subject_alternative_name().ok()??;
    let is_uri = |name: &&GeneralName<'_>| matches!(name, GeneralName::URI(_) | GeneralName::Invalid(URI, _));
    Some(names.value.general_names.iter().filter(is_uri).count())
}

/// Several lines of a list are one list (RFC 9110, section 5.3).
fn xfcc_names(values: &[HeaderValue]) -> Names {
    let Ok(lines) = values.iter().map(HeaderValue::to_str).collect::<Result<Vec<_>, _>>() else {
        return Names::Malformed;
    };
    if lines.is_empty() {
        return Names::These(Vec::new());
    }
    let Ok(mut elements) = xfcc::parse(&lines.join(",")) else { return Names::Malformed };
    let xfcc::Element { uris, dns_names } = elements.pop().unwrap_or_default();
    names(uris.iter().map(String::as_str), dns_names.iter().map(String::as_str))
}

fn linkerd_names(values: &[HeaderValue]) -> Names {
    match values {
        [] => Names::These(Vec::new()),
        [value] => match value.to_str() {
            Ok(uri) if is_spiffe(uri) => names([uri].into_iter(), std::iter::empty()),
            Ok(name) => Identity::dns(name).map_or(Names::Malformed, |name| Names::These(vec![name])),
            Err(_) => Names::Malformed,
        },
        _ => Names::Malformed,
    }
}

/// The names of one certificate. One with a SPIFFE id beside another URI of any kind, or with a SPIFFE id that is none, is
/// no SVID and must be refused (X509-SVID, section 2: exactly one URI, and section 5.2). Without a SPIFFE id, URIs name
/// nobody here; nor do wildcards.
fn names<'n>(uris: impl Iterator<Item = &'n str>, dns_names: impl Iterator<Item = &'n str>) -> Names {
    let uris: Vec<&str> = uris.collect();
    let mut names = Vec::new();
    match uris[..] {
        [uri] if is_spiffe(uri) => match Identity::spiffe(uri) {
            Some(identity) => names.push(identity),
            None => return Names::Malformed,
        },
        _ if uris.iter().any(|uri| is_spiffe(uri)) => return Names::Malformed,
        _ => {}
    }
    names.extend(dns_names.filter_map(Identity::dns));
    Names::These(names)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn headers(lines: &[(&'static str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(*name, HeaderValue::from_str(value).unwrap());
        }
        headers
    }

    fn these(names: &[&str]) -> Names {
        Names::These(names.iter().map(|name| Identity::parse(name).unwrap()).collect())
    }

    proptest! {
        #[test]
        fn whatever_a_call_brings_is_taken_without_a_panic(
            lines in proptest::collection::vec((0usize..3, proptest::collection::vec(32u8..=255, 0..40)), 0..6),
            certificate in proptest::collection::vec(any::<u8>(), 0..200),
        ) {
            let mut headers = HeaderMap::new();
            for (which, value) in lines {
                let name = ["authorization", xfcc::HEADER, LINKERD][which];
                if let Ok(value) = HeaderValue::from_bytes(&value) {
                    headers.append(name, value);
                }
            }
            let certificates = Some(std::sync::Arc::from([certificate.into()]));
            let peer = Peer { addr: ([127, 0, 0, 1], 1).into(), connected_to: None, certificates };
            let presented = Presented::of(&headers, Some(&peer));
            let _ = (presented.names_in(Source::Xfcc), presented.names_in(Source::Linkerd));
            // Bytes that are no certificate say nobody's name.
            prop_assert_eq!(presented.certificate, Names::Malformed);
        }
    }

    #[test]
    fn tokens() {
        let of = |values: &[&str]| {
            let lines: Vec<_> = values.iter().map(|value| ("authorization", *value)).collect();
            token(&headers(&lines))
        };
        assert_eq!(of(&[]), Token::Absent);
        for value in ["Bearer abc", "bearer abc", "BEARER  abc "] {
            assert_eq!(of(&[value]), Token::Hash(TokenHash::of(b"abc")), "{value:?}");
        }
        for values in [&["Bearer"][..], &["Bearer "], &["Basic abc"], &["abc"], &[""], &["Bearer a", "Bearer a"]] {
            assert_eq!(of(values), Token::Malformed, "{values:?}");
        }
    }

    #[test]
    fn the_nearest_proxys_word_counts() {
        let of = |lines: &[&str]| {
            let lines: Vec<_> = lines.iter().map(|value| (xfcc::HEADER, *value)).collect();
            Presented::of(&headers(&lines), None).names_in(Source::Xfcc)
        };
        assert_eq!(of(&[]), these(&[]));
        assert_eq!(of(&["URI=spiffe://a/far,URI=spiffe://a/near"]), these(&["spiffe://a/near"]));
        assert_eq!(of(&["URI=spiffe://a/far", "URI=spiffe://a/near;DNS=b"]), these(&["spiffe://a/near", "dns:b"]));
        assert_eq!(of(&["URI=spiffe://a/far,Hash=1;URI="]), these(&[]));
        assert_eq!(of(&["URI=https://a/b;DNS=*.c"]), these(&[]));
        for value in [
            "",
            "URI=spiffe://a/b;URI=spiffe://a/c",
            "URI=spiffe://a/b;URI=https://a/c",
            "URI=https://a/c;URI=spiffe://a/b;DNS=d",
            "URI=spiffe://a/b?c",
            "URI=\"spiffe://a/b",
        ] {
            assert_eq!(of(&[value]), Names::Malformed, "{value:?}");
        }
    }

    #[test]
    fn linkerds_header_is_a_name_or_a_spiffe_id() {
        let of = |values: &[&str]| {
            let lines: Vec<_> = values.iter().map(|value| (LINKERD, *value)).collect();
            Presented::of(&headers(&lines), None).names_in(Source::Linkerd)
        };
        assert_eq!(
            of(&["web.shop.serviceaccount.identity.linkerd.cluster.local"]),
            these(&["dns:web.shop.serviceaccount.identity.linkerd.cluster.local"])
        );
        assert_eq!(of(&["spiffe://root.linkerd.cluster.local/vm"]), these(&["spiffe://root.linkerd.cluster.local/vm"]));
        for values in [&["a", "a"][..], &[""], &["a,b"], &["spiffe://"]] {
            assert_eq!(of(values), Names::Malformed, "{values:?}");
        }
    }
}
