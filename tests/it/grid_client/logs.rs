//! What the client says of its calls, and what it must not.

use serde_json::json;

use super::*;
use crate::support::fake_grid::{FakeGrid, Reply};
use crate::support::log::CapturedLog;

#[tokio::test]
async fn every_try_is_told_without_personal_data() {
    let log = CapturedLog::start();
    let upstream = FakeGrid::start().await;
    let client = client(upstream.base_url());
    for operation in operations(|_| true) {
        let (method, path) = (operation.method(), path_of(operation));
        let echo = json!({ "code": "INVALID_INPUT", "message": "Ada Byron, C01X00T47, passport.pdf" });
        for reply in [Reply::json(200, any_success()), Reply::json(400, echo), Reply::close()] {
            upstream.on(method.as_str(), &path, reply);
            if let Err(error) = perform(&client, &call(), operation).await {
                tracing::info!(%error, ?error, "as a caller may log it");
            }
        }
    }
    let log = log.text();
    for operation in operations(|_| true) {
        assert!(log.contains(&format!("\"grid.operation\":\"{operation}\"")), "{operation}");
    }
    for expected in ["\"http.response.status_code\":400", "\"outcome\":\"lost\"", "\"http.request.resend_count\":1"] {
        assert!(log.contains(expected), "{expected}");
    }
    for secret in ["Byron", "C01X00T47", "passport.pdf", "client-secret", "Y2xpZW50LWlkOm", "c3RhbXA", "$a@b"] {
        let line = log.lines().find(|line| line.contains(secret));
        assert_eq!(line, None, "{secret}");
    }
}
