//! Who hears what.

use gridgate::pb::{KycEventKind, KycStatus, VerificationStatus};

use super::history::Writer;
use super::requests::{Asking, Request, from_earliest, from_now};
use super::rig::Rig;
use crate::support::place::Place;

/// Filters, and what passes each of them.
fn filters() -> Vec<(Request, Vec<&'static str>)> {
    let all = vec![
        "a UNVERIFIED",
        "a/a IN_PROGRESS",
        "b PENDING",
        "a PENDING",
        "c APPROVED",
        "a/a APPROVED",
        "a NEWS",
        "b APPROVED",
    ];
    let only = |words: &[&str]| all.iter().copied().filter(|line| words.contains(line)).collect::<Vec<_>>();
    let kinds =
        |kinds: &[KycEventKind]| Request { kinds: kinds.iter().map(|&kind| kind.into()).collect(), ..from_now() };
    let customers = kinds(&[KycEventKind::CustomerStatus]);
    let statuses = |statuses: &[KycStatus]| statuses.iter().map(|&status| status.into()).collect::<Vec<_>>();
    let verified = vec![VerificationStatus::Approved.into()];
    vec![
        (from_now(), all.clone()),
        (from_now().of(&["b"]), only(&["b PENDING", "b APPROVED"])),
        (from_now().of(&["b", "b", "nobody"]), only(&["b PENDING", "b APPROVED"])),
        (from_now().of(&["nobody"]), vec![]),
        (from_now().of_platform(&["two"]), only(&["b PENDING", "b APPROVED", "c APPROVED"])),
        (from_now().of_platform(&["two"]).of(&["a"]), all.clone()),
        (customers.clone(), only(&["a UNVERIFIED", "b PENDING", "a PENDING", "c APPROVED", "a NEWS", "b APPROVED"])),
        (kinds(&[KycEventKind::Verification]), only(&["a/a IN_PROGRESS", "a/a APPROVED"])),
        (
            Request { statuses: statuses(&[KycStatus::Approved, KycStatus::Unverified]), ..customers.clone() },
            only(&["a UNVERIFIED", "c APPROVED", "b APPROVED"]),
        ),
        (
            Request { statuses: statuses(&[KycStatus::Approved]), ..from_now() },
            only(&["a/a IN_PROGRESS", "c APPROVED", "a/a APPROVED", "b APPROVED"]),
        ),
        (
            Request { statuses: statuses(&[KycStatus::Hold]), verification_statuses: verified, ..from_now() },
            only(&["a/a APPROVED"]),
        ),
        (
            Request { statuses: statuses(&[KycStatus::Approved]), ..customers }.of_platform(&["two"]).of(&["a"]),
            only(&["c APPROVED", "b APPROVED"]),
        ),
    ]
}

pub async fn only_what_matches_every_filter_comes(place: &dyn Place) {
    let log = place.open().await;
    let rig = Rig::of(&log).await;
    let writer = Writer::of(&log);
    let mut live = Vec::new();
    for (request, expected) in filters() {
        let mut stream = rig.watch(request).await;
        assert_eq!(stream.hear().await, "synced");
        live.push((stream, expected));
    }
    writer.says_of("one", "a", "UNVERIFIED").await;
    writer.says_verification("a", "IN_PROGRESS", &[]).await;
    writer.says_of("two", "b", "PENDING").await;
    writer.says("a", "PENDING").await;
    writer.says_of("two", "c", "APPROVED").await;
    writer.says_verification("a", "APPROVED", &[]).await;
    writer.says("a", "NEWS").await;
    writer.says("b", "APPROVED").await;
    for (stream, expected) in &mut live {
        let mut heard = Vec::new();
        while heard.len() < expected.len() {
            heard.push(stream.hear().await);
            assert_eq!(heard[..], expected[..heard.len()]);
        }
    }
    // The same from the log.
    for (request, expected) in filters() {
        let mut stream = rig.watch(Request { start: from_earliest().start, ..request }).await;
        assert_eq!(stream.hear_until("synced").await.0, expected);
    }
}
