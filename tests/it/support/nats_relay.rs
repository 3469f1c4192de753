//! What stands between one client and a NATS server, and holds messages back that a test names.
//!
//! It reads what the client sends just far enough to tell messages apart
//! (<https://docs.nats.io/reference/reference-protocols/nats-protocol>); what the server sends passes as it is.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, BufReader};
use tokio::net::tcp::OwnedReadHalf;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::soon;

/// A relay for any number of connections. Dropped, it ends with all of them.
pub struct NatsRelay {
    pub server: String,
    held: Arc<Held>,
    accepting: JoinHandle<()>,
}

struct Held {
    /// Messages to subjects that contain this are held back.
    subject: Mutex<Option<String>>,
    /// How many were.
    count: watch::Sender<usize>,
    /// How often everything was let go.
    released: watch::Sender<usize>,
}

impl NatsRelay {
    /// In front of one server, `nats://` and its address.
    pub async fn to(server: &str) -> Self {
        let upstream = server.trim_start_matches("nats://").to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let server = format!("nats://{}", listener.local_addr().unwrap());
        let (count, released) = (watch::Sender::new(0), watch::Sender::new(0));
        let held = Arc::new(Held { subject: Mutex::default(), count, released });
        let shared = Arc::clone(&held);
        let accepting = tokio::spawn(async move {
            let mut connections = tokio::task::JoinSet::new();
            while let Ok((client, _)) = listener.accept().await {
                connections.spawn(relay(client, upstream.clone(), Arc::clone(&shared)));
            }
        });
        Self { server, held, accepting }
    }

    /// Holds back what is sent to subjects that contain this, from now on.
    pub fn hold(&self, subject: &str) {
        self.held.set(Some(subject.to_owned()));
    }

    /// Waits until something is held back.
    pub async fn holds(&self) {
        let mut count = self.held.count.subscribe();
        soon("a message to hold back", count.wait_for(|count| *count > 0)).await.unwrap();
    }

    /// Lets go of everything, and holds nothing back any more.
    pub fn release(&self) {
        self.held.set(None);
        self.held.count.send_replace(0);
        self.held.released.send_modify(|times| *times += 1);
    }
}

impl Drop for NatsRelay {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

impl Held {
    fn set(&self, subject: Option<String>) {
        *self.subject.lock().unwrap_or_else(PoisonError::into_inner) = subject;
    }

    fn is_meant(&self, subject: &str) -> bool {
        let held = self.subject.lock().unwrap_or_else(PoisonError::into_inner);
        held.as_deref().is_some_and(|held| subject.contains(held))
    }
}

async fn relay(client: TcpStream, upstream: String, held: Arc<Held>) -> io::Result<()> {
    let server = TcpStream::connect(upstream).await?;
    let (from_client, mut to_client) = client.into_split();
    let (mut from_server, to_server) = server.into_split();
    tokio::select! {
        ended = pass(BufReader::new(from_client), to_server, &held) => ended,
        ended = tokio::io::copy(&mut from_server, &mut to_client) => ended.map(drop),
    }
}

async fn pass(
    mut client: BufReader<OwnedReadHalf>,
    mut server: impl AsyncWrite + Unpin,
    held: &Held,
) -> io::Result<()> {
    let mut back: Vec<u8> = Vec::new();
    let mut released = held.released.subscribe();
    // Outside of the loop, since a line may be read in parts.
    let mut message = Vec::new();
    loop {
        tokio::select! {
            read = client.read_until(b'\n', &mut message) => if read? == 0 { return Ok(()) },
            changed = released.changed() => {
                changed.map_err(io::Error::other)?;
                server.write_all(&std::mem::take(&mut back)).await?;
                continue;
            }
        }
        let line = String::from_utf8_lossy(&message).into_owned();
        let words: Vec<&str> = line.split_ascii_whitespace().collect();
        if let [verb, subject, .., size] = words[..]
            && ["PUB", "HPUB"].contains(&verb)
        {
            let from = message.len();
            message.resize(from + size.parse::<usize>().map_err(io::Error::other)? + 2, 0);
            client.read_exact(&mut message[from..]).await?;
            if held.is_meant(subject) {
                back.append(&mut message);
                held.count.send_modify(|count| *count += 1);
                continue;
            }
        }
        server.write_all(&message).await?;
        message.clear();
    }
}
