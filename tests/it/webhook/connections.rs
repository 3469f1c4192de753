//! Connections that take their time, and how the door is closed.

use std::time::Duration;

use gridgate::webhook::{Limits, Outcome};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::log::Mood;
use super::{Door, Opening, Response};
use crate::support::soon;
use crate::support::webhook_sender::kyc;

/// Short enough to wait for, and long enough for what is in time to be in time.
const SHORT: Duration = Duration::from_millis(500);

async fn connect(door: &Door) -> TcpStream {
    TcpStream::connect(door.address).await.unwrap()
}

/// Waits until the other end has closed the connection.
async fn closed(stream: &mut TcpStream) {
    let mut rest = Vec::new();
    // Whether it ends or breaks.
    let _ = soon("the connection is closed", stream.read_to_end(&mut rest)).await;
}

/// Says `bytes` one by one and slowly, for ever; ends when the other end has closed.
async fn drip(stream: &mut TcpStream, bytes: &[u8]) {
    let mut every = tokio::time::interval(Duration::from_millis(20));
    for byte in bytes.iter().cycle() {
        every.tick().await;
        if stream.write_all(&[*byte]).await.is_err() {
            return;
        }
    }
}

#[tokio::test]
async fn a_head_that_drips_in_is_cut_off_and_one_that_never_begins_too() {
    let limits = Limits { head_timeout: SHORT, ..Limits::default() };
    let door = Opening { limits, ..Opening::new() }.open().await;
    let mut silent = connect(&door).await;
    let mut slow = connect(&door).await;
    soon("cut off", drip(&mut slow, b"POST /webhooks/grid HTTP/1.1\r\nX-A: aaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\nX-B: b"))
        .await;
    closed(&mut silent).await;
    assert_eq!(door.counters.snapshot().head_timed_out, 2);
}

#[tokio::test]
async fn a_body_that_drips_in_is_408() {
    let limits = Limits { body_timeout: SHORT, ..Limits::default() };
    let door = Opening { limits, ..Opening::new() }.open().await;
    let request = door.grid.webhook(kyc("W:1", "Customer:1", "APPROVED")).bytes();
    let mut slow = connect(&door).await;
    slow.write_all(&request[..request.len() - 200]).await.unwrap();
    let (mut reading, mut writing) = slow.split();
    let dripping = async {
        let mut every = tokio::time::interval(Duration::from_millis(20));
        loop {
            every.tick().await;
            let _ = writing.write_all(b" ").await;
        }
    };
    let answer = tokio::select! {
        answer = soon("an answer", Response::read(&mut reading)) => answer.unwrap(),
        () = dripping => unreachable!(),
    };
    assert_eq!((answer.status, answer.code().as_str()), (408, "body_timed_out"));
    assert!(door.log.observations().is_empty());
}

#[tokio::test]
async fn an_idle_connection_is_closed_after_a_while_and_used_again_before() {
    let limits = Limits { head_timeout: SHORT, ..Limits::default() };
    let door = Opening { limits, ..Opening::new() }.open().await;
    let mut stream = connect(&door).await;
    for n in 0..3 {
        let body = kyc(&format!("W:{n}"), "Customer:1", "APPROVED");
        stream.write_all(&door.grid.webhook(body).bytes()).await.unwrap();
        assert_eq!(soon("an answer", Response::read(&mut stream)).await.unwrap().status, 200);
    }
    closed(&mut stream).await;
    assert_eq!(door.counters.snapshot().connections_accepted, 1);
}

#[tokio::test]
async fn an_old_connection_ends_between_two_requests_however_busy_it_is() {
    let limits = Limits { max_connection_age: SHORT, ..Limits::default() };
    let door = Opening { limits, ..Opening::new() }.open().await;
    let mut stream = connect(&door).await;
    let request = door.grid.webhook(kyc("W:1", "Customer:1", "APPROVED")).bytes();
    let mut answers = Vec::new();
    let requests = async {
        while stream.write_all(&request).await.is_ok() {
            let Some(answer) = Response::read(&mut stream).await else { break };
            answers.push(answer);
        }
    };
    soon("the connection ends", requests).await;
    assert_eq!(answers.first().map(|answer| answer.status), Some(200));
    assert!(answers[1..].iter().all(|answer| answer.status == 409), "{answers:?}");
    assert_eq!(door.counters.snapshot().connections_accepted, 1);
}

#[tokio::test]
async fn connections_over_the_limit_wait_for_their_turn() {
    let limits = Limits { max_connections: 2, ..Limits::default() };
    let door = Opening { limits, ..Opening::new() }.open().await;
    door.log.set(Mood::Waits);
    let mut held = Vec::new();
    for n in 0..2 {
        let mut stream = connect(&door).await;
        let body = kyc(&format!("W:{n}"), "Customer:1", "APPROVED");
        stream.write_all(&door.grid.webhook(body).bytes()).await.unwrap();
        held.push(stream);
    }
    door.log.wait_for(2).await;
    let mut third = connect(&door).await;
    third.write_all(&door.grid.webhook(kyc("W:3", "Customer:1", "APPROVED")).bytes()).await.unwrap();
    assert_eq!(door.counters.snapshot().connections_open, 2);
    door.log.set(Mood::Takes);
    drop(held);
    assert_eq!(soon("its turn", Response::read(&mut third)).await.unwrap().status, 200);
}

#[tokio::test]
async fn leaving_answers_what_has_begun_and_takes_nothing_new() {
    let mut door = Door::open().await;
    door.log.set(Mood::Waits);
    let mut idle = connect(&door).await;
    idle.write_all(&door.grid.webhook("{}").bytes()).await.unwrap();
    assert_eq!(soon("an answer", Response::read(&mut idle)).await.unwrap().status, 400);
    let mut busy = connect(&door).await;
    busy.write_all(&door.grid.webhook(kyc("W:1", "Customer:1", "APPROVED")).bytes()).await.unwrap();
    door.log.wait_for(1).await;
    door.leaving.cancel();
    closed(&mut idle).await;
    soon("the port is closed", async { while TcpStream::connect(door.address).await.is_ok() {} }).await;
    assert!(!door.serving.is_finished());
    door.log.set(Mood::Takes);
    assert_eq!(soon("an answer", Response::read(&mut busy)).await.unwrap().status, 200);
    soon("the door is closed", &mut door.serving).await.unwrap();
    assert_eq!(door.log.observations().len(), 1);
    assert_eq!(door.counters.snapshot().connections_open, 0);
}

#[tokio::test]
async fn a_sender_that_goes_away_in_the_middle_leaves_nothing_behind() {
    let door = Door::open().await;
    let request = door.grid.webhook(kyc("W:1", "Customer:1", "APPROVED")).bytes();
    for end in [1, 30, request.len() / 2, request.len() - 1] {
        let mut stream = connect(&door).await;
        stream.write_all(&request[..end]).await.unwrap();
    }
    assert_eq!(door.send(door.grid.webhook(kyc("W:2", "Customer:1", "APPROVED"))).await.status, 200);
    let gone = async {
        while door.counters.snapshot().connections_open > 0 || door.counters.snapshot().connections_accepted < 5 {
            tokio::task::yield_now().await;
        }
    };
    soon("all connections are gone", gone).await;
    assert_eq!(door.log.observations().len(), 1);
    assert_eq!(door.count(Outcome::Recorded), 1);
}
