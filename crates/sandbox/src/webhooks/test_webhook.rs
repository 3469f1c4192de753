//! `POST /webhooks/test`: one `TEST` webhook, sent while the caller waits and never again.

use axum::Json;
use axum::extract::State;
use reqwest::Response;
use serde_json::json;

use super::dispatch::send;
use super::event::Event;
use crate::error::GridError;
use crate::shared::App;
use gridgate_grid::model::TestWebhookResult;

/// Most bytes of the endpoint's answer that are repeated.
const MAX_ANSWER: usize = 16 * 1024;

/// `POST /webhooks/test`. Whatever the endpoint answers is a result; no answer is an error.
pub(crate) async fn test(State(app): State<App>) -> Result<Json<TestWebhookResult>, GridError> {
    let (endpoint, old_test) = {
        let state = app.webhooks.state();
        (state.endpoint.clone(), state.mischief.old_test)
    };
    let not_set = || GridError::bad_request("WEBHOOK_ENDPOINT_NOT_SET", "Webhook endpoint is not set");
    let endpoint = endpoint.ok_or_else(not_set)?;
    let event = Event::new("TEST".to_owned(), app.clock.tick(), json!({}), String::new());
    let body = if old_test { event.body_of_old_test() } else { event.body() };
    let failed = || GridError::bad_request("WEBHOOK_DELIVERY_ERROR", "The webhook endpoint did not answer");
    let client = app.webhooks.client().map_err(|_| failed())?;
    let response = send(&app, &client, &endpoint, body).await.map_err(|error| {
        tracing::warn!(%error, "the test webhook was not answered");
        failed()
    })?;
    let response_status = response.status().as_u16();
    let response_body = read(response).await;
    Ok(Json(TestWebhookResult { url: Some(endpoint), response_status, response_body }))
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
