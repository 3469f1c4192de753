//! Sends the webhooks that are due, and the test webhook.

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use jiff::Timestamp;
use reqwest::Response;
use serde_json::json;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

use super::event::Event;
use super::queue::Receipt;
use super::sender::SendError;
use crate::error::GridError;
use crate::shared::{App, Shared};
use gridgate_grid::model::TestWebhookResult;

const CONCURRENT: usize = 64;

/// The longest sleep; also what a wait for a time that never comes is cut to.
const LONGEST_SLEEP: Duration = Duration::from_secs(60);

/// Most bytes of an endpoint's answer that a test webhook's result repeats.
const MAX_ANSWER: usize = 16 * 1024;

pub(crate) async fn run(app: App) {
    let mut moves = app.clock.moves();
    let mut flights = JoinSet::new();
    loop {
        collect(&app);
        while flights.len() < CONCURRENT
            && let Some((receipt, endpoint)) = take(&app)
        {
            flights.spawn(attempt(App::clone(&app), receipt, endpoint));
        }
        let until = next_wake(&app);
        tokio::select! {
            () = app.stopping.cancelled() => break,
            () = app.wake.notified() => {}
            Ok(()) = moves.changed() => {}
            Some(_) = flights.join_next() => {}
            () = sleep_until(until) => {}
        }
    }
    flights.shutdown().await;
}

/// Takes the transitions out of the outbox and makes webhooks of them.
fn collect(app: &Shared) {
    let mut store = app.store();
    let transitions = store.outbox.take();
    let super::Webhooks { endpoint, faults, queue, key: _ } = &mut store.webhooks;
    if queue.collected_until().is_some_and(|until| until <= Instant::now()) {
        queue.release_collected();
    }
    if endpoint.is_none() {
        return;
    }
    let now = app.clock.now();
    for event in transitions.into_iter().filter_map(Event::of) {
        queue.add(event, faults, now);
    }
}

fn take(app: &Shared) -> Option<(Receipt, String)> {
    let mut store = app.store();
    let endpoint = store.webhooks.endpoint.clone()?;
    store.webhooks.queue.take(app.clock.now()).map(|receipt| (receipt, endpoint))
}

fn next_wake(app: &Shared) -> Instant {
    let store = app.store();
    let queue = &store.webhooks.queue;
    let now = Instant::now();
    let due = queue.next_due().map(|due| now + until(due, app.clock.now()));
    [due, queue.collected_until()].into_iter().flatten().fold(now + LONGEST_SLEEP, Instant::min)
}

fn until(due: Timestamp, now: Timestamp) -> Duration {
    // A little longer, so that it is due when the sleep ends.
    let wait = Duration::try_from(due.duration_since(now)).unwrap_or_default() + Duration::from_millis(1);
    wait.min(LONGEST_SLEEP)
}

async fn attempt(app: App, receipt: Receipt, endpoint: String) {
    let mut event = receipt.delivery().event.clone();
    if app.store().webhooks.faults.restamp_retries {
        event.timestamp = receipt.delivery().due.max(event.timestamp);
    }
    let answer = match send(&app, &endpoint, event.body()).await {
        Ok(response) => Some(response.status().as_u16()),
        Err(error @ SendError::Tls(_)) => {
            tracing::warn!(id = event.id, webhook_type = event.webhook_type, %error, "webhook cannot be sent; retrying");
            None
        }
        Err(error) => {
            tracing::debug!(id = event.id, webhook_type = event.webhook_type, %error, "webhook was not answered; retrying");
            None
        }
    };
    tracing::debug!(id = event.id, webhook_type = event.webhook_type, answer, "webhook sent");
    let now = app.clock.now();
    app.store().webhooks.queue.settle(receipt, answer, now);
}

async fn send(app: &Shared, endpoint: &str, body: Vec<u8>) -> Result<Response, SendError> {
    let signature = app.store().webhooks.key.as_ref().and_then(|key| key.sign(&body));
    app.sender.send(endpoint, signature, body).await
}

/// `POST /webhooks/test`: one `TEST` webhook, sent while the caller waits and never again. Any answer of the
/// endpoint is a result; no answer is an error.
pub(crate) async fn test(State(app): State<App>) -> Result<Json<TestWebhookResult>, GridError> {
    let (endpoint, old_test) = {
        let store = app.store();
        (store.webhooks.endpoint.clone(), store.webhooks.faults.old_test)
    };
    let not_set = || GridError::bad_request("WEBHOOK_ENDPOINT_NOT_SET", "Webhook endpoint is not set");
    let endpoint = endpoint.ok_or_else(not_set)?;
    let event = Event::new("TEST".to_owned(), app.clock.tick(), json!({}), String::new());
    let body = if old_test { event.body_of_old_test() } else { event.body() };
    let response = send(&app, &endpoint, body).await.map_err(|error| {
        tracing::warn!(%error, "the test webhook was not answered");
        GridError::bad_request("WEBHOOK_DELIVERY_ERROR", "The webhook endpoint did not answer")
    })?;
    let response_status = response.status().as_u16();
    let response_body = read(response).await;
    Ok(Json(TestWebhookResult { url: Some(endpoint), response_status: Some(response_status), response_body }))
}

/// The beginning of an answer's body; absent where it can't be read.
async fn read(mut response: Response) -> Option<String> {
    let mut bytes = Vec::new();
    while bytes.len() < MAX_ANSWER {
        match response.chunk().await {
            Ok(Some(chunk)) => bytes.extend_from_slice(&chunk),
            Ok(None) => break,
            Err(_) => return None,
        }
    }
    bytes.truncate(MAX_ANSWER);
    Some(String::from_utf8_lossy(&bytes).into_owned())
}
