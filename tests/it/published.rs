//! Every example that Grid publishes makes the round trip: each request of its OpenAPI document and of its guide for
//! customers, and each answer, as they stand there and with every property that a schema has.
//!
//! The documents are Grid's and no part of this repository. `scripts/contract` runs this with
//! `GRIDGATE_OPENAPI` (the document as JSON) and, where there is one, `GRIDGATE_GUIDE` (Markdown).

mod exchange;
mod guide;
mod openapi;
mod schema;
mod small;

use std::collections::{BTreeMap, BTreeSet};

use exchange::{Exchange, Kind};
use futures_util::future::join_all;

use crate::support::odd::Odd;
use crate::support::stage::Stage;

/// Stages that play at the same time: errors that are worth repeating take a while.
const STAGES: usize = 16;

/// Plays all exchanges; what went wrong.
async fn play(exchanges: &[Exchange]) -> Vec<String> {
    let share = exchanges.len().div_ceil(STAGES).max(1);
    join_all(exchanges.chunks(share).map(play_in_turn)).await.concat()
}

async fn play_in_turn(exchanges: &[Exchange]) -> Vec<String> {
    let stage = Stage::start().await;
    let mut failures = Vec::new();
    for exchange in exchanges {
        if let Err(failure) = exchange.play(&stage).await {
            failures.push(format!("{}: {failure}", exchange.source));
        }
    }
    failures
}

/// Plays every answer with each of its fields in turn not as documented, once for each place; how many, and what went wrong.
async fn play_oddly(exchanges: &[Exchange]) -> (usize, Vec<String>) {
    let mut places = BTreeSet::new();
    let odd: Vec<_> = exchanges
        .iter()
        .flat_map(Exchange::variations)
        .filter(|(rpc, odd)| places.insert((rpc.answered().full_name().to_owned(), odd.place.clone(), kind_of(odd))))
        .collect();
    let share = odd.len().div_ceil(STAGES).max(1);
    let failures = join_all(odd.chunks(share).map(async |odd| {
        let stage = Stage::start().await;
        let mut failures = Vec::new();
        for (rpc, odd) in odd {
            if let Err(failure) = exchange::plays_oddly(&stage, rpc, odd).await {
                failures.push(format!("{}, {}: {failure}", rpc.name, odd.what));
            }
        }
        failures
    }));
    (odd.len(), failures.await.concat())
}

/// What is in the place of the field, as it stands there.
fn kind_of(odd: &Odd) -> String {
    odd.what.rsplit_once(": ").map_or("absent", |(_, value)| value).to_owned()
}

#[tokio::test]
#[allow(clippy::print_stdout, reason = "the script shows how much was found")]
#[ignore = "needs Grid's OpenAPI document, which is not ours: scripts/contract runs it"]
async fn every_answer_of_the_document_is_read_when_a_field_is_not_as_documented() {
    let path = std::env::var("GRIDGATE_OPENAPI").expect("GRIDGATE_OPENAPI: path of the OpenAPI document, as JSON");
    let document = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).expect("JSON");
    let (tried, failures) = play_oddly(&openapi::exchanges(&document)).await;
    println!("{tried} answers with a field that is not as documented");
    assert!(failures.is_empty(), "{} of {tried}:\n{}", failures.len(), failures.join("\n"));
}

#[tokio::test]
#[allow(clippy::print_stdout, reason = "the script shows how much was found")]
#[ignore = "needs Grid's OpenAPI document and guide, which are not ours: scripts/contract runs it"]
async fn every_published_example_makes_the_round_trip() {
    let read = |name: &str| std::env::var(name).ok().map(|path| std::fs::read_to_string(&path).unwrap());
    let openapi = read("GRIDGATE_OPENAPI").expect("GRIDGATE_OPENAPI: path of the OpenAPI document, as JSON");
    let mut exchanges = openapi::exchanges(&serde_json::from_str(&openapi).expect("JSON"));
    let of_openapi = exchanges.len();
    if let Some(guide) = read("GRIDGATE_GUIDE") {
        exchanges.extend(guide::exchanges(&guide));
        assert!(exchanges.len() > of_openapi, "no example in the guide");
    }
    let mut counts = BTreeMap::<_, usize>::new();
    for exchange in &exchanges {
        *counts.entry(exchange.kind()).or_default() += 1;
    }
    let failures = play(&exchanges).await;
    println!("{of_openapi} of the OpenAPI document, {} of the guide: {counts:?}", exchanges.len() - of_openapi);
    for kind in [Kind::Sent, Kind::Answered, Kind::Refused] {
        assert!(counts.contains_key(&kind), "nothing {kind:?} was found");
    }
    assert!(failures.is_empty(), "{} of {}:\n{}", failures.len(), exchanges.len(), failures.join("\n"));
}
