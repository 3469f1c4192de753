//! Whether a webhook from Grid arrives here: asks Grid to send a test webhook.

use super::finding::Finding;
use super::grid::{Answered, Grid, NoAnswer, Refusal};
use super::listener::{Arrived, Listener};
use super::running::{Running, Webhooks};
use crate::config::WebhookConfig;
use crate::grid::model::TestWebhookResult;
use crate::webhook::PublicKeys;
use std::time::Duration;
use tokio::time::{Instant, sleep, timeout_at};

pub(super) const CHECK: &str = "test webhook";

/// How long after Grid's answer the webhook may take to arrive. Grid has the endpoint's answer by then.
const SEEN_WITHIN: Duration = Duration::from_secs(5);
/// The same if the endpoint did not accept it.
const REFUSED_WITHIN: Duration = Duration::from_secs(1);
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// Who receives webhooks.
enum Eyes<'a> {
    /// The gridgate that runs here, and its counts before.
    Running(&'a Running, Webhooks),
    /// The doctor, in its place.
    Own(Listener),
}

/// What arrived.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Seen {
    Test,
    /// A request that none of the keys signed.
    Unsigned,
    Nothing,
}

/// Asks Grid to send a test webhook, and waits for it.
pub(super) async fn check(
    grid: &Grid,
    running: &Running,
    webhook: &WebhookConfig,
    keys: Option<PublicKeys>,
) -> Finding {
    let mut eyes = match open(running, webhook, keys).await {
        Ok(eyes) => eyes,
        Err(finding) => return finding,
    };
    let delivery = match delivery(grid.test_webhook().await) {
        Ok(delivery) => delivery,
        Err(finding) => return finding,
    };
    let wait = if delivery.is_accepted() { SEEN_WITHIN } else { REFUSED_WITHIN };
    judge(eyes.look(wait).await, &delivery)
}

async fn open<'a>(
    running: &'a Running,
    webhook: &WebhookConfig,
    keys: Option<PublicKeys>,
) -> Result<Eyes<'a>, Finding> {
    if running.is_there() {
        return match running.webhooks().await {
            Ok(Some(before)) => Ok(Eyes::Running(running, before)),
            Ok(None) => Err(Finding::skipped(CHECK, "the gridgate that runs here does not receive webhooks")),
            Err(error) => {
                let hint = "run the doctor on gridgate's machine, with the same version";
                Err(Finding::fail(CHECK, format!("arriving webhooks cannot be observed: {error}"), hint))
            }
        };
    }
    let Some(keys) = keys else {
        return Err(Finding::skipped(CHECK, "no webhook can be verified without a key"));
    };
    let WebhookConfig { addr, path, public_keys: _, relay_url: _, tls } = webhook;
    if tls.is_some() {
        let why =
            "no gridgate runs here, and the doctor cannot receive webhooks with TLS: start gridgate, and try again";
        return Err(Finding::skipped(CHECK, why));
    }
    match Listener::open(*addr, path, keys).await {
        Ok(listener) => Ok(Eyes::Own(listener)),
        Err(error) => {
            let hint = "if a gridgate listens there, set GRIDGATE_ADMIN_ADDR to its admin port";
            Err(Finding::fail(
                CHECK,
                format!("no gridgate runs here, and the doctor cannot listen on {addr}: {error}"),
                hint,
            ))
        }
    }
}

/// Grid's account of a test webhook that it sent.
struct Delivery {
    url: String,
    /// The endpoint's answer; absent if Grid reports a failed delivery.
    status: Option<u16>,
}

impl Delivery {
    fn is_accepted(&self) -> bool {
        matches!(self.status, Some(200..=299))
    }
}

/// Grid's account of the delivery; a finding if Grid sent nothing.
fn delivery(answered: Result<Answered<TestWebhookResult>, NoAnswer>) -> Result<Delivery, Finding> {
    let somewhere = || "the registered URL".to_owned();
    let outcome = answered.map(|answered| answered.outcome).map_err(|error| {
        Finding::fail(CHECK, format!("Grid did not answer the request to send one: {error}"), "try again")
    })?;
    let Refusal { status, code } = match outcome {
        Ok(TestWebhookResult { url, response_status, response_body: _ }) => {
            return Ok(Delivery {
                url: url.unwrap_or_else(somewhere),
                status: Some(response_status.unwrap_or_default()),
            });
        }
        Err(refusal) => refusal,
    };
    match (status.as_u16(), code.as_deref()) {
        (400, Some("WEBHOOK_ENDPOINT_NOT_SET")) => {
            Err(Finding::fail(CHECK, "Grid has no endpoint to send one to", "register one with Grid"))
        }
        (400, _) => Ok(Delivery { url: somewhere(), status: None }),
        (404, _) => Err(Finding::skipped(
            CHECK,
            "this Grid has no test webhooks: it answers 404 at /webhooks/test and at /sandbox/webhooks/test, its older path",
        )),
        (401 | 403, _) => {
            let refusal = Refusal { status, code };
            let message = format!(
                "Grid refuses to send one ({refusal}): the API token lacks the permission, or the platform gets no webhooks"
            );
            Err(Finding::skipped(CHECK, message))
        }
        _ => {
            let refusal = Refusal { status, code };
            let message = format!("Grid answers {refusal} to the request to send one");
            Err(Finding::fail(CHECK, message, "try again later"))
        }
    }
}

impl Eyes<'_> {
    /// What arrives within this time. A test webhook counts more than anything else: the port is open to the internet.
    async fn look(&mut self, within: Duration) -> Seen {
        let until = Instant::now() + within;
        let mut seen = Seen::Nothing;
        loop {
            match self.next(until).await {
                Some(Seen::Test) => return Seen::Test,
                Some(Seen::Unsigned) => seen = Seen::Unsigned,
                Some(Seen::Nothing) => {}
                None => return seen,
            }
        }
    }

    /// What arrives next; `None` at the deadline.
    async fn next(&mut self, until: Instant) -> Option<Seen> {
        match self {
            Self::Running(running, before) => match running.webhooks().await.ok().flatten() {
                Some(now) if now.count("tested") > before.count("tested") => Some(Seen::Test),
                _ if Instant::now() >= until => None,
                now => {
                    sleep(LOOK_EVERY).await;
                    let is_more = now.is_some_and(|now| unsigned(&now) > unsigned(before));
                    Some(if is_more { Seen::Unsigned } else { Seen::Nothing })
                }
            },
            Self::Own(listener) => match timeout_at(until, listener.next()).await.ok()?? {
                Arrived::Test => Some(Seen::Test),
                Arrived::Unsigned => Some(Seen::Unsigned),
                Arrived::Other => Some(Seen::Nothing),
            },
        }
    }
}

/// How many requests had an invalid signature.
fn unsigned(webhooks: &Webhooks) -> u64 {
    ["signature_mismatch", "signature_malformed", "signature_version_unknown"]
        .iter()
        .map(|outcome| webhooks.count(outcome))
        .sum()
}

fn judge(seen: Seen, delivery: &Delivery) -> Finding {
    let Delivery { url, status } = delivery;
    match (seen, status) {
        (Seen::Test, Some(_)) => Finding::ok(CHECK, format!("it arrived by {url} with a valid signature")),
        (Seen::Test, None) => Finding::warn(
            CHECK,
            format!("it arrived by {url}, but Grid reports a failed delivery"),
            "check whether a proxy in front of gridgate times out or changes the answer",
        ),
        (Seen::Unsigned, _) => Finding::fail(
            CHECK,
            format!("it arrived by {url}, but none of the keys made its signature"),
            "set GRID_WEBHOOK_PUBKEY to the key in Grid's dashboard, and restart gridgate",
        ),
        (Seen::Nothing, None) => Finding::fail(
            CHECK,
            format!("Grid could not deliver it to {url}"),
            "check that the internet can reach the registered URL, and that Grid trusts its certificate",
        ),
        (Seen::Nothing, Some(status)) => {
            let hint = match status {
                200..=299 => {
                    "another replica of gridgate or another service answers there; compare the registered URL with the \
                     address of this one"
                }
                404 | 405 => "compare the registered path with GRIDGATE_WEBHOOK_PATH",
                502..=504 => "the proxy in front of gridgate does not reach it",
                _ => "check where the registered URL leads",
            };
            Finding::fail(CHECK, format!("{url} answered {status}, but nothing arrived here"), hint)
        }
    }
}
