//! A Grid that takes requests, and answers only when told to.

use super::soon;
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::net::TcpListener;
use tokio::sync::{Notify, mpsc};
use tokio::task::JoinHandle;

/// Takes requests, tells of them, and leaves them waiting. Dropped, it ends.
pub struct SilentGrid {
    addr: SocketAddr,
    serving: JoinHandle<()>,
    events: mpsc::UnboundedReceiver<Event>,
    answer: Arc<std::sync::Mutex<Option<String>>>,
    answer_is_there: Arc<Notify>,
}

#[derive(Debug, PartialEq)]
enum Event {
    Request,
    Dropped,
}

struct SayDropped(mpsc::UnboundedSender<Event>);

impl Drop for SayDropped {
    fn drop(&mut self) {
        let _ = self.0.send(Event::Dropped);
    }
}

impl SilentGrid {
    pub async fn start() -> SilentGrid {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let (sender, events) = mpsc::unbounded_channel();
        let answer: Arc<std::sync::Mutex<Option<String>>> = Arc::default();
        let answer_is_there = Arc::new(Notify::new());
        let (given, notify) = (Arc::clone(&answer), Arc::clone(&answer_is_there));
        let router = axum::Router::new().fallback(move || {
            let (sender, given, notify) = (sender.clone(), Arc::clone(&given), Arc::clone(&notify));
            async move {
                sender.send(Event::Request).unwrap();
                let guard = SayDropped(sender);
                notify.notified().await;
                std::mem::forget(guard);
                let body = given.lock().unwrap().clone().unwrap();
                ([("content-type", "application/json")], body)
            }
        });
        let serving = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        SilentGrid { addr, serving, events, answer, answer_is_there }
    }

    pub fn base_url(&self) -> String {
        format!("http://{}/grid/2025-10-13", self.addr)
    }

    /// Waits for a request.
    pub async fn request(&mut self) {
        assert_eq!(soon("a request", self.events.recv()).await, Some(Event::Request));
    }

    /// Waits until a request's sender has gone away.
    pub async fn request_dropped(&mut self) {
        assert_eq!(soon("a request dropped", self.events.recv()).await, Some(Event::Dropped));
    }

    /// Answers the request that waits, or the next one, with this JSON and 200.
    pub fn answer(&self, json: &str) {
        *self.answer.lock().unwrap() = Some(json.to_owned());
        self.answer_is_there.notify_one();
    }
}

impl Drop for SilentGrid {
    fn drop(&mut self) {
        self.serving.abort();
    }
}
