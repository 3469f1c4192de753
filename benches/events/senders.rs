//! Who sends webhooks: connections that each send a request, wait for its answer, and send the next.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

/// A connection that has sent nothing yet.
pub struct Sender {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Sender {
    pub async fn connect(server: SocketAddr) -> Self {
        let stream = TcpStream::connect(server).await.unwrap();
        stream.set_nodelay(true).unwrap();
        Self { stream, buffer: Vec::with_capacity(4096) }
    }

    /// Sends a request, and waits for the end of its answer, which has to be a 200.
    pub async fn send(&mut self, request: &[u8]) {
        self.stream.write_all(request).await.unwrap();
        self.buffer.clear();
        loop {
            let read = self.stream.read_buf(&mut self.buffer).await.unwrap();
            assert!(read > 0, "the server closed the connection");
            if let Some(end) = answered(&self.buffer) {
                assert_eq!(end, self.buffer.len(), "more than one answer");
                return;
            }
        }
    }
}

/// Where the answer ends, once all of it is there.
fn answered(bytes: &[u8]) -> Option<usize> {
    let mut headers = [httparse::EMPTY_HEADER; 32];
    let mut response = httparse::Response::new(&mut headers);
    let head = match response.parse(bytes).unwrap() {
        httparse::Status::Complete(head) => head,
        httparse::Status::Partial => return None,
    };
    assert_eq!(response.code, Some(200), "{}", String::from_utf8_lossy(bytes));
    let length = response.headers.iter().find(|header| header.name.eq_ignore_ascii_case("content-length"));
    let length: usize = length.map_or(0, |header| std::str::from_utf8(header.value).unwrap().parse().unwrap());
    (bytes.len() >= head + length).then_some(head + length)
}

/// Sends all requests over this many connections, as fast as they are answered; says how long it took.
pub async fn send_all(server: SocketAddr, requests: &Arc<Vec<Bytes>>, connections: usize) -> Duration {
    let mut senders = Vec::new();
    for _ in 0..connections {
        senders.push(Sender::connect(server).await);
    }
    let next = Arc::new(AtomicUsize::new(0));
    let begin = Instant::now();
    let mut sending = JoinSet::new();
    for mut sender in senders {
        let (requests, next) = (Arc::clone(requests), Arc::clone(&next));
        sending.spawn(async move {
            while let Some(request) = requests.get(next.fetch_add(1, Ordering::Relaxed)) {
                sender.send(request).await;
            }
        });
    }
    sending.join_all().await;
    begin.elapsed()
}
