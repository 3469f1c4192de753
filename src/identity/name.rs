//! The names that certificates give: SPIFFE ids and DNS names.

use std::fmt;
use std::sync::Arc;

/// A SPIFFE id is at most this long (SPIFFE-ID, section 2.3), in bytes.
const MAX_SPIFFE: usize = 2048;
/// A trust domain is at most this long (SPIFFE-ID, section 2.1), in bytes.
const MAX_TRUST_DOMAIN: usize = 255;
/// A DNS name is at most this long (RFC 1035, section 2.3.4), in bytes.
const MAX_DNS: usize = 253;

/// A name from a certificate, written `spiffe://trust-domain/path` or `dns:name`.
///
/// Equal names are equal text: what is case-insensitive is in lower case.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Identity(Arc<str>);

/// The text is no identity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidIdentity {
    /// It begins neither with `spiffe://` nor with `dns:`.
    #[error("must begin with spiffe:// or dns:")]
    Kind,
    /// It is no SPIFFE id.
    #[error(
        "is no SPIFFE id: write spiffe://trust-domain/path, with a-z, 0-9, '.', '-' and '_' in the trust domain, and \
         segments of A-Z, a-z, 0-9, '.', '-' and '_' in the path"
    )]
    Spiffe,
    /// It is no DNS name.
    #[error("is no DNS name in full, without wildcards: write for example dns:checkout.shop.internal")]
    Dns,
}

impl Identity {
    /// Reads what a policy names.
    ///
    /// # Errors
    /// It is neither a SPIFFE id nor `dns:` and a DNS name.
    pub fn parse(text: &str) -> Result<Identity, InvalidIdentity> {
        match text.strip_prefix("dns:") {
            Some(name) => Identity::dns(name).ok_or(InvalidIdentity::Dns),
            None if is_spiffe(text) => Identity::spiffe(text).ok_or(InvalidIdentity::Spiffe),
            None => Err(InvalidIdentity::Kind),
        }
    }

    /// Reads a URI as a SPIFFE id ([SPIFFE-ID], section 2).
    ///
    /// [SPIFFE-ID]: https://github.com/spiffe/spiffe/blob/main/standards/SPIFFE-ID.md
    pub(super) fn spiffe(uri: &str) -> Option<Identity> {
        let rest = uri.get(..9).filter(|scheme| scheme.eq_ignore_ascii_case("spiffe://")).and(uri.get(9..))?;
        let (domain, path) = match rest.split_once('/') {
            Some((domain, path)) => (domain, Some(path)),
            None => (rest, None),
        };
        let in_domain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_');
        let is_segment = |text: &str| !text.is_empty() && text != "." && text != ".." && text.bytes().all(in_domain);
        let domain_holds = !domain.is_empty() && domain.len() <= MAX_TRUST_DOMAIN && domain.bytes().all(in_domain);
        let path_holds = path.is_none_or(|path| path.split('/').all(is_segment));
        if uri.len() > MAX_SPIFFE || !domain_holds || !path_holds {
            return None;
        }
        let domain = domain.to_ascii_lowercase();
        Some(Identity(match path {
            Some(path) => format!("spiffe://{domain}/{path}").into(),
            None => format!("spiffe://{domain}").into(),
        }))
    }

    /// Reads a DNS name; a wildcard names nobody.
    pub(super) fn dns(name: &str) -> Option<Identity> {
        let is_label = |label: &str| {
            !label.is_empty()
                && label.len() <= 63
                && !label.starts_with('-')
                && !label.ends_with('-')
                && label.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
        };
        let holds = name.len() <= MAX_DNS && name.split('.').all(is_label);
        holds.then(|| Identity(format!("dns:{}", name.to_ascii_lowercase()).into()))
    }

    /// Its text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Whether a URI claims to be a SPIFFE id.
pub(super) fn is_spiffe(uri: &str) -> bool {
    uri.get(..7).is_some_and(|scheme| scheme.eq_ignore_ascii_case("spiffe:"))
}

impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn names_that_are_read() {
        for (text, expected) in [
            ("spiffe://cluster.local/ns/shop/sa/checkout", "spiffe://cluster.local/ns/shop/sa/checkout"),
            ("SPIFFE://Cluster.Local/ns/Shop", "spiffe://cluster.local/ns/Shop"),
            ("spiffe://example.org", "spiffe://example.org"),
            ("dns:Checkout.Shop.Internal", "dns:checkout.shop.internal"),
            (
                "dns:web.emojivoto.serviceaccount.identity.linkerd.cluster.local",
                "dns:web.emojivoto.serviceaccount.identity.linkerd.cluster.local",
            ),
        ] {
            assert_eq!(Identity::parse(text).unwrap().as_str(), expected);
        }
    }

    #[test]
    fn names_that_are_not() {
        for text in ["", "checkout", "https://example.org/a", "uri:spiffe://a/b", " spiffe://a/b"] {
            assert_eq!(Identity::parse(text), Err(InvalidIdentity::Kind), "{text:?}");
        }
        for text in [
            "spiffe://",
            "spiffe:///a",
            "spiffe:a",
            "spiffe://a/",
            "spiffe://a//b",
            "spiffe://a/../b",
            "spiffe://a/./b",
            "spiffe://a:443/b",
            "spiffe://u@a/b",
            "spiffe://a/b?c",
            "spiffe://a/b#c",
            "spiffe://a/%62",
            "spiffe://ä/b",
            "spiffe://a/b,c",
            "spiffe://a/*",
        ] {
            assert_eq!(Identity::parse(text), Err(InvalidIdentity::Spiffe), "{text:?}");
        }
        for text in ["dns:", "dns:*.example.org", "dns:a..b", "dns:-a", "dns:a-.b", "dns:a b", "dns:a.", "dns:ä"] {
            assert_eq!(Identity::parse(text), Err(InvalidIdentity::Dns), "{text:?}");
        }
        assert!(Identity::parse(&format!("spiffe://a/{}", "b".repeat(MAX_SPIFFE))).is_err());
        assert!(Identity::parse(&format!("dns:{}", "a.".repeat(200))).is_err());
    }

    proptest! {
        #[test]
        fn what_is_read_is_read_again_as_the_same(text in "(spiffe://|dns:|)[a-zA-Z0-9./:*_-]{0,40}") {
            if let Ok(identity) = Identity::parse(&text) {
                prop_assert_eq!(Identity::parse(identity.as_str()), Ok(identity));
            }
        }

        #[test]
        fn any_text_is_read_or_refused(text in any::<String>()) {
            let _ = Identity::parse(&text);
        }
    }
}
