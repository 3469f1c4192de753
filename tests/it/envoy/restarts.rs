//! Replicas that are restarted one after the other while services call and watch.

use super::mesh::{Mesh, PAYMENTS};
use crate::support::envoy::Host;
use crate::support::soon;
use gridgate::pb;
use gridgate::pb::customer_service_client::CustomerServiceClient;
use gridgate::pb::kyc_event_service_client::KycEventServiceClient;
use gridgate::pb::platform_service_client::PlatformServiceClient;
use gridgate::pb::watch_kyc_status_request::Start;
use gridgate::pb::watch_kyc_status_response::Event;
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::task::JoinHandle;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tonic::transport::Channel;
use tonic::{Code, Status};

pub fn new_customer(platform_id: String) -> pb::CreateCustomerRequest {
    pb::CreateCustomerRequest {
        customer_type: pb::CustomerType::Individual.into(),
        platform_customer_id: Some(platform_id),
        details: Some(pb::create_customer_request::Details::Individual(pb::IndividualInput {
            full_name: Some("Ada Invented".to_owned()),
            birth_date: Some("1990-01-15".to_owned()),
            nationality: Some("US".to_owned()),
            ..Default::default()
        })),
        address: Some(pb::Address {
            line1: Some("1 Invented Street".to_owned()),
            postal_code: Some("94105".to_owned()),
            country: Some("US".to_owned()),
            ..Default::default()
        }),
        ..Default::default()
    }
}

/// Calls until told to stop, and says how often. Every call has to succeed.
pub fn calls(channel: Channel, stop: CancellationToken) -> JoinHandle<Result<u32, Status>> {
    let mut client = PlatformServiceClient::new(channel);
    tokio::spawn(async move {
        let mut calls = 0;
        while !stop.is_cancelled() {
            client.get_platform_config(pb::GetPlatformConfigRequest {}).await?;
            calls += 1;
        }
        Ok(calls)
    })
}

/// Watches until told to stop, on stream after stream, and says how many there were. Every one has to say goodbye.
fn watches(channel: Channel, stop: CancellationToken) -> JoinHandle<Result<u32, Status>> {
    let mut client = KycEventServiceClient::new(channel);
    tokio::spawn(async move {
        let mut streams = 0;
        loop {
            let mut stream = client.watch_kyc_status(pb::WatchKycStatusRequest::default()).await?.into_inner();
            streams += 1;
            let mut goodbye = false;
            loop {
                let message = tokio::select! {
                    message = stream.message() => message?,
                    () = stop.cancelled() => return Ok(streams),
                };
                match message {
                    Some(response) => goodbye = matches!(response.event, Some(Event::GoingAway(_))),
                    None => break,
                }
            }
            assert!(goodbye, "a stream ended without a word");
        }
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rolling_restart_fails_no_call_and_breaks_no_stream() {
    let mesh = Mesh::start().await;
    let envoy = mesh.envoy(&[]).await;
    let stop = CancellationToken::new();
    let (mut callers, mut watchers) = (Vec::new(), Vec::new());
    for _ in 0..8 {
        let channel = mesh.channel(envoy.addr, Some(PAYMENTS)).await.unwrap();
        callers.push(calls(channel.clone(), stop.clone()));
        watchers.extend((0..5).map(|_| watches(channel.clone(), stop.clone())));
    }
    for (number, addr) in mesh.addrs().into_iter().enumerate() {
        mesh.restart(number).await;
        envoy.until(addr, true).await;
    }
    // Each of the two gets some of the calls now, not the one that is left.
    let before = envoy.hosts().await;
    let shared = async {
        loop {
            let hosts = envoy.hosts().await;
            let calls = |hosts: &[Host], addr| hosts.iter().find(|host| host.addr == addr).unwrap().calls;
            if hosts.iter().all(|host| host.calls >= calls(&before, host.addr) + 10) {
                return hosts;
            }
            sleep(Duration::from_millis(10)).await;
        }
    };
    let hosts = soon("calls to both", shared).await;
    stop.cancel();
    let mut made = 0;
    for caller in callers {
        made += soon("the calls", caller).await.unwrap().expect("a call failed");
    }
    let mut streams = 0;
    for watcher in watchers {
        streams += soon("the streams", watcher).await.unwrap().expect("a stream broke");
    }
    assert!(made > 8, "{made} calls");
    // Each was on a replica that was restarted, some of them twice.
    assert!(streams >= 80, "{streams} streams");
    assert!(hosts.len() == 2 && hosts.iter().all(|host| host.healthy), "{hosts:?}");
    mesh.end().await;
}

/// Watches on with the last token, whatever happens, and counts each customer's changes until all are seen.
fn follows(channel: Channel, expected: usize) -> JoinHandle<BTreeMap<String, u32>> {
    let mut client = KycEventServiceClient::new(channel);
    tokio::spawn(async move {
        let mut seen = BTreeMap::new();
        let mut start = Start::StartPosition(pb::WatchStart::Earliest.into());
        loop {
            let request = pb::WatchKycStatusRequest { start: Some(start.clone()), ..Default::default() };
            let Ok(stream) = client.watch_kyc_status(request).await else {
                sleep(Duration::from_millis(50)).await;
                continue;
            };
            let mut stream = stream.into_inner();
            while let Ok(Some(response)) = stream.message().await {
                start = Start::ResumeToken(response.resume_token);
                if let Some(Event::StatusChange(change)) = response.event {
                    *seen.entry(change.platform_customer_id).or_default() += 1;
                    if seen.len() >= expected {
                        return seen;
                    }
                }
            }
        }
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_event_is_lost_and_none_comes_twice_over_restarts() {
    const CUSTOMERS: usize = 40;
    let mesh = Mesh::start().await;
    // A log of its own belongs to one replica.
    let envoy = mesh.envoy_before_one().await;
    let channel = mesh.channel(envoy.addr, Some(PAYMENTS)).await.unwrap();
    let followers: Vec<_> = (0..10).map(|_| follows(channel.clone(), CUSTOMERS)).collect();
    let creating = {
        let mut client = CustomerServiceClient::new(channel.clone());
        tokio::spawn(async move {
            for number in 0..CUSTOMERS {
                // UNAVAILABLE says that Grid did not act.
                loop {
                    match client.create_customer(new_customer(format!("p-{number}"))).await {
                        Ok(_) => break,
                        Err(status) if status.code() == Code::Unavailable => sleep(Duration::from_millis(50)).await,
                        Err(status) => panic!("{status:?}"),
                    }
                }
                sleep(Duration::from_millis(50)).await;
            }
        })
    };
    for _ in 0..2 {
        mesh.restart(0).await;
        envoy.until(mesh.addrs()[0], true).await;
    }
    soon("all customers", creating).await.unwrap();
    for follower in followers {
        let seen = soon("every event", follower).await.unwrap();
        assert_eq!(seen.len(), CUSTOMERS);
        assert!(seen.values().all(|times| *times == 1), "{seen:?}");
    }
    mesh.end().await;
}
