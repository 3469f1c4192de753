//! Sends what is due.

use std::time::Duration;

use jiff::Timestamp;
use reqwest::header::{CONTENT_TYPE, HeaderValue};
use reqwest::{Client, ClientBuilder, Url, redirect};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

use super::event::Event;
use super::queue::Receipt;
use crate::shared::{App, Shared};
use gridgate_io::http_client::{self, HttpSetupError};

/// How long an endpoint may take to answer.
const ANSWER: Duration = Duration::from_secs(10);

/// Webhooks that are under way at once.
const CONCURRENT: usize = 64;

/// The longest sleep; also what a wait for a time that never comes is cut to.
const LONGEST_SLEEP: Duration = Duration::from_secs(60);

/// A client to send webhooks with, to endpoints without TLS.
pub(super) fn client() -> Result<Client, reqwest::Error> {
    configured(http_client::without_roots(Client::builder())).build()
}

/// The same for an endpoint with TLS.
pub(super) fn tls_client(endpoint: &Url) -> Result<Client, HttpSetupError> {
    http_client::client(endpoint, configured)
}

fn configured(builder: ClientBuilder) -> ClientBuilder {
    builder.redirect(redirect::Policy::none()).no_proxy().timeout(ANSWER)
}

/// Sends webhooks until the sandbox stops.
pub(crate) async fn run(app: App, client: Client) {
    let mut moves = app.clock.moves();
    let mut flights = JoinSet::new();
    loop {
        collect(&app);
        while flights.len() < CONCURRENT
            && let Some((receipt, endpoint)) = take(&app)
        {
            flights.spawn(fly(App::clone(&app), client.clone(), receipt, endpoint));
        }
        let until = next_wake(&app);
        tokio::select! {
            () = app.stopping.cancelled() => break,
            () = app.webhooks.wake.notified() => {}
            Ok(()) = moves.changed() => {}
            Some(_) = flights.join_next() => {}
            () = sleep_until(until) => {}
        }
    }
    flights.shutdown().await;
}

/// Takes the transitions out of the outbox and makes webhooks of them.
fn collect(app: &Shared) {
    let transitions = app.store().outbox.take();
    let mut state = app.webhooks.state();
    let super::State { endpoint, mischief, queue, key: _ } = &mut *state;
    if queue.collected_until().is_some_and(|until| until <= Instant::now()) {
        queue.release_collected();
    }
    if endpoint.is_none() {
        return;
    }
    let now = app.clock.now();
    for event in transitions.into_iter().filter_map(Event::of) {
        queue.add(event, mischief, now);
    }
}

/// A delivery that is due, and where it goes.
fn take(app: &Shared) -> Option<(Receipt, String)> {
    let mut state = app.webhooks.state();
    let endpoint = state.endpoint.clone()?;
    state.queue.take(app.clock.now()).map(|receipt| (receipt, endpoint))
}

fn next_wake(app: &Shared) -> Instant {
    let state = app.webhooks.state();
    let now = Instant::now();
    let due = state.queue.next_due().map(|due| now + until(due, app.clock.now()));
    [due, state.queue.collected_until()].into_iter().flatten().fold(now + LONGEST_SLEEP, Instant::min)
}

fn until(due: Timestamp, now: Timestamp) -> Duration {
    // A little more, so that the time has certainly come.
    let wait = Duration::try_from(due.duration_since(now)).unwrap_or_default() + Duration::from_millis(1);
    wait.min(LONGEST_SLEEP)
}

async fn fly(app: App, client: Client, receipt: Receipt, endpoint: String) {
    let mut event = receipt.delivery().event.clone();
    if app.webhooks.state().mischief.restamp_retries {
        event.timestamp = receipt.delivery().due.max(event.timestamp);
    }
    let answer = match send(&app, &client, &endpoint, event.body()).await {
        Ok(response) => Some(response.status().as_u16()),
        Err(error @ SendError::Tls(_)) => {
            tracing::warn!(id = event.id, webhook_type = event.webhook_type, %error, "a webhook cannot be sent");
            None
        }
        Err(error) => {
            tracing::debug!(id = event.id, webhook_type = event.webhook_type, %error, "a webhook was not answered");
            None
        }
    };
    tracing::debug!(id = event.id, webhook_type = event.webhook_type, answer, "webhook sent");
    app.webhooks.state().queue.settle(receipt, answer, app.clock.now());
}

/// Why a webhook got no answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum SendError {
    #[error("it could not be signed")]
    Unsigned,
    #[error("the endpoint is no URL")]
    NoUrl,
    #[error(transparent)]
    Tls(#[from] HttpSetupError),
    #[error("the endpoint did not answer")]
    Unanswered(#[source] reqwest::Error),
}

/// Signs a webhook and sends it once.
pub(super) async fn send(
    app: &Shared,
    client: &Client,
    endpoint: &str,
    body: Vec<u8>,
) -> Result<reqwest::Response, SendError> {
    let signature = app.webhooks.state().key.as_ref().and_then(|key| key.sign(&body));
    let signature = signature.and_then(|value| HeaderValue::try_from(value).ok()).ok_or(SendError::Unsigned)?;
    let endpoint = Url::parse(endpoint).map_err(|_| SendError::NoUrl)?;
    let client = match endpoint.scheme() {
        "https" => app.webhooks.tls_client(&endpoint)?,
        _ => client.clone(),
    };
    let request = client
        .post(endpoint)
        .header(CONTENT_TYPE, HeaderValue::from_static("application/json"))
        .header("X-Grid-Signature", signature)
        .body(body);
    request.send().await.map_err(SendError::Unanswered)
}
