//! A scripted Grid on a real socket: it answers what it is told, misbehaves where it is told to, and keeps what it got.
//!
//! ```ignore
//! let upstream = FakeGrid::start().await;
//! upstream.on("POST", "/customers", Reply::json(201, json!({ "id": "Customer:1", … })));
//! upstream.on("GET", "/customers/*", Reply::sequence([Reply::empty(503), Reply::json(200, customer)]));
//! // … call the program with upstream.base_url() …
//! assert_eq!(upstream.requests_to("POST", "/customers").len(), 1);
//! ```
//!
//! Paths are those below the base URL, as they come over the wire (encoded); `*` stands for one segment. What nothing is
//! scripted for is answered 599, which no test expects. The last script for a method and path counts, so a test can
//! change its mind. Everything ends when the `FakeGrid` is dropped.

mod wire;

use std::fmt;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use serde_json::Value;
use tokio::io::AsyncReadExt;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::{AbortHandle, JoinSet};

pub use wire::Received;

/// The path of the base URL, as Grid's own has one.
const BASE_PATH: &str = "/grid/2025-10-13";

/// Longest time a test waits for something that has to happen.
const PATIENCE: Duration = Duration::from_secs(10);

/// How a request is answered.
#[derive(Clone)]
pub struct Reply {
    after: Duration,
    act: Act,
}

#[derive(Clone)]
enum Act {
    Answer(Answer),
    /// Reads the request, then closes the connection.
    Close,
    /// Reads the request, then nothing, until the client gives up.
    Hang,
    /// Any bytes, then closes the connection.
    Raw(Vec<u8>),
    Sequence(Arc<Mutex<Vec<Reply>>>),
    With(Arc<dyn Fn(&Received) -> Reply + Send + Sync>),
    /// Another reply, once there is a permit.
    Held(Arc<Semaphore>, Box<Reply>),
}

/// A well-formed HTTP response, unless it is cut.
#[derive(Clone)]
struct Answer {
    status: u16,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
    /// Sends a `Date` of now.
    dated: bool,
    /// Sends so many bytes of the body only, and closes the connection.
    cut_after: Option<usize>,
    /// Closes the connection after a complete response, without having said so.
    close_after: bool,
}

impl Reply {
    /// A JSON response.
    pub fn json(status: u16, body: Value) -> Self {
        Self::bytes(status, "application/json", body.to_string())
    }

    /// A response of any media type.
    pub fn bytes(status: u16, media_type: &str, body: impl Into<Vec<u8>>) -> Self {
        let headers = vec![("content-type".to_owned(), media_type.to_owned())];
        let body = body.into();
        Self::act(Act::Answer(Answer { status, headers, body, dated: true, cut_after: None, close_after: false }))
    }

    /// A response without a body.
    pub fn empty(status: u16) -> Self {
        let answer =
            Answer { status, headers: Vec::new(), body: Vec::new(), dated: true, cut_after: None, close_after: false };
        Self::act(Act::Answer(answer))
    }

    /// Grid's error body.
    pub fn error(status: u16, code: &str, message: &str) -> Self {
        Self::json(status, serde_json::json!({ "status": status, "code": code, "message": message }))
    }

    /// Takes the request and closes the connection.
    pub fn close() -> Self {
        Self::act(Act::Close)
    }

    /// Takes the request and never answers.
    pub fn hang() -> Self {
        Self::act(Act::Hang)
    }

    /// Answers these bytes, whatever they are, and closes the connection.
    pub fn raw(bytes: impl Into<Vec<u8>>) -> Self {
        Self::act(Act::Raw(bytes.into()))
    }

    /// One after the other; the last one stays.
    pub fn sequence(replies: impl IntoIterator<Item = Reply>) -> Self {
        let mut replies: Vec<_> = replies.into_iter().collect();
        assert!(!replies.is_empty(), "a sequence of nothing");
        replies.reverse();
        Self::act(Act::Sequence(Arc::new(Mutex::new(replies))))
    }

    /// Decides by the request. Whatever it does besides is what the upstream "does": acting and then returning
    /// [`Reply::close`] is an upstream that acts and drops the connection.
    pub fn with(decide: impl Fn(&Received) -> Reply + Send + Sync + 'static) -> Self {
        Self::act(Act::With(Arc::new(decide)))
    }

    /// Waits first.
    pub fn after(mut self, delay: Duration) -> Self {
        self.after = delay;
        self
    }

    /// Is decided on at once, and said when there is a permit.
    pub fn once_let(self, gate: Arc<Semaphore>) -> Self {
        Self::act(Act::Held(gate, Box::new(self)))
    }

    /// Adds a header.
    pub fn header(self, name: &str, value: impl fmt::Display) -> Self {
        self.answer(|answer| answer.headers.push((name.to_owned(), value.to_string())))
    }

    /// Leaves out the `Date`.
    pub fn undated(self) -> Self {
        self.answer(|answer| answer.dated = false)
    }

    /// Sends half of the body, and closes the connection.
    pub fn cut(self) -> Self {
        self.answer(|answer| answer.cut_after = Some(answer.body.len() / 2))
    }

    /// Closes the connection after the response without having announced it, as a server does whose idle time is over.
    pub fn then_close(self) -> Self {
        self.answer(|answer| answer.close_after = true)
    }

    fn act(act: Act) -> Self {
        Self { after: Duration::ZERO, act }
    }

    fn answer(mut self, change: impl FnOnce(&mut Answer)) -> Self {
        match &mut self.act {
            Act::Answer(answer) => change(answer),
            _ => panic!("only a response can be changed like this"),
        }
        self
    }
}

/// The scripted upstream.
pub struct FakeGrid {
    address: SocketAddr,
    shared: Arc<Shared>,
    accepting: AbortHandle,
}

struct Shared {
    /// Guards the script and what has been received; never held across a wait.
    script: Mutex<Script>,
    /// Changes with everything that happens.
    events: watch::Sender<Events>,
}

#[derive(Default)]
struct Script {
    rules: Vec<Rule>,
    received: Vec<Received>,
}

struct Rule {
    method: String,
    path: String,
    reply: Reply,
}

#[derive(Default, Clone, Copy)]
struct Events {
    connections: usize,
    /// Connections that the client closed while a request or its answer was under way.
    abandoned: usize,
    /// Connections that are closed, by either side.
    closed: usize,
    received: usize,
}

impl FakeGrid {
    /// Starts on a free port, with nothing scripted.
    pub async fn start() -> Self {
        Self::on_listener(TcpListener::bind("127.0.0.1:0").await.expect("a free port"))
    }

    fn on_listener(listener: TcpListener) -> Self {
        let address = listener.local_addr().expect("an address");
        let shared = Arc::new(Shared { script: Mutex::default(), events: watch::Sender::default() });
        let accepting = tokio::spawn(accept(listener, Arc::clone(&shared))).abort_handle();
        Self { address, shared, accepting }
    }

    /// What the program is told Grid's base URL is.
    pub fn base_url(&self) -> String {
        format!("http://{}{BASE_PATH}", self.address)
    }

    /// From now on answers requests of this method and path like this.
    pub fn on(&self, method: &str, path: &str, reply: Reply) {
        self.shared.script().rules.push(Rule { method: method.to_owned(), path: path.to_owned(), reply });
    }

    /// Every complete request so far, in the order in which they were received.
    pub fn requests(&self) -> Vec<Received> {
        self.shared.script().received.clone()
    }

    /// Those of this method and path.
    pub fn requests_to(&self, method: &str, path: &str) -> Vec<Received> {
        self.requests().into_iter().filter(|request| request.is_to(method, path)).collect()
    }

    /// Forgets every request so far.
    pub fn forget_requests(&self) {
        self.shared.script().received.clear();
    }

    /// Every complete request so far, which are then forgotten.
    pub fn take_requests(&self) -> Vec<Received> {
        std::mem::take(&mut self.shared.script().received)
    }

    /// How many connections have been opened.
    pub fn connections(&self) -> usize {
        self.shared.events.borrow().connections
    }

    /// How many requests have been received, forgotten ones too.
    pub fn received(&self) -> usize {
        self.shared.events.borrow().received
    }

    /// Waits until so many requests have been received.
    pub async fn wait_for_requests(&self, count: usize) {
        self.wait_until("requests", |events| events.received >= count).await;
    }

    /// Waits until so many connections have been opened.
    pub async fn wait_for_connections(&self, count: usize) {
        self.wait_until("connections", |events| events.connections >= count).await;
    }

    /// Waits until the client has closed so many connections in the middle of a request or before its answer.
    pub async fn wait_until_abandoned(&self, count: usize) {
        self.wait_until("abandoned connections", |events| events.abandoned >= count).await;
    }

    /// Waits until so many connections are closed, by either side.
    pub async fn wait_until_closed(&self, count: usize) {
        self.wait_until("closed connections", |events| events.closed >= count).await;
    }

    async fn wait_until(&self, what: &str, enough: impl Fn(&Events) -> bool) {
        let mut events = self.shared.events.subscribe();
        let happened = tokio::time::timeout(PATIENCE, events.wait_for(|events| enough(events))).await;
        assert!(happened.is_ok(), "too few {what} within {PATIENCE:?}");
    }
}

impl Drop for FakeGrid {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

/// A port on which nobody listens, and which nobody else gets while this lives.
pub struct Refusing {
    socket: TcpSocket,
}

impl Refusing {
    pub fn start() -> Self {
        let socket = TcpSocket::new_v4().expect("a socket");
        socket.bind(SocketAddr::from(([127, 0, 0, 1], 0))).expect("a free port");
        Self { socket }
    }

    pub fn base_url(&self) -> String {
        format!("http://{}{BASE_PATH}", self.socket.local_addr().expect("an address"))
    }

    /// Opens the port after all.
    pub fn open(self) -> FakeGrid {
        FakeGrid::on_listener(self.socket.listen(1024).expect("a listener"))
    }
}

impl Shared {
    fn script(&self) -> MutexGuard<'_, Script> {
        self.script.lock().expect("no test panics while it holds this")
    }

    /// Keeps a request, and finds its reply.
    fn receive(&self, request: &Received) -> Reply {
        let mut script = self.script();
        script.received.push(request.clone());
        let rule = script.rules.iter().rev().find(|rule| request.is_to(&rule.method, &rule.path));
        let reply = rule.map(|rule| rule.reply.clone());
        drop(script);
        self.events.send_modify(|events| events.received += 1);
        reply.unwrap_or_else(|| Reply::error(599, "NOT_SCRIPTED", "no reply was scripted for this request"))
    }
}

/// Owns every connection: they end with it.
async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        let _ = stream.set_nodelay(true);
        shared.events.send_modify(|events| events.connections += 1);
        let shared = Arc::clone(&shared);
        connections.spawn(async move {
            let abandoned = serve(stream, &shared).await == End::Abandoned;
            shared.events.send_modify(|events| {
                events.abandoned += usize::from(abandoned);
                events.closed += 1;
            });
        });
    }
}

#[derive(PartialEq)]
enum End {
    /// Between requests, or by this side.
    Orderly,
    /// By the client, in the middle of a request or before its answer.
    Abandoned,
}

async fn serve(mut stream: TcpStream, shared: &Shared) -> End {
    let mut buffer = Vec::new();
    loop {
        let request = match wire::read_request(&mut stream, &mut buffer).await {
            Ok(Some(request)) => request.below(BASE_PATH),
            Ok(None) => return End::Orderly,
            Err(_) => return End::Abandoned,
        };
        let reply = shared.receive(&request);
        match act(&mut stream, reply, &request).await {
            Next::Request => {}
            Next::Close => return End::Orderly,
            Next::Gone => return End::Abandoned,
        }
    }
}

enum Next {
    Request,
    Close,
    Gone,
}

async fn act(stream: &mut TcpStream, reply: Reply, request: &Received) -> Next {
    let Reply { after, act: what } = reply;
    if !after.is_zero() {
        tokio::select! {
            () = tokio::time::sleep(after) => {}
            () = gone(stream) => return Next::Gone,
        }
    }
    match what {
        Act::Answer(answer) => match wire::write_answer(stream, &answer).await {
            Ok(true) => Next::Request,
            Ok(false) => Next::Close,
            Err(_) => Next::Gone,
        },
        Act::Close => Next::Close,
        Act::Hang => {
            gone(stream).await;
            Next::Gone
        }
        Act::Raw(bytes) => {
            let _ = wire::write_raw(stream, &bytes).await;
            Next::Close
        }
        Act::Sequence(replies) => {
            let next = {
                let mut replies = replies.lock().expect("no test panics while it holds this");
                if replies.len() > 1 { replies.pop() } else { replies.last().cloned() }
            };
            Box::pin(act(stream, next.expect("never empty"), request)).await
        }
        Act::Held(gate, reply) => {
            tokio::select! {
                permit = gate.acquire() => permit.expect("never closed").forget(),
                () = gone(stream) => return Next::Gone,
            }
            Box::pin(act(stream, *reply, request)).await
        }
        Act::With(decide) => Box::pin(act(stream, decide(request), request)).await,
    }
}

/// Waits until the client has closed the connection. It sends nothing more while it waits for an answer.
async fn gone(stream: &mut TcpStream) {
    let mut byte = [0];
    while !matches!(stream.read(&mut byte).await, Ok(0) | Err(_)) {}
}
