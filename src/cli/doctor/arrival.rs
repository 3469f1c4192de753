//! Whether a webhook that Grid sends arrives here: by having it send a test one.

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

/// How long after Grid's own answer the webhook may take to be seen. Grid has the endpoint's answer by then.
const SEEN_WITHIN: Duration = Duration::from_secs(5);
/// The same where the endpoint did not accept it.
const REFUSED_WITHIN: Duration = Duration::from_secs(1);
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// Who sees what arrives.
enum Eyes<'a> {
    /// The gridgate that runs here, with what it had seen before.
    Running(&'a Running, Webhooks),
    /// Ourselves, in its place.
    Own(Listener),
}

/// What was seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Seen {
    Test,
    /// Something that none of the keys signed.
    Unsigned,
    Nothing,
}

/// Has Grid send a test webhook, and looks out for it.
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
            Ok(None) => Err(Finding::skipped(CHECK, "the gridgate that runs here takes no webhooks")),
            Err(error) => {
                let hint = "run the doctor on the machine that gridgate runs on, with the same version";
                Err(Finding::fail(CHECK, format!("what arrives cannot be seen: {error}"), hint))
            }
        };
    }
    let Some(keys) = keys else {
        return Err(Finding::skipped(CHECK, "without a key nothing that arrives could be believed"));
    };
    let WebhookConfig { addr, path, public_keys: _, relay_url: _, tls } = webhook;
    if tls.is_some() {
        let why = "no gridgate runs here, and in its place the doctor cannot speak TLS: start gridgate, and look again";
        return Err(Finding::skipped(CHECK, why));
    }
    match Listener::open(*addr, path, keys).await {
        Ok(listener) => Ok(Eyes::Own(listener)),
        Err(error) => {
            let hint = "if it is a gridgate that listens there, set GRIDGATE_ADMIN_ADDR to its admin port";
            Err(Finding::fail(CHECK, format!("no gridgate runs here, and {addr} cannot be listened on: {error}"), hint))
        }
    }
}

/// What Grid says of a test webhook that it sent.
struct Delivery {
    url: String,
    /// What the endpoint answered; absent where Grid calls the delivery failed.
    status: Option<u16>,
}

impl Delivery {
    fn is_accepted(&self) -> bool {
        matches!(self.status, Some(200..=299))
    }
}

/// What became of it as Grid says; a finding where Grid sent nothing.
fn delivery(answered: Result<Answered<TestWebhookResult>, NoAnswer>) -> Result<Delivery, Finding> {
    let somewhere = || "the registered URL".to_owned();
    let outcome = answered.map(|answered| answered.outcome).map_err(|error| {
        Finding::fail(CHECK, format!("Grid did not answer when asked to send one: {error}"), "try again")
    })?;
    let Refusal { status, code } = match outcome {
        Ok(TestWebhookResult { url, response_status, response_body: _ }) => {
            return Ok(Delivery { url: url.unwrap_or_else(somewhere), status: Some(response_status) });
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
            "this Grid has no test webhook: it answers 404 at /webhooks/test and at /sandbox/webhooks/test, its older path",
        )),
        (401 | 403, _) => {
            let refusal = Refusal { status, code };
            let message = format!(
                "Grid refuses to send one ({refusal}): the API token may not ask for it, or is of a platform that gets none"
            );
            Err(Finding::skipped(CHECK, message))
        }
        _ => {
            let refusal = Refusal { status, code };
            let message = format!("Grid answers {refusal} when asked to send one");
            Err(Finding::fail(CHECK, message, "try again later"))
        }
    }
}

impl Eyes<'_> {
    /// What is seen within this time. A test webhook counts, whatever else comes: the port is open to the internet.
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

    /// What is seen next; none when it is time.
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

/// How many requests had a signature that does not count.
fn unsigned(webhooks: &Webhooks) -> u64 {
    ["signature_mismatch", "signature_malformed", "signature_version_unknown"]
        .iter()
        .map(|outcome| webhooks.count(outcome))
        .sum()
}

fn judge(seen: Seen, delivery: &Delivery) -> Finding {
    let Delivery { url, status } = delivery;
    match (seen, status) {
        (Seen::Test, Some(_)) => Finding::ok(CHECK, format!("it came by {url}, and its signature is right")),
        (Seen::Test, None) => Finding::warn(
            CHECK,
            format!("it came by {url}, and Grid says that it did not"),
            "check whether what stands in front of gridgate gives up on it, or changes its answer",
        ),
        (Seen::Unsigned, _) => Finding::fail(
            CHECK,
            format!("it came by {url}, and its signature is by none of the keys"),
            "set GRID_WEBHOOK_PUBKEY to the key that Grid's dashboard shows for this platform, and restart gridgate",
        ),
        (Seen::Nothing, None) => Finding::fail(
            CHECK,
            format!("Grid could not deliver it to {url}"),
            "check that the registered URL can be reached from the internet, with a certificate that Grid trusts",
        ),
        (Seen::Nothing, Some(status)) => {
            let hint = match status {
                200..=299 => {
                    "something else answers there: another replica of gridgate, or another service; compare the \
                     registered URL with what leads to this one"
                }
                404 | 405 => "compare the registered path with GRIDGATE_WEBHOOK_PATH",
                502..=504 => "what stands in front of gridgate does not reach it",
                _ => "check what the registered URL leads to",
            };
            Finding::fail(CHECK, format!("{url} answered {status}, and nothing came here"), hint)
        }
    }
}
