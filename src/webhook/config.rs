//! The configuration of the endpoint.

use std::time::Duration;

use super::keys::PublicKeys;
use super::relay::Relay;

/// The configuration of the endpoint.
#[derive(Debug)]
pub struct EndpointConfig {
    /// Where webhooks are taken.
    pub path: EndpointPath,
    /// Grid's keys.
    pub keys: PublicKeys,
    /// The relay for webhooks that are not about KYC. `None`: they are not relayed.
    pub relay: Option<Relay>,
    /// How much a sender may take up.
    pub limits: Limits,
}

/// How much a sender may take up. Anyone can be one.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Connections open at once. Further ones wait in the listener's queue.
    pub max_connections: u32,
    /// The largest head of a request, in bytes; at least 1 KiB.
    pub max_head_bytes: usize,
    /// The largest body, in bytes.
    pub max_body_bytes: usize,
    /// What the bodies being read take together, in bytes; at least `max_body_bytes`.
    pub max_bodies_bytes: usize,
    /// How long a connection may take to say a request's head, also the next one's: so it is how long it may be idle.
    pub head_timeout: Duration,
    /// How long a body may take.
    pub body_timeout: Duration,
    /// How long the log may take to say that a webhook is recorded.
    pub record_timeout: Duration,
    /// How old a connection may get before it ends after the request it is at.
    pub max_connection_age: Duration,
}

impl Default for Limits {
    /// 512 connections; heads of 16 KiB, bodies of 1 MiB, 64 MiB of them together; 10 seconds for a head, for a body and
    /// for recording; connections of 2 minutes.
    fn default() -> Self {
        Self {
            max_connections: 512,
            max_head_bytes: 16 * 1024,
            max_body_bytes: 1024 * 1024,
            max_bodies_bytes: 64 * 1024 * 1024,
            head_timeout: Duration::from_secs(10),
            body_timeout: Duration::from_secs(10),
            record_timeout: Duration::from_secs(10),
            max_connection_age: Duration::from_secs(120),
        }
    }
}

/// The path at which webhooks are taken, such as `/webhooks/grid`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EndpointPath(String);

/// The text is no path that webhooks can be taken at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be a path that begins with / and has only letters, digits, and - . _ ~ / in it, at most 256 of them")]
pub struct InvalidEndpointPath;

impl EndpointPath {
    /// Takes a text as a path.
    ///
    /// # Errors
    /// When it does not begin with a slash, or has other characters in it than RFC 3986 calls unreserved.
    pub fn parse(text: &str) -> Result<Self, InvalidEndpointPath> {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte);
        if text.starts_with('/') && text.len() <= 256 && text.bytes().all(plain) {
            Ok(Self(text.to_owned()))
        } else {
            Err(InvalidEndpointPath)
        }
    }

    /// Its text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_a_plain_path() {
        for good in ["/", "/webhooks/grid", "/a-b_c.d~e/"] {
            assert_eq!(EndpointPath::parse(good).unwrap().as_str(), good);
        }
        for bad in ["", "webhooks", "/{id}", "/*all", "/:id", "/a b", "/a?b", "/a%20", "/é", &"/a".repeat(200)] {
            assert_eq!(EndpointPath::parse(bad), Err(InvalidEndpointPath), "{bad}");
        }
    }
}
