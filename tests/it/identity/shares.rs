//! One caller cannot take from the others what they need.

use gridgate::config::settings;
use gridgate::identity::NewToken;
use http::Response;
use hyper::body::Incoming;

use super::rig::{Rig, bearer, caller, token};
use crate::support::raw_grpc::{RawClient, answer};
use crate::support::soon;
use tonic_types::StatusExt as _;

const WATCH: &str = "/gridgate.v1.KycEventService/WatchKycStatus";

/// A stream, or why there is none: "reason: message".
async fn open(client: &mut RawClient, token: &NewToken) -> Result<Response<Incoming>, String> {
    let response = soon("a response", client.send(WATCH, &[("authorization", &bearer(token))])).await.unwrap();
    if !response.headers().contains_key("grpc-status") {
        return Ok(response);
    }
    let status = soon("a refusal", answer(response)).await.status();
    Err(format!("{}: {}", status.get_details_error_info().unwrap().reason, status.message()))
}

#[tokio::test]
async fn the_last_places_are_for_callers_that_hold_few() {
    let (greedy, modest) = (token(), token());
    let policy = [("greedy", &greedy), ("modest", &modest)]
        .map(|(name, token)| caller(name, token, "methods = [\"*/*\"]"))
        .concat();
    let rig = Rig::secured(&policy, |_, sources| sources.with(&settings::GRPC_MAX_STREAMS, "4")).await;
    let mut client = rig.client().await;
    let mut streams = Vec::new();
    let refusal = loop {
        match open(&mut client, &greedy).await {
            Ok(stream) => streams.push(stream),
            Err(refusal) => break refusal,
        }
    };
    assert_eq!((streams.len(), refusal.as_str()), (3, "TOO_MANY_STREAMS: too many streams of this caller are open"));
    let other = open(&mut client, &modest).await.unwrap();
    assert_eq!(open(&mut client, &modest).await.unwrap_err(), "TOO_MANY_STREAMS: too many streams are open");
    // What becomes free is not for the one that holds half of them still.
    streams.pop();
    let second = soon("a place", async {
        loop {
            match open(&mut client, &modest).await {
                Ok(stream) => break stream,
                Err(_) => assert!(open(&mut client, &greedy).await.is_err()),
            }
        }
    })
    .await;
    drop((streams, other, second));
    rig.app.stop().await.unwrap();
}
