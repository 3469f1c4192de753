//! Nothing lost, nothing twice, in order: promises 1, 2, 3 and 10.

use gridgate::kyc::event::{Asker, Outcome};
use gridgate::pb::watch_kyc_status_response::Event;
use gridgate::pb::{self, WatchKycStatusResponse};

use super::history::Writer;
use super::requests::{Asking, from_earliest, from_now, from_token};
use super::rig::Rig;
use crate::event_log::seen::{answer, at, deleted, platform, status, webhook};
use crate::support::place::Place;
use crate::support::watcher::words;

/// Some changes of three customers, and what is none.
async fn some_history(writer: &Writer) -> Vec<String> {
    let mut changes = Vec::new();
    for (name, word) in [
        ("a", "UNVERIFIED"),
        ("b", "PENDING"),
        ("a", "PENDING"),
        ("a", "PENDING"),
        ("c", "UNVERIFIED"),
        ("b", "APPROVED"),
        ("b", "APPROVED"),
        ("c", "HOLD"),
        ("a", "REJECTED"),
    ] {
        if writer.says(name, word).await == Outcome::Change {
            changes.push(format!("{name} {word}"));
        }
    }
    assert_eq!(changes.len(), 7);
    changes
}

pub async fn nothing_is_lost_and_nothing_comes_twice(place: &dyn Place) {
    let log = place.open().await;
    let rig = Rig::of(&log).await;
    let writer = Writer::of(&log);
    let mut live = rig.watch(from_now()).await;
    assert_eq!(live.hear().await, "synced");
    let changes = some_history(&writer).await;
    let mut responses = Vec::new();
    while responses.len() < changes.len() {
        responses.push(live.response().await);
    }
    assert_eq!(responses.iter().map(words).collect::<Vec<_>>(), changes);
    // Whichever was the last one read: what comes next is what comes next.
    for (read, WatchKycStatusResponse { resume_token, event: _ }) in responses.iter().enumerate() {
        let mut resumed = rig.watch(from_token(resume_token)).await;
        let (heard, _) = resumed.hear_until("synced").await;
        assert_eq!(heard, changes[read + 1..]);
    }
    let mut earliest = rig.watch(from_earliest()).await;
    assert_eq!(earliest.hear_until("synced").await.0, changes);
}

pub async fn a_token_means_the_same_after_a_restart(place: &dyn Place) {
    let mut tokens = Vec::new();
    let mut changes = Vec::new();
    {
        let log = place.open().await;
        let rig = Rig::of(&log).await;
        changes.extend(some_history(&Writer::of(&log)).await);
        let mut stream = rig.watch(from_earliest()).await;
        for _ in 0..changes.len() + 1 {
            tokens.push(stream.response().await.resume_token);
        }
    }
    let log = place.open().await;
    let rig = Rig::of(&log).await;
    let writer = Writer::beginning(&log, 100);
    for word in ["UNVERIFIED", "PENDING"] {
        writer.says("d", word).await;
        changes.push(format!("d {word}"));
    }
    for (index, token) in tokens.iter().enumerate() {
        let mut resumed = rig.watch(from_token(token)).await;
        let (heard, _) = resumed.hear_until("synced").await;
        // The last one is that of `synced`, after everything.
        assert_eq!(heard, changes[(index + 1).min(changes.len() - 2)..]);
    }
}

pub async fn only_what_was_applied_is_streamed_and_in_that_order(place: &dyn Place) {
    let log = place.open().await;
    let rig = Rig::of(&log).await;
    let writer = Writer::of(&log);
    let mut changes = rig.watch(from_now()).await;
    let mut everything = rig.watch(pb::WatchKycStatusRequest { include_all: true, ..from_now() }).await;
    assert_eq!((changes.hear().await, everything.hear().await), ("synced".to_owned(), "synced".to_owned()));

    writer.records(webhook("p1", "a", status("PENDING"), 10)).await;
    writer.records(webhook("p2", "a", status("PENDING"), 11)).await;
    writer.records(webhook("ok", "a", status("APPROVED"), 20)).await;
    // A webhook that comes late, one that nobody can place, and Grid's word on it.
    assert_eq!(writer.records(webhook("late", "a", status("UNVERIFIED"), 5)).await, Outcome::Superseded);
    assert_eq!(writer.records(webhook("odd", "a", status("PENDING"), 30)).await, Outcome::Unresolved);
    let resolved = answer(log.as_ref(), Asker::Resolver, "a", status("REJECTED"));
    assert_eq!(writer.records(resolved).await, Outcome::Change);

    assert_eq!(changes.hear_several(3).await, ["a PENDING", "a APPROVED", "a REJECTED"]);
    assert_eq!(
        everything.hear_several(5).await,
        ["a PENDING", "a PENDING (Confirmation)", "a APPROVED", "a UNVERIFIED (Superseded)", "a PENDING (Unresolved)"]
    );
    let Some(Event::StatusChange(resolved)) = everything.response().await.event else { panic!("not a change") };
    let record = resolved.record.unwrap();
    assert_eq!(record.source(), pb::KycEventSource::Resolver);
    assert_eq!(record.cause_event_id, "Webhook:odd");
    assert_eq!((resolved.previous_status_raw.as_str(), resolved.status_raw.as_str()), ("APPROVED", "REJECTED"));
}

pub async fn a_change_says_all_there_is_to_say(place: &dyn Place) {
    let log = place.open().await;
    let rig = Rig::of(&log).await;
    let writer = Writer::of(&log);
    let mut stream = rig.watch(from_now()).await;
    stream.hear_until("synced").await;

    let mut first = webhook("w1", "a", status("PENDING"), 7);
    first.platform_customer = Some(platform("ours"));
    writer.records(first).await;
    writer.records(webhook("w2", "a", status("APPROVED"), 9)).await;
    writer.records(webhook("w3", "b", status("SOMETHING_NEW"), 9)).await;
    writer.records(answer(log.as_ref(), Asker::Reconciler, "a", deleted("APPROVED"))).await;
    let problems = [("MISSING_FIELD", Some("address.city")), ("MISSING_IDENTITY_DOCUMENT", None)];
    writer.says_verification("a", "RESOLVE_ERRORS", &problems).await;

    let mut changes = Vec::new();
    for _ in 0..4 {
        let Some(Event::StatusChange(change)) = stream.response().await.event else { panic!("not a change") };
        changes.push(change);
    }
    let [pending, approved, unknown, gone] = &changes[..] else { panic!("four") };
    let record = pending.record.as_ref().unwrap();
    assert_eq!((record.event_id.as_str(), record.webhook_id.as_str()), ("Webhook:w1", "Webhook:w1"));
    assert_eq!((record.outcome(), record.source()), (pb::KycEventOutcome::Change, pb::KycEventSource::Webhook));
    assert_eq!(record.occurred_at, Some(super::requests::timestamp(at(7))));
    assert_eq!((pending.customer_id.as_str(), pending.platform_customer_id.as_str()), ("Customer:a", "ours"));
    assert_eq!((pending.previous_status(), pending.previous_status_raw.as_str()), (pb::KycStatus::Unspecified, ""));
    assert_eq!((pending.status(), pending.is_decision), (pb::KycStatus::Pending, false));
    assert_eq!((approved.previous_status(), approved.status()), (pb::KycStatus::Pending, pb::KycStatus::Approved));
    assert_eq!((approved.is_decision, approved.is_deleted), (true, false));
    assert_eq!(approved.platform_customer_id, "ours", "known from before");
    assert_eq!((unknown.status(), unknown.status_raw.as_str()), (pb::KycStatus::Unspecified, "SOMETHING_NEW"));
    assert!(!unknown.is_decision);
    assert!(gone.is_deleted);
    let record = gone.record.as_ref().unwrap();
    assert_eq!((record.source(), record.webhook_id.as_str()), (pb::KycEventSource::Reconciler, ""));
    assert!(!record.event_id.is_empty() && record.recorded_at.is_some());

    let Some(Event::VerificationUpdate(update)) = stream.response().await.event else { panic!("not an update") };
    assert_eq!((update.verification_id.as_str(), update.customer_id.as_str()), ("Verification:a", "Customer:a"));
    assert_eq!((update.status(), update.is_decision), (pb::VerificationStatus::ResolveErrors, false));
    let issues: Vec<_> = update.issues.iter().map(|issue| (issue.r#type.as_str(), issue.field.as_str())).collect();
    assert_eq!(issues, [("MISSING_FIELD", "address.city"), ("MISSING_IDENTITY_DOCUMENT", "")]);
    assert_eq!(update.platform_customer_id, "ours");
    let times: Vec<_> = changes.iter().map(|change| change.record.as_ref().unwrap().recorded_at.unwrap()).collect();
    assert!(times.is_sorted_by_key(|time| (time.seconds, time.nanos)));
}

pub async fn a_customer_can_be_watched_before_it_exists(place: &dyn Place) {
    let log = place.open().await;
    let rig = Rig::of(&log).await;
    let writer = Writer::of(&log);
    let mut by_id = rig.watch(super::requests::snapshot().of(&["unborn"])).await;
    let mut by_platform = rig.watch(from_now().of_platform(&["ours"])).await;
    assert_eq!((by_id.hear().await, by_platform.hear().await), ("synced".to_owned(), "synced".to_owned()));
    writer.says("other", "PENDING").await;
    writer.says_of("ours", "unborn", "PENDING").await;
    writer.says_of("ours", "sibling", "PENDING").await;
    writer.says("unborn", "APPROVED").await;
    assert_eq!(by_id.hear_several(2).await, ["unborn PENDING", "unborn APPROVED"]);
    assert_eq!(by_platform.hear_several(3).await, ["unborn PENDING", "sibling PENDING", "unborn APPROVED"]);
}
