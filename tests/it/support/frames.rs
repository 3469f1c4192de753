//! HTTP/2 frames as they come over the wire (RFC 9113, section 4.1), and a connection that sees them.

use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, ReadBuf};
use tokio::net::TcpStream;

use super::soon;

pub const SETTINGS: u8 = 4;
pub const GOAWAY: u8 = 7;

/// The client's preface, with empty settings.
pub const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    pub kind: u8,
    pub flags: u8,
    pub payload: Vec<u8>,
}

/// What a GOAWAY says (RFC 9113, section 6.8).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GoAway {
    pub last_stream: u32,
    pub error: u32,
    pub debug: String,
}

impl Frame {
    pub fn go_away(&self) -> Option<GoAway> {
        let number = |at: usize| u32::from_be_bytes(self.payload[at..at + 4].try_into().unwrap());
        (self.kind == GOAWAY).then(|| GoAway {
            last_stream: number(0),
            error: number(4),
            debug: String::from_utf8_lossy(&self.payload[8..]).into_owned(),
        })
    }
}

/// The complete frames among these bytes.
pub fn parse(mut bytes: &[u8]) -> Vec<Frame> {
    let mut frames = Vec::new();
    while bytes.len() >= 9 {
        let length = usize::try_from(u32::from_be_bytes([0, bytes[0], bytes[1], bytes[2]])).unwrap();
        let Some(payload) = bytes.get(9..9 + length) else { break };
        frames.push(Frame { kind: bytes[3], flags: bytes[4], payload: payload.to_vec() });
        bytes = &bytes[9 + length..];
    }
    frames
}

/// Sends these bytes after the preface, and returns every frame that comes until the server closes.
pub async fn until_closed(addr: SocketAddr, bytes: &[u8]) -> Vec<Frame> {
    let mut stream = TcpStream::connect(addr).await.unwrap();
    stream.write_all(&[PREFACE, bytes].concat()).await.unwrap();
    let mut said = Vec::new();
    // A reset ends it too; what came before it is there.
    let _ = soon("closed", stream.read_to_end(&mut said)).await;
    parse(&said)
}

/// A connection that remembers what it heard.
pub struct Overheard {
    stream: TcpStream,
    heard: Arc<Mutex<Vec<u8>>>,
}

impl Overheard {
    pub async fn connect(addr: SocketAddr) -> (Overheard, Arc<Mutex<Vec<u8>>>) {
        let stream = soon("connected", TcpStream::connect(addr)).await.unwrap();
        let heard = Arc::default();
        (Overheard { stream, heard: Arc::clone(&heard) }, heard)
    }
}

impl AsyncRead for Overheard {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(cx, buffer))?;
        self.heard.lock().unwrap().extend_from_slice(&buffer.filled()[before..]);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Overheard {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<std::io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
