//! Thousands of requests that Grid would never send, to the real program: the right status each, and no memory kept of them.

use std::net::SocketAddr;

use futures_util::{StreamExt as _, stream};
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;

use super::hostile::malformed_signatures;
use crate::support::serving::Serving;
use crate::support::soon;
use crate::support::webhook_sender::{Request, WebhookSender, kyc};

/// How many requests are made before memory is looked at, and after.
const ROUNDS: (usize, usize) = (20, 150);
/// What a process may hold more after them, in bytes. They carry hundreds of megabytes.
const ALLOWANCE: u64 = 24 * 1024 * 1024;
/// How many connections say half a request meanwhile, and then nothing.
const SILENT: usize = 200;

/// Every bad request, with the statuses that it may be answered with.
fn bad_requests(grid: &WebhookSender, round: usize) -> Vec<(&'static str, Request, &'static [u16])> {
    let body = kyc("W:bad", "Customer:1", "APPROVED").into_bytes();
    let signed = |body: &[u8]| grid.webhook(body);
    let mut requests: Vec<(&str, Request, &[u16])> = Vec::new();
    for (name, signature) in malformed_signatures(grid, &body) {
        requests.push((name, Request::post(&body).header("X-Grid-Signature", signature), &[401]));
    }
    let twice = signed(&body).header("X-Grid-Signature", grid.signature(&body));
    let mut spoilt = body.clone();
    spoilt.insert(20, 0xc3);
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    requests.extend([
        ("no signature", Request::post(&body), &[401][..]),
        ("two signatures", twice, &[401]),
        ("no text", Request::post(&body).header("X-Grid-Signature", [0xff, 0xfe]), &[401]),
        ("a huge header", Request::post(&body).header("X-Grid-Signature", "A".repeat(200_000)), &[431]),
        ("invalid UTF-8", signed(&spoilt), &[400]),
        ("deep JSON", signed(deep.as_bytes()), &[400]),
        ("a list", signed(b"[]"), &[400]),
        ("half of JSON", signed(&body[..body.len() / 2]), &[400]),
        ("nothing", signed(b""), &[400]),
        ("no length", signed(&body).without("Content-Length").header("Content-Length", "-1"), &[400]),
    ]);
    if round.is_multiple_of(10) {
        let huge = vec![b' '; 10 * 1024 * 1024];
        requests.push(("10 MB", signed(&huge), &[413]));
        requests.push(("10 MB in chunks", signed(&huge).chunked(64 * 1024), &[413]));
    }
    requests
}

async fn send_all(grid: &WebhookSender, door: SocketAddr, rounds: usize) -> usize {
    let requests = (0..rounds).flat_map(|round| bad_requests(grid, round));
    let answers = stream::iter(requests).map(async |(name, request, expected)| {
        let answer = soon("an answer", request.send(door)).await;
        assert!(expected.contains(&answer.status), "{name}: {}", answer.status);
    });
    answers.buffer_unordered(8).count().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[allow(clippy::print_stderr, reason = "what was measured, for whoever asks with --nocapture")]
async fn bad_requests_are_answered_as_they_should_be_and_cost_no_memory() {
    let grid = WebhookSender::new();
    let mut random = fastrand::Rng::new();
    let serving = Serving::new(&mut random, grid.public_key(), "http://127.0.0.1:9/grid".to_owned());
    let program = serving.start_and_wait().await;
    let door = serving.webhooks;
    let mut silent = Vec::new();
    for _ in 0..SILENT {
        let mut stream = TcpStream::connect(door).await.unwrap();
        stream.write_all(b"POST /webhooks/grid HTTP/1.1\r\nX-Grid-Sig").await.unwrap();
        silent.push(stream);
    }
    send_all(&grid, door, ROUNDS.0).await;
    let before = program.memory().await;
    let sent = send_all(&grid, door, ROUNDS.1).await;
    let after = program.memory().await;
    eprintln!("{before} bytes, {after} after {sent} bad requests");
    assert!(sent > 3000, "{sent}");
    assert!(after < before + ALLOWANCE, "{before} bytes before, {after} after {sent} bad requests");
    drop(silent);
    let good = grid.webhook(kyc("W:1", "Customer:1", "APPROVED"));
    assert_eq!(good.send(door).await.status, 200, "and it goes on");
    assert_eq!(good.send(door).await.status, 409);
    program.signal("TERM").await;
    let ended = program.ended().await;
    assert!(ended.status.success(), "{}", ended.stderr);
    assert!(!ended.stderr.contains("panicked"), "{}", ended.stderr);
}
