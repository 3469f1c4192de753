//! The checks of what Grid answers to a request for its configuration: credentials, clock, keys, webhook endpoint.

use super::finding::Finding;
use super::grid::{Answered, ClockReading, NoAnswer};
use crate::config::WebhookConfig;
use crate::grid::ClientConfig;
use crate::http_client::is_loopback;
use crate::webhook::PublicKeys;
use crate::webhook::keys::InvalidKeys;
use jiff::SignedDuration;
use reqwest::Url;
use std::time::Duration;

const CREDENTIALS: &str = "credentials";
const CLOCK: &str = "clock";
const KEY: &str = "webhook key";
pub(super) const ENDPOINT: &str = "webhook endpoint";

/// A smaller difference is not reported: `Date` has no fractions of a second, and answers take time.
const NOTHING: Duration = Duration::from_secs(5);

/// From here on, gridgate can no longer order webhooks and responses correctly.
const TOO_MUCH: Duration = Duration::from_secs(5 * 60);

/// Judges the difference of the clocks.
pub(super) fn clock(reading: Option<ClockReading>) -> Finding {
    let Some(ClockReading { theirs, ours, took }) = reading else {
        return Finding::skipped(CLOCK, "no response of Grid had a date");
    };
    // The date may be any moment of its second.
    let apart = ours.duration_since(theirs) - SignedDuration::from_millis(500);
    let uncertain = took / 2 + Duration::from_millis(500);
    let by = apart.unsigned_abs().saturating_sub(uncertain);
    let side = if apart.is_negative() { "behind" } else { "ahead of" };
    let message = format!("this machine is {} s {side} Grid", by.as_secs());
    let hint = "set this machine's clock by NTP";
    if by < NOTHING {
        Finding::ok(CLOCK, "this machine and Grid agree on the time")
    } else if by < TOO_MUCH {
        Finding::warn(CLOCK, message, hint)
    } else {
        let why = "gridgate cannot order Grid's webhooks and responses";
        Finding::fail(CLOCK, message, format!("{hint}: {why}"))
    }
}

/// Whether Grid accepts our credentials.
pub(super) fn credentials(account: &ClientConfig, answered: &Result<Answered, NoAnswer>) -> Finding {
    let ClientConfig { base_url, client_id, .. } = account;
    let answered = match answered {
        Ok(answered) => answered,
        Err(error) => {
            let message = format!("{base_url} does not answer: {error}");
            return Finding::fail(
                CREDENTIALS,
                message,
                "check LIGHTSPARK_GRID_BASE_URL, the network, DNS and any proxy",
            );
        }
    };
    match &answered.outcome {
        Ok(platform) => Finding::ok(CREDENTIALS, format!("Grid knows {client_id} as {}", platform.id)),
        Err(refusal) => {
            let hint = match refusal.status.as_u16() {
                401 => {
                    "check GRID_CLIENT_ID and GRID_CLIENT_SECRET: both belong to one API token from Grid's dashboard"
                }
                403 => "the API token lacks the permission to read the platform's configuration",
                300..=399 | 404 => "check LIGHTSPARK_GRID_BASE_URL: it ends with the version, as in /grid/2025-10-13",
                429 | 500..=599 => "Grid is overloaded or failing; try again later",
                _ => "check LIGHTSPARK_GRID_BASE_URL: the server there does not answer like Grid",
            };
            Finding::fail(CREDENTIALS, format!("{base_url}/config answers {refusal}"), hint)
        }
    }
}

/// The keys that are configured, if any are.
pub(super) fn read_keys(public_keys: Option<&str>) -> Result<Option<PublicKeys>, InvalidKeys> {
    public_keys.map(|text| PublicKeys::from_pem([text])).transpose()
}

/// Whether the keys for webhooks can be used.
pub(super) fn keys(keys: &Result<Option<PublicKeys>, InvalidKeys>) -> Finding {
    match keys {
        Ok(Some(keys)) => {
            let ids: Vec<_> = keys.ids().map(|id| id.to_string()).collect();
            let what = if ids.len() == 1 { "one P-256 key".to_owned() } else { format!("{} P-256 keys", ids.len()) };
            Finding::ok(KEY, format!("{what}: {}", ids.join(", ")))
        }
        Ok(None) => Finding::warn(
            KEY,
            "none is set, so gridgate rejects webhooks and learns statuses only by asking Grid",
            "set GRID_WEBHOOK_PUBKEY to the public key in Grid's dashboard",
        ),
        Err(error) => {
            let hint = "set GRID_WEBHOOK_PUBKEY to the key in Grid's dashboard, or to several keys one after the other";
            Finding::fail(KEY, error.to_string(), hint)
        }
    }
}

/// Compares the registered URL with the port that listens here. `expected` is the URL that the operator expects.
pub(super) fn endpoint(registered: Option<&str>, ours: &WebhookConfig, expected: Option<&Url>) -> Finding {
    let WebhookConfig { addr, path, public_keys: _, relay_url: _, tls: _ } = ours;
    let wanted = expected.map_or_else(|| format!("https://YOUR-HOST{path}"), ToString::to_string);
    let register = format!("register {wanted} with Grid as the platform's webhook endpoint");
    let Some(registered) = registered.filter(|url| !url.is_empty()) else {
        return Finding::fail(ENDPOINT, "none is registered with Grid, so Grid sends no webhooks", register);
    };
    let Ok(url) = Url::parse(registered) else {
        return Finding::fail(ENDPOINT, format!("the registered text is not a URL: {registered}"), register);
    };
    if let Some(expected) = expected {
        return match url == *expected {
            true => Finding::ok(ENDPOINT, format!("{url} is registered")),
            false => Finding::fail(ENDPOINT, format!("{url} is registered, not {expected}"), register),
        };
    }
    if url.path() != path {
        let message = format!("{url} is registered, but this gridgate receives webhooks at {path}");
        let hint =
            format!("{register}; or set GRIDGATE_WEBHOOK_PATH; or use --webhook-url if a proxy rewrites the path");
        return Finding::fail(ENDPOINT, message, hint);
    }
    if is_loopback(&url) {
        let port = url.port_or_known_default().unwrap_or_default();
        let listens_there = addr.ip().is_loopback() || addr.ip().is_unspecified();
        return match listens_there && (port == addr.port() || addr.port() == 0) {
            true => Finding::ok(ENDPOINT, format!("{url} is registered")),
            false => {
                let message = format!("{url} is registered, but this gridgate receives webhooks at {addr}");
                Finding::fail(ENDPOINT, message, format!("{register}; or set GRIDGATE_WEBHOOK_ADDR"))
            }
        };
    }
    if url.scheme() != "https" {
        let hint = "webhooks contain personal data: register an https URL, and terminate TLS in front of gridgate";
        return Finding::warn(ENDPOINT, format!("{url} is registered, which has no TLS"), hint);
    }
    Finding::ok(ENDPOINT, format!("{url} is registered, with the path of this gridgate"))
}

#[cfg(test)]
mod tests {
    use super::super::finding::Outcome;
    use super::*;
    use jiff::Timestamp;

    fn judged_clock(apart_seconds: i64, took: Duration) -> Finding {
        let theirs = Timestamp::from_second(1_000_000_000).unwrap();
        let ours = theirs + SignedDuration::from_secs(apart_seconds);
        clock(Some(ClockReading { theirs, ours, took }))
    }

    #[test]
    fn small_differences_are_nothing_and_large_ones_are_too_much() {
        let quick = Duration::from_millis(50);
        for (apart, outcome) in [
            (0, Outcome::Ok),
            (4, Outcome::Ok),
            (-4, Outcome::Ok),
            (30, Outcome::Warn),
            (-30, Outcome::Warn),
            (400, Outcome::Fail),
            (-400, Outcome::Fail),
        ] {
            assert_eq!(judged_clock(apart, quick).outcome, outcome, "{apart}");
        }
        assert!(judged_clock(30, quick).message.contains("28 s ahead of"), "{:?}", judged_clock(30, quick));
        assert!(judged_clock(-30, quick).message.contains("29 s behind"), "{:?}", judged_clock(-30, quick));
        assert_eq!(clock(None).outcome, Outcome::Skipped);
    }

    #[test]
    fn a_slow_answer_proves_less() {
        assert_eq!(judged_clock(20, Duration::from_secs(40)).outcome, Outcome::Ok);
    }

    fn judged_endpoint(registered: &str, expected: Option<&str>) -> Outcome {
        let ours = WebhookConfig {
            addr: "127.0.0.1:8080".parse().unwrap(),
            path: "/webhooks/grid".to_owned(),
            public_keys: None,
            relay_url: None,
            tls: None,
        };
        let expected = expected.map(|url| Url::parse(url).unwrap());
        let registered = Some(registered).filter(|url| *url != "none");
        let finding = endpoint(registered, &ours, expected.as_ref());
        let needs_hint = matches!(finding.outcome, Outcome::Warn | Outcome::Fail);
        assert_eq!(finding.hint.is_some(), needs_hint, "{finding:?}");
        finding.outcome
    }

    #[test]
    fn what_is_registered_has_to_lead_here() {
        for (registered, outcome) in [
            ("none", Outcome::Fail),
            ("", Outcome::Fail),
            ("nonsense", Outcome::Fail),
            ("https://hooks.example.com/webhooks/grid", Outcome::Ok),
            ("https://hooks.example.com/webhooks/grid/", Outcome::Fail),
            ("https://hooks.example.com/other", Outcome::Fail),
            ("http://hooks.example.com/webhooks/grid", Outcome::Warn),
            ("http://127.0.0.1:8080/webhooks/grid", Outcome::Ok),
            ("http://localhost:8080/webhooks/grid", Outcome::Ok),
            ("http://127.0.0.1:9999/webhooks/grid", Outcome::Fail),
        ] {
            assert_eq!(judged_endpoint(registered, None), outcome, "{registered}");
        }
    }

    #[test]
    fn what_the_operator_says_counts() {
        let rewritten = "https://hooks.example.com/grid";
        assert_eq!(judged_endpoint(rewritten, Some(rewritten)), Outcome::Ok);
        assert_eq!(judged_endpoint("https://hooks.example.com/webhooks/grid", Some(rewritten)), Outcome::Fail);
        assert_eq!(judged_endpoint("none", Some(rewritten)), Outcome::Fail);
    }
}
