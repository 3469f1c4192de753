//! HTTP/1.1 by hand: enough to read what a client sends, and to answer well or badly.

use std::io;
use std::time::SystemTime;

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::Answer;

/// One request as it came.
#[derive(Debug, Clone)]
pub struct Received {
    pub method: String,
    /// Below the base URL, encoded as it came, without the query.
    pub path: String,
    /// Decoded, in order.
    pub query: Vec<(String, String)>,
    /// Names in lower case, in order.
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Received {
    /// The first header of this name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The first query parameter of this name.
    pub fn query(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The body as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).expect("a JSON body")
    }

    /// The body as text, where it is not.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub(super) fn is_to(&self, method: &str, path: &str) -> bool {
        let (mut pattern, mut segments) = (path.split('/'), self.path.split('/'));
        let same = loop {
            match (pattern.next(), segments.next()) {
                (None, None) => break true,
                (Some(wanted), Some(segment)) if wanted == "*" || wanted == segment => {}
                _ => break false,
            }
        };
        same && self.method == method
    }

    pub(super) fn below(mut self, base_path: &str) -> Self {
        if let Some(path) = self.path.strip_prefix(base_path) {
            self.path = path.to_owned();
        }
        self
    }
}

/// Reads one request; `buffer` keeps what was read beyond it. `None`: the client closed between requests.
pub(super) async fn read_request(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> io::Result<Option<Received>> {
    let head_end = loop {
        if let Some(at) = find(buffer, b"\r\n\r\n") {
            break at;
        }
        if !more(stream, buffer).await? {
            return if buffer.is_empty() { Ok(None) } else { Err(io::ErrorKind::UnexpectedEof.into()) };
        }
    };
    let head: Vec<u8> = buffer.drain(..head_end + 4).collect();
    let head = String::from_utf8_lossy(&head);
    let mut lines = head.split("\r\n");
    let mut request_line = lines.next().unwrap_or_default().split(' ');
    let method = request_line.next().unwrap_or_default().to_owned();
    let target = request_line.next().unwrap_or_default();
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let headers: Vec<_> = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
        .collect();
    let mut request = Received { method, path: path.to_owned(), query: parse_query(query), headers, body: Vec::new() };
    request.body = match (request.header("transfer-encoding"), request.header("content-length")) {
        (Some(_), _) => read_chunks(stream, buffer).await?,
        (None, Some(length)) => {
            let length = length.parse().map_err(io::Error::other)?;
            take(stream, buffer, length).await?
        }
        (None, None) => Vec::new(),
    };
    Ok(Some(request))
}

async fn read_chunks(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> io::Result<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let line_end = loop {
            if let Some(at) = find(buffer, b"\r\n") {
                break at;
            }
            if !more(stream, buffer).await? {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        };
        let line: Vec<u8> = buffer.drain(..line_end + 2).collect();
        let size = String::from_utf8_lossy(&line);
        let size = usize::from_str_radix(size.trim(), 16).map_err(io::Error::other)?;
        let chunk = take(stream, buffer, size + 2).await?;
        if size == 0 {
            return Ok(body);
        }
        body.extend_from_slice(&chunk[..size]);
    }
}

/// Takes exactly so many bytes.
async fn take(stream: &mut TcpStream, buffer: &mut Vec<u8>, count: usize) -> io::Result<Vec<u8>> {
    while buffer.len() < count {
        if !more(stream, buffer).await? {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
    Ok(buffer.drain(..count).collect())
}

async fn more(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> io::Result<bool> {
    Ok(stream.read_buf(buffer).await? > 0)
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack.windows(needle.len()).position(|window| window == needle)
}

fn parse_query(query: &str) -> Vec<(String, String)> {
    let decode =
        |text: &str| percent_encoding::percent_decode_str(&text.replace('+', " ")).decode_utf8_lossy().into_owned();
    let pair = |pair: &str| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        (decode(name), decode(value))
    };
    query.split('&').filter(|text| !text.is_empty()).map(pair).collect()
}

/// Writes a response, or part of one. Whether the connection stays open.
pub(super) async fn write_answer(stream: &mut TcpStream, answer: &Answer) -> io::Result<bool> {
    let Answer { status, headers, body, dated, cut_after, close_after } = answer;
    let mut head = format!("HTTP/1.1 {status} Scripted\r\n");
    if *status != 204 {
        head.push_str(&format!("content-length: {}\r\n", body.len()));
    }
    if *dated {
        head.push_str(&format!("date: {}\r\n", httpdate::fmt_http_date(SystemTime::now())));
    }
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head.push_str("\r\n");
    let mut response = head.into_bytes();
    response.extend_from_slice(&body[..cut_after.unwrap_or(body.len())]);
    write_raw(stream, &response).await?;
    Ok(cut_after.is_none() && !close_after)
}

pub(super) async fn write_raw(stream: &mut TcpStream, bytes: &[u8]) -> io::Result<()> {
    stream.write_all(bytes).await?;
    stream.flush().await
}
