//! `--register`: puts the webhook endpoint into the platform's configuration at Grid, and touches nothing else of it.
//!
//! The server at that URL approves payments. So the doctor shows a URL that is registered, and replaces it only with `--replace`;
//! and it logs the result too.

use super::checks::ENDPOINT;
use super::finding::Finding;
use super::grid::{self, Grid, NoAnswer, Refusal};
use crate::grid::webhook_endpoint::{self, WebhookEndpoint};
use crate::identity::audit;
use reqwest::Url;

/// The endpoint to register, and whether it replaces another one.
#[derive(Debug)]
pub(super) struct Registration {
    pub(super) wanted: WebhookEndpoint,
    pub(super) replace: bool,
}

/// What became of it.
pub(super) struct Registered {
    pub(super) finding: Finding,
    /// What is registered now.
    pub(super) now: Option<String>,
}

impl Registration {
    /// Registers it, where `before` is what is registered.
    pub(super) async fn carry_out(&self, grid: &Grid, before: Option<&str>) -> Registered {
        let Self { wanted, replace } = self;
        let before = before.filter(|url| !url.is_empty());
        if before.is_some_and(|before| wanted.is(before)) {
            let finding = Finding::ok(ENDPOINT, format!("{wanted} is already registered; nothing was changed"));
            return Registered { finding, now: before.map(str::to_owned) };
        }
        if let (Some(before), false) = (before, replace) {
            self.log(Some(before), "kept");
            let shown = shown(before);
            let differ = if shown == wanted.to_string() { " (they differ in a part that is not shown)" } else { "" };
            let message = format!("{shown} is registered; {wanted} did not replace it{differ}");
            let hint = format!(
                "every webhook goes to the registered URL, payment approvals included; --replace sends them to {wanted} \
                 instead"
            );
            return Registered { finding: Finding::fail(ENDPOINT, message, hint), now: Some(before.to_owned()) };
        }
        let finding = match grid.register(wanted.as_str()).await.map(|answered| answered.outcome) {
            Ok(Ok(platform)) if platform.webhook_endpoint.as_deref().is_some_and(|now| wanted.is(now)) => {
                self.done(before)
            }
            Ok(Err(refusal)) if !refusal.status.is_success() => {
                self.log(before, "refused by Grid");
                refused(&refusal, wanted)
            }
            // Answered with something else, or not at all: Grid may have done it.
            Ok(Ok(_) | Err(_)) => self.look_again(grid, before, "Grid's answer does not confirm it").await,
            Err(NoAnswer(why)) => self.look_again(grid, before, &why).await,
        };
        let now = if finding.is_ok() { Some(wanted.as_str().to_owned()) } else { before.map(str::to_owned) };
        Registered { finding, now }
    }

    fn done(&self, before: Option<&str>) -> Finding {
        let Self { wanted, replace: _ } = self;
        self.log(before, "registered");
        match before {
            Some(before) => Finding::ok(ENDPOINT, format!("{wanted} is now registered, in place of {}", shown(before))),
            None => Finding::ok(ENDPOINT, format!("{wanted} is now registered; none was before")),
        }
    }

    async fn look_again(&self, grid: &Grid, before: Option<&str>, why: &str) -> Finding {
        let config = grid.config().await.ok().and_then(|answered| answered.outcome.ok());
        let now = config.and_then(grid::registered);
        if now.as_deref().is_some_and(|now| self.wanted.is(now)) {
            return self.done(before);
        }
        self.log(before, "not known");
        let message = format!("it is uncertain whether {} was registered: {why}", self.wanted);
        Finding::fail(ENDPOINT, message, "run the doctor again to see what is registered")
    }

    /// The audit line: of the URLs only where they lead, since the rest can hold secrets.
    fn log(&self, before: Option<&str>, outcome: &str) {
        let endpoint_host = webhook_endpoint::host(self.wanted.as_str());
        let before_host = before.and_then(webhook_endpoint::host);
        tracing::info!(
            target: audit::TARGET, caller = "gridgate doctor", changes = "webhook_endpoint", endpoint_host, before_host,
            outcome, "webhook endpoint"
        );
    }
}

fn refused(refusal: &Refusal, wanted: &WebhookEndpoint) -> Finding {
    let hint = match refusal.status.as_u16() {
        400 | 422 => "Grid rejects this URL: its host must be one that Grid can reach",
        403 => {
            "the API token may not change the platform's configuration: use one that may, or register the URL in Grid's \
             dashboard"
        }
        404 | 405 => "this Grid cannot change its configuration by API: register the URL in Grid's dashboard",
        409 => "the platform's current state does not allow it: check Grid's dashboard, and try again",
        501 => "Grid does not offer this for this platform or environment: register the URL in Grid's dashboard",
        429 | 500..=599 => "Grid is overloaded or failing; try again later",
        _ => "register the URL in Grid's dashboard",
    };
    Finding::fail(ENDPOINT, format!("{wanted} was not registered: Grid answers {refusal}"), hint)
}

/// A registered text, without parts that can be secret.
fn shown(registered: &str) -> String {
    Url::parse(registered)
        .map_or_else(|_| "something that is not a URL".to_owned(), |url| webhook_endpoint::shown(&url))
}
