//! Pages of lists (AIP-158), and filters.

use prost_reflect::Value as Field;

use super::{refused, set, text, time};
use crate::support::api::{RPCS, Rpc, Sends};
use crate::support::samples;
use crate::support::stage::{Stage, full_answer, messages};

fn lists() -> impl Iterator<Item = &'static Rpc> {
    RPCS.iter().filter(|rpc| rpc.sends == Sends::Query)
}

#[tokio::test]
async fn a_page_has_20_rows_unless_it_is_said_and_100_at_most() {
    let stage = Stage::start().await;
    for rpc in lists() {
        stage.on(rpc, full_answer(rpc));
        for (asked, limit) in
            [(0, "20"), (1, "1"), (99, "99"), (100, "100"), (101, "100"), (1000, "100"), (i32::MAX, "100")]
        {
            let mut messages = messages(rpc, &samples::sent_by(rpc.name));
            set(&mut messages[0], "page_size", Field::I32(asked));
            stage.gateway.call(rpc, messages).await.unwrap();
            assert_eq!(stage.received().query("limit"), Some(limit), "{} asked for {asked}", rpc.name);
        }
    }
}

#[tokio::test]
async fn a_negative_page_size_is_named() {
    let stage = Stage::start().await;
    for rpc in lists() {
        for asked in [-1, i32::MIN] {
            let mut messages = messages(rpc, &samples::sent_by(rpc.name));
            set(&mut messages[0], "page_size", Field::I32(asked));
            refused(&stage, rpc, messages, &["page_size"]).await;
        }
    }
}

#[tokio::test]
async fn tokens_pass_through_both_ways() {
    let stage = Stage::start().await;
    for rpc in lists() {
        stage.on(rpc, full_answer(rpc));
        for token in ["", "plain", "a+b/c==&limit=5#%20 \u{e9}\u{1f980}"] {
            let mut messages = messages(rpc, &samples::sent_by(rpc.name));
            set(&mut messages[0], "page_token", text(token));
            let answer = stage.gateway.call(rpc, messages).await.unwrap();
            assert_eq!(stage.received().query("cursor"), Some(token).filter(|token| !token.is_empty()));
            let next = samples::answer_of(rpc.name).unwrap()["nextCursor"].as_str().unwrap().to_owned();
            assert_eq!(*answer.get_field_by_name("next_page_token").unwrap(), Field::String(next), "{}", rpc.name);
        }
    }
}

#[tokio::test]
async fn every_bad_filter_is_named_at_once() {
    let stage = Stage::start().await;
    let rpc = Rpc::named("ListCustomers");
    let mut messages = messages(rpc, &samples::sent_by(rpc.name));
    let times = ["created_after", "created_before", "updated_after", "updated_before"];
    set(&mut messages[0], "page_size", Field::I32(-7));
    set(&mut messages[0], "customer_type", Field::EnumNumber(3));
    for (field, bad) in times.iter().zip([time(i64::MAX, 0), time(i64::MIN, 0), time(0, -1), time(0, 1_000_000_000)]) {
        set(&mut messages[0], field, bad);
    }
    let fields = ["page_size", "customer_type", "created_after", "created_before", "updated_after", "updated_before"];
    refused(&stage, rpc, messages, &fields).await;

    let rpc = Rpc::named("ListVerifications");
    let mut messages = self::messages(rpc, &samples::sent_by(rpc.name));
    set(&mut messages[0], "page_size", Field::I32(-7));
    set(&mut messages[0], "verification_status", Field::EnumNumber(-1));
    refused(&stage, rpc, messages, &["page_size", "verification_status"]).await;

    let rpc = Rpc::named("ListBeneficialOwners");
    let mut messages = self::messages(rpc, &samples::sent_by(rpc.name));
    set(&mut messages[0], "page_size", Field::I32(-7));
    set(&mut messages[0], "customer_id", text("a/b"));
    refused(&stage, rpc, messages, &["page_size", "customer_id"]).await;
}
