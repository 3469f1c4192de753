//! Who watches: streams over raw HTTP/2 that count messages and decode none, so that the load costs little beside what is
//! measured. The same for every contender.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::{BufMut as _, Bytes, BytesMut};
use gridgate::pb;
use h2::RecvStream;
use h2::client::SendRequest;
use http::Request;
use prost::Message as _;
use tokio::net::TcpStream;
use tokio::sync::Notify;
use tokio::task::JoinSet;

const WATCH: &str = "http://bench/gridgate.v1.KycEventService/WatchKycStatus";

/// What all streams together were sent.
#[derive(Default)]
pub struct Counted {
    messages: AtomicU64,
    /// The number of messages that `reach` waits for.
    target: AtomicU64,
    reached: Notify,
}

impl Counted {
    pub fn messages(&self) -> u64 {
        self.messages.load(Ordering::SeqCst)
    }

    fn add(&self, messages: u64) {
        if messages > 0
            && self.messages.fetch_add(messages, Ordering::SeqCst) + messages >= self.target.load(Ordering::SeqCst)
        {
            self.reached.notify_waiters();
        }
    }

    /// Waits until so many messages came.
    pub async fn reach(&self, target: u64) {
        self.target.store(target, Ordering::SeqCst);
        loop {
            let told = self.reached.notified();
            tokio::pin!(told);
            told.as_mut().enable();
            if self.messages() >= target {
                self.target.store(u64::MAX, Ordering::SeqCst);
                return;
            }
            if tokio::time::timeout(Duration::from_secs(120), told).await.is_err() {
                panic!("{} of {target} messages came, and no more", self.messages());
            }
        }
    }
}

/// Streams that are open.
pub struct Subscribers {
    pub counted: Arc<Counted>,
    tasks: JoinSet<()>,
}

impl Subscribers {
    /// Opens a stream for each request, spread over the connections. Every stream's `synced` counts as a message.
    pub async fn open(server: SocketAddr, connections: usize, requests: Vec<pb::WatchKycStatusRequest>) -> Self {
        let (counted, mut tasks) = (Arc::new(Counted::default()), JoinSet::new());
        let mut senders = Vec::new();
        for _ in 0..connections {
            senders.push(connect(server, &mut tasks).await);
        }
        let mut opening = JoinSet::new();
        for (index, request) in requests.into_iter().enumerate() {
            opening.spawn(open(senders[index % connections].clone(), request));
            // The server accepts so many at once and no more.
            if opening.len() >= 256 {
                let stream = opening.join_next().await.unwrap().unwrap();
                tasks.spawn(count(stream, Arc::clone(&counted)));
            }
        }
        while let Some(stream) = opening.join_next().await {
            tasks.spawn(count(stream.unwrap(), Arc::clone(&counted)));
        }
        Self { counted, tasks }
    }

    pub async fn close(mut self) {
        self.tasks.shutdown().await;
    }
}

async fn connect(server: SocketAddr, tasks: &mut JoinSet<()>) -> SendRequest<Bytes> {
    let stream = TcpStream::connect(server).await.unwrap();
    stream.set_nodelay(true).unwrap();
    let mut builder = h2::client::Builder::new();
    builder.initial_window_size(1 << 20).initial_connection_window_size(64 << 20).max_frame_size(1 << 20);
    let (sender, connection) = builder.handshake(stream).await.unwrap();
    tasks.spawn(async move {
        // It ends when the benchmark does.
        let _ = connection.await;
    });
    sender
}

async fn open(sender: SendRequest<Bytes>, request: pb::WatchKycStatusRequest) -> RecvStream {
    let head = Request::post(WATCH).header("content-type", "application/grpc").header("te", "trailers");
    let mut sender = sender.ready().await.unwrap();
    let (response, mut body) = sender.send_request(head.body(()).unwrap(), false).unwrap();
    let mut message = BytesMut::new();
    message.put_u8(0);
    message.put_u32(request.encoded_len() as u32);
    request.encode(&mut message).unwrap();
    body.send_data(message.freeze(), true).unwrap();
    let response = response.await.unwrap();
    assert!(response.headers().get("grpc-status").is_none(), "refused: {:?}", response.headers());
    response.into_body()
}

async fn count(mut stream: RecvStream, counted: Arc<Counted>) {
    let mut messages = Messages::default();
    while let Some(Ok(data)) = stream.data().await {
        // The connection may be going away.
        let _ = stream.flow_control().release_capacity(data.len());
        counted.add(messages.complete_in(&data));
    }
}

/// Counts gRPC's length-prefixed messages, however they are cut.
#[derive(Default)]
struct Messages {
    /// How much of the next prefix is there.
    prefix: [u8; 5],
    have: usize,
    /// How much of the current message is still to come.
    rest: usize,
}

impl Messages {
    fn complete_in(&mut self, mut data: &[u8]) -> u64 {
        let mut complete = 0;
        while !data.is_empty() {
            if self.rest > 0 {
                let taken = self.rest.min(data.len());
                self.rest -= taken;
                data = &data[taken..];
                complete += u64::from(self.rest == 0);
                continue;
            }
            let taken = (5 - self.have).min(data.len());
            self.prefix[self.have..self.have + taken].copy_from_slice(&data[..taken]);
            self.have += taken;
            data = &data[taken..];
            if self.have == 5 {
                self.have = 0;
                self.rest = u32::from_be_bytes(self.prefix[1..].try_into().unwrap()) as usize;
                complete += u64::from(self.rest == 0);
            }
        }
        complete
    }
}
