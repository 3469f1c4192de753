//! Whether the webhook endpoint that is registered with Grid is this gridgate's.

use super::finding::Finding;
use crate::config::WebhookConfig;
use crate::http_client::is_loopback;
use reqwest::Url;

pub(super) const CHECK: &str = "webhook endpoint";

/// Compares the registered URL with the port that listens here. `expected` is the URL that the operator expects.
pub(super) fn judge(registered: Option<&str>, ours: &WebhookConfig, expected: Option<&Url>) -> Finding {
    let WebhookConfig { addr, path, public_keys: _, relay_url: _, tls: _ } = ours;
    let wanted = expected.map_or_else(|| format!("https://YOUR-HOST{path}"), ToString::to_string);
    let register = format!("register {wanted} with Grid as the platform's webhook endpoint");
    let Some(registered) = registered.filter(|url| !url.is_empty()) else {
        return Finding::fail(CHECK, "none is registered with Grid, so Grid sends no webhooks", register);
    };
    let Ok(url) = Url::parse(registered) else {
        return Finding::fail(CHECK, format!("the registered text is not a URL: {registered}"), register);
    };
    if let Some(expected) = expected {
        return match url == *expected {
            true => Finding::ok(CHECK, format!("{url} is registered")),
            false => Finding::fail(CHECK, format!("{url} is registered, not {expected}"), register),
        };
    }
    if url.path() != path {
        let message = format!("{url} is registered, but this gridgate receives webhooks at {path}");
        let hint =
            format!("{register}; or set GRIDGATE_WEBHOOK_PATH; or use --webhook-url if a proxy rewrites the path");
        return Finding::fail(CHECK, message, hint);
    }
    if is_loopback(&url) {
        let port = url.port_or_known_default().unwrap_or_default();
        let listens_there = addr.ip().is_loopback() || addr.ip().is_unspecified();
        return match listens_there && (port == addr.port() || addr.port() == 0) {
            true => Finding::ok(CHECK, format!("{url} is registered")),
            false => {
                let message = format!("{url} is registered, but this gridgate receives webhooks at {addr}");
                Finding::fail(CHECK, message, format!("{register}; or set GRIDGATE_WEBHOOK_ADDR"))
            }
        };
    }
    if url.scheme() != "https" {
        let hint = "webhooks contain personal data: register an https URL, and terminate TLS in front of gridgate";
        return Finding::warn(CHECK, format!("{url} is registered, which has no TLS"), hint);
    }
    Finding::ok(CHECK, format!("{url} is registered, with the path of this gridgate"))
}

#[cfg(test)]
mod tests {
    use super::super::finding::Outcome;
    use super::*;

    fn judged(registered: &str, expected: Option<&str>) -> Outcome {
        let ours = WebhookConfig {
            addr: "127.0.0.1:8080".parse().unwrap(),
            path: "/webhooks/grid".to_owned(),
            public_keys: None,
            relay_url: None,
            tls: None,
        };
        let expected = expected.map(|url| Url::parse(url).unwrap());
        let registered = Some(registered).filter(|url| *url != "none");
        let finding = judge(registered, &ours, expected.as_ref());
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
            assert_eq!(judged(registered, None), outcome, "{registered}");
        }
    }

    #[test]
    fn what_the_operator_says_counts() {
        let rewritten = "https://hooks.example.com/grid";
        assert_eq!(judged(rewritten, Some(rewritten)), Outcome::Ok);
        assert_eq!(judged("https://hooks.example.com/webhooks/grid", Some(rewritten)), Outcome::Fail);
        assert_eq!(judged("none", Some(rewritten)), Outcome::Fail);
    }
}
