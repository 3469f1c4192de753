//! Replicas over one log that are restarted one after the other while services call and watch, and Grid reports.

use super::mesh::{Mesh, PAYMENTS};
use super::restarts::{calls, new_customer};
use crate::replicas::grid::{Grid, webhook};
use crate::support::nats::Nats;
use crate::support::{PATIENCE, soon};
use gridgate::pb;
use gridgate::pb::customer_service_client::CustomerServiceClient;
use gridgate::pb::kyc_event_service_client::KycEventServiceClient;
use gridgate::pb::watch_kyc_status_request::Start;
use gridgate::pb::watch_kyc_status_response::Event;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tonic::Status;
use tonic::transport::Channel;

/// Customers of whom Grid reports.
const REPORTED: usize = 10;
const WATCHERS: usize = 20;

/// Reports one change of a customer after the other until told to stop, and says which. As Grid does: again, to whichever
/// replica, until one has it; now and then to both at once.
fn reports(mesh: Arc<Mesh>, grid: Arc<Grid>, customer: usize, stop: CancellationToken) -> JoinHandle<Vec<String>> {
    tokio::spawn(async move {
        let send = async |number: usize, body: &str| grid.send(mesh.webhook(number)?, body).await;
        let mut reported = Vec::new();
        loop {
            let last = stop.is_cancelled();
            let (id, body) = webhook(customer, reported.len(), last);
            soon("a replica that takes a webhook", async {
                loop {
                    let number = fastrand::usize(..2);
                    let answers = if fastrand::u8(..) < 64 {
                        <[_; 2]>::from(tokio::join!(send(number, &body), send(1 - number, &body)))
                    } else {
                        [send(number, &body).await, None]
                    };
                    if answers.into_iter().flatten().any(|status| [200, 409].contains(&status)) {
                        return;
                    }
                    sleep(Duration::from_millis(20)).await;
                }
            })
            .await;
            reported.push(id);
            if last {
                return reported;
            }
            sleep(Duration::from_millis(fastrand::u64(..100))).await;
        }
    })
}

/// Creates customers until told to stop, and says which. Every call has to succeed.
fn creates(channel: Channel, name: usize, stop: CancellationToken) -> JoinHandle<Result<Vec<String>, Status>> {
    let mut client = CustomerServiceClient::new(channel);
    tokio::spawn(async move {
        let mut created = Vec::new();
        while !stop.is_cancelled() {
            let request = new_customer(format!("p-{name}-{}", created.len()));
            let customer = client.create_customer(request).await?.into_inner().customer;
            created.push(customer.expect("what was created").id);
            sleep(Duration::from_millis(50)).await;
        }
        Ok(created)
    })
}

/// What a watcher heard: customer and event of each change, in the order they came.
#[derive(Default)]
struct Heard {
    changes: Vec<(String, String)>,
    streams: u32,
}

/// Ends when nothing was said for long although everything has happened.
async fn silence(mut all: watch::Receiver<Option<usize>>) {
    all.wait_for(Option::is_some).await.expect("the test waits");
    sleep(PATIENCE / 2).await;
}

/// Watches from the beginning, on stream after stream, until as many changes were heard as there are, once that is known,
/// and no more are to come. No stream may fail to open, and every one has to say goodbye.
fn hears(channel: Channel, all: watch::Receiver<Option<usize>>) -> JoinHandle<Result<Heard, Status>> {
    let mut client = KycEventServiceClient::new(channel);
    tokio::spawn(async move {
        let mut all = all;
        let mut heard = Heard::default();
        let mut start = Start::StartPosition(pb::WatchStart::Earliest.into());
        loop {
            // Once all were heard, another stream has nothing to add before it is synced.
            let complete = all.borrow().is_some_and(|all| heard.changes.len() >= all);
            let request = pb::WatchKycStatusRequest { start: Some(start.clone()), ..Default::default() };
            let mut stream = client.watch_kyc_status(request).await?.into_inner();
            heard.streams += 1;
            loop {
                let message = tokio::select! {
                    message = stream.message() => message?,
                    // What is missing then, the comparison says.
                    () = silence(all.clone()) => return Ok(heard),
                    known = all.wait_for(|all| all.is_some_and(|all| heard.changes.len() >= all)), if !complete => {
                        known.expect("the test waits");
                        break;
                    }
                };
                let response = message.expect("a goodbye before the end");
                start = Start::ResumeToken(response.resume_token);
                match response.event.expect("each says something") {
                    Event::StatusChange(change) => {
                        heard.changes.push((change.customer_id, change.record.expect("each has one").event_id));
                    }
                    Event::Synced(_) if complete => return Ok(heard),
                    Event::Synced(_) | Event::Heartbeat(_) => {}
                    Event::GoingAway(_) => break,
                    other => panic!("nobody asked for {other:?}"),
                }
            }
        }
    })
}

/// What has to be heard exactly once and in order.
struct Happened {
    reported: Vec<Vec<String>>,
    created: BTreeSet<String>,
}

impl Happened {
    fn count(&self) -> usize {
        self.reported.iter().map(Vec::len).sum::<usize>() + self.created.len()
    }

    #[track_caller]
    fn compare(&self, changes: &[(String, String)]) {
        let mut of: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for (customer, event) in changes {
            of.entry(customer).or_default().push(event);
        }
        for (customer, reported) in self.reported.iter().enumerate() {
            assert_eq!(of.remove(format!("Customer:{customer}").as_str()).unwrap_or_default(), *reported);
        }
        for customer in &self.created {
            let heard = of.remove(customer.as_str()).unwrap_or_default();
            assert_eq!(heard.len(), 1, "{customer}: {heard:?}");
        }
        assert!(of.is_empty(), "nobody made these: {of:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rolling_restart_fails_no_call_and_loses_and_repeats_no_event() {
    let (nats, grid) = (Nats::shared_single().await, Arc::new(Grid::new()));
    let mesh = Mesh::with(vec![
        ("GRIDGATE_EVENT_LOG", nats.url()),
        ("GRIDGATE_NATS_PREFIX", format!("rolling{:x}", fastrand::u64(..))),
        ("GRIDGATE_NATS_REPLICAS", "1".to_owned()),
        ("GRIDGATE_EVENT_MAX_SIZE", "64MiB".to_owned()),
        ("GRID_WEBHOOK_PUBKEY", grid.public_key()),
        ("GRIDGATE_WEBHOOK_ADDR", "127.0.0.1:0".to_owned()),
    ]);
    let mesh = Arc::new(mesh.await);
    let envoy = mesh.envoy(&[]).await;
    let (stop, (all, known)) = (CancellationToken::new(), watch::channel(None));
    let (mut callers, mut creators, mut watchers) = (Vec::new(), Vec::new(), Vec::new());
    for name in 0..4 {
        let channel = mesh.channel(envoy.addr, Some(PAYMENTS)).await.unwrap();
        callers.push(calls(channel.clone(), stop.clone()));
        creators.push(creates(channel.clone(), name, stop.clone()));
        watchers.extend((0..WATCHERS / 4).map(|_| hears(channel.clone(), known.clone())));
    }
    let reporters: Vec<_> =
        (0..REPORTED).map(|customer| reports(Arc::clone(&mesh), Arc::clone(&grid), customer, stop.clone())).collect();

    for (number, addr) in mesh.addrs().into_iter().enumerate() {
        mesh.restart(number).await;
        envoy.until(addr, true).await;
    }
    stop.cancel();

    let mut made = 0;
    for caller in callers {
        made += soon("the calls", caller).await.unwrap().expect("a call failed");
    }
    let mut happened = Happened { reported: Vec::new(), created: BTreeSet::new() };
    for creator in creators {
        happened.created.extend(soon("the customers", creator).await.unwrap().expect("a customer was not created"));
    }
    for reporter in reporters {
        happened.reported.push(soon("the reports", reporter).await.unwrap());
    }
    all.send_replace(Some(happened.count()));
    let mut streams = 0;
    for watcher in watchers {
        let heard = soon("every change", watcher).await.unwrap().expect("a stream broke");
        happened.compare(&heard.changes);
        streams += heard.streams;
    }
    assert!(made > 4 && happened.created.len() > 4 && happened.reported.iter().all(|of| of.len() > 2));
    // Each was on a replica that was restarted, and has looked once more in the end.
    assert!(streams >= 3 * u32::try_from(WATCHERS).unwrap(), "{streams} streams");
    Arc::into_inner(mesh).expect("nobody else is left").end().await;
}
