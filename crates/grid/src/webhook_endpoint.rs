//! The URL that Grid sends webhooks to, checked before Grid gets it: the server at that URL approves payments.

use std::fmt;

use reqwest::Url;

use gridgate_io::http_client::is_loopback;

/// The longest URL, in bytes.
const LONGEST: usize = 2048;

/// An absolute `https` URL without user, password and fragment; `http` only for this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebhookEndpoint {
    text: String,
    url: Url,
}

/// Why a text is no webhook endpoint. It never repeats the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidEndpoint {
    /// It is too long.
    #[error("must have at most {LONGEST} bytes")]
    TooLong,
    /// URL parsers disagree about what it means.
    #[error("must be an absolute URL of visible ASCII characters, without backslashes")]
    Ambiguous,
    /// It is no absolute URL with a host.
    #[error("must be an absolute URL such as https://hooks.example.com/webhooks/grid")]
    NotAbsolute,
    /// It would send webhooks in the clear.
    #[error("must be https: webhooks hold personal data (http is for a loopback address only)")]
    NotHttps,
    /// It names a user.
    #[error("must not have a user or a password")]
    UserInfo,
    /// It ends in a fragment, which is never sent.
    #[error("must not have a fragment (#)")]
    Fragment,
}

impl WebhookEndpoint {
    /// Checks a text.
    ///
    /// # Errors
    /// It is no URL that webhooks should go to.
    pub fn parse(text: &str) -> Result<Self, InvalidEndpoint> {
        if text.len() > LONGEST {
            return Err(InvalidEndpoint::TooLong);
        }
        // A parser that drops a newline or takes a backslash for a slash would see another host than Grid's.
        if !text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\') {
            return Err(InvalidEndpoint::Ambiguous);
        }
        let (scheme, rest) = text.split_once("://").ok_or(InvalidEndpoint::NotAbsolute)?;
        let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
        if authority.contains('@') {
            return Err(InvalidEndpoint::UserInfo);
        }
        let url = Url::parse(text).map_err(|_| InvalidEndpoint::NotAbsolute)?;
        if authority.is_empty() || !url.has_host() {
            return Err(InvalidEndpoint::NotAbsolute);
        }
        let is_local = scheme.eq_ignore_ascii_case("http") && is_loopback(&url);
        if !is_local && !scheme.eq_ignore_ascii_case("https") {
            return Err(InvalidEndpoint::NotHttps);
        }
        if url.fragment().is_some() {
            return Err(InvalidEndpoint::Fragment);
        }
        Ok(Self { text: text.to_owned(), url })
    }

    /// As it was written, and as Grid gets it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether a registered text is the same URL.
    #[must_use]
    pub fn is(&self, registered: &str) -> bool {
        self.text == registered || Url::parse(registered).is_ok_and(|url| url == self.url)
    }
}

/// Without the query, which can hold a secret.
impl fmt::Display for WebhookEndpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&shown(&self.url))
    }
}

/// A URL for people and logs, without user, password, query and fragment: `…` stands for a query.
#[must_use]
pub fn shown(url: &Url) -> String {
    let mut shown = url.clone();
    let query = if url.query().is_some() { "?…" } else { "" };
    shown.set_query(None);
    shown.set_fragment(None);
    // Only a URL that can't have a user refuses these.
    let _ = shown.set_username("");
    let _ = shown.set_password(None);
    format!("{shown}{query}")
}

/// The host that a text leads to, with its port where it names one, for logs; none where it is no URL with a host.
#[must_use]
pub fn host(text: &str) -> Option<String> {
    let url = Url::parse(text).ok()?;
    let host: String = url.host_str()?.chars().take(255).collect();
    Some(url.port().map_or_else(|| host.clone(), |port| format!("{host}:{port}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_urls_that_mean_one_host_and_keep_what_is_sent_secret() {
        for good in [
            "https://hooks.example.com/webhooks/grid",
            "HTTPS://hooks.example.com",
            "https://hooks.example.com:8443/a?key=1@2",
            "https://[2001:db8::1]/hooks",
            "http://127.0.0.1:8080/webhooks/grid",
            "http://localhost/webhooks/grid",
            "http://[::1]:8080/",
        ] {
            assert!(WebhookEndpoint::parse(good).is_ok_and(|endpoint| endpoint.as_str() == good), "{good}");
        }
        for (bad, why) in [
            ("", InvalidEndpoint::NotAbsolute),
            ("hooks.example.com/webhooks", InvalidEndpoint::NotAbsolute),
            ("/webhooks/grid", InvalidEndpoint::NotAbsolute),
            ("https:hooks.example.com", InvalidEndpoint::NotAbsolute),
            ("https:/hooks.example.com", InvalidEndpoint::NotAbsolute),
            ("https:///hooks.example.com", InvalidEndpoint::NotAbsolute),
            ("https://:443/", InvalidEndpoint::NotAbsolute),
            ("https://hooks.example.com:port/", InvalidEndpoint::NotAbsolute),
            ("http://hooks.example.com/", InvalidEndpoint::NotHttps),
            ("http://127.0.0.1.example.com/", InvalidEndpoint::NotHttps),
            ("ftp://127.0.0.1/", InvalidEndpoint::NotHttps),
            ("javascript://127.0.0.1/%0aalert(1)", InvalidEndpoint::NotHttps),
            ("https://user@hooks.example.com/", InvalidEndpoint::UserInfo),
            ("https://user:secret@hooks.example.com/", InvalidEndpoint::UserInfo),
            ("https://@hooks.example.com/", InvalidEndpoint::UserInfo),
            ("https://hooks.example.com/#a", InvalidEndpoint::Fragment),
            ("https://hooks.example.com\\@evil.example/", InvalidEndpoint::Ambiguous),
            ("https://hooks.exam\nple.com/", InvalidEndpoint::Ambiguous),
            (" https://hooks.example.com/", InvalidEndpoint::Ambiguous),
            ("https://hööks.example.com/", InvalidEndpoint::Ambiguous),
        ] {
            assert_eq!(WebhookEndpoint::parse(bad), Err(why), "{bad:?}");
        }
        let long = format!("https://hooks.example.com/{}", "x".repeat(LONGEST));
        assert_eq!(WebhookEndpoint::parse(&long), Err(InvalidEndpoint::TooLong));
    }

    #[test]
    fn what_is_shown_has_no_secrets() {
        let url = Url::parse("https://user:secret@hooks.example.com:8443/grid?key=secret#secret").unwrap();
        assert_eq!(shown(&url), "https://hooks.example.com:8443/grid?…");
        assert_eq!(host(url.as_str()).as_deref(), Some("hooks.example.com:8443"));
        assert_eq!(host("no url"), None);
    }

    #[test]
    fn the_same_url_can_be_written_in_two_ways() {
        let endpoint = WebhookEndpoint::parse("https://Hooks.example.com").unwrap();
        assert!(endpoint.is("https://hooks.example.com:443/"));
        assert!(!endpoint.is("https://hooks.example.com/a") && !endpoint.is("nonsense"));
    }
}
