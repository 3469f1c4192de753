//! What the client says of its calls, and what it must not.

use std::io;
use std::sync::{Arc, Mutex};

use serde_json::json;
use tracing_subscriber::fmt::MakeWriter;

use super::*;
use crate::support::upstream::{Reply, Upstream};

#[derive(Clone, Default)]
struct Captured(Arc<Mutex<Vec<u8>>>);

impl io::Write for Captured {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Captured {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

#[tokio::test]
async fn every_try_is_told_without_personal_data() {
    let captured = Captured::default();
    let subscriber = tracing_subscriber::fmt()
        .json()
        .with_max_level(tracing::Level::DEBUG)
        .with_writer(captured.clone())
        .with_span_events(tracing_subscriber::fmt::format::FmtSpan::CLOSE)
        .finish();
    // With one subscriber in the process, tracing asks the thread that first meets an event whether anybody wants it, and
    // the other tests' threads say no. With two it asks all subscribers.
    let _second = tracing::Dispatch::new(tracing::subscriber::NoSubscriber::default());
    let _guard = tracing::subscriber::set_default(subscriber);
    let upstream = Upstream::start().await;
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
    let log = String::from_utf8(captured.0.lock().unwrap().clone()).unwrap();
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
