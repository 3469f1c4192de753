//! A log that is moved between a file and JetStream, and what those who watch make of it.

use std::cell::Cell;
use std::sync::Arc;

use gridgate::kyc::clock::Clock as _;
use gridgate::kyc::id::Position;
use gridgate::kyc::log::copy::{self, CopyError, LogLocation as Where, Progress};
use gridgate::kyc::log::jetstream::OpenError as JetStreamError;
use gridgate::kyc::log::sqlite::{self, OpenError};
use gridgate::kyc::log::{Bookmark, EventLog, LogError, Quarantined, Recorded, Scope};

use super::client::Client;
use super::jetstream::JetStreamPlace;
use super::seen::{at, customer, id, status, verification, webhook, webhook_of};
use super::suite::{all_heads, read_all, record};
use crate::support::place::{Place, SqlitePlace};

/// Writes a log with everything that a log can have: events that are gone and heads that are left of them, doubts,
/// verifications, quarantine and remembered times.
async fn fill(place: &dyn Place) -> Arc<EventLog> {
    let log = place.open().await;
    for number in 0..40 {
        let of = format!("old{}", number % 20);
        record(&log, webhook_of(&format!("gone{number}"), &of, &format!("ours-{of}"), status("PENDING"), number)).await;
    }
    place.expire().await;
    for number in 0..700_i64 {
        let word = ["PENDING", "UNVERIFIED"][usize::try_from(number / 30 % 2).unwrap()];
        let of = format!("new{}", number % 30);
        record(&log, webhook(&number.to_string(), &of, status(word), 100 + number)).await;
    }
    // One that had been let go of comes up again, one is in doubt, one has a verification.
    record(&log, webhook("again", "old3", status("APPROVED"), 5_000)).await;
    record(&log, webhook("doubt", "old3", status("REJECTED"), 5_001)).await;
    record(&log, webhook("verified", "old4", verification("v", "RESOLVE_ERRORS", &[("A", Some("b"))]), 5_001)).await;
    let quarantined = Quarantined {
        id: id("odd"),
        kind: "CUSTOMER.KYC_ODD".to_owned(),
        timestamp: Some(at(5)),
        quarantined_at: place.clock().now(),
        reason: "no status".to_owned(),
        field_names: vec!["id".to_owned()],
        customer: Some(customer("old3")),
    };
    log.quarantine().add(quarantined).await.unwrap();
    log.bookmarks().set(Bookmark::SweptAt, at(7)).await.unwrap();
    log
}

/// Everything that a log says.
async fn everything(log: &Arc<EventLog>) -> impl PartialEq + std::fmt::Debug + use<> {
    let bounds = log.bounds().await.unwrap();
    let only = Scope { customers: vec![customer("old3"), customer("new7")], platform_customers: vec![] };
    (
        log.lineage().clone(),
        bounds,
        read_all(log, bounds.oldest.position, &Scope::ALL, 100).await,
        read_all(log, bounds.oldest.position, &only, 7).await,
        all_heads(log, &Scope::ALL, 100).await,
        log.unresolved(None, 10).await.unwrap(),
        log.quarantine().page(None, 10).await.unwrap(),
        log.bookmarks().get(Bookmark::SweptAt).await.unwrap(),
    )
}

/// Copies, is interrupted in the midst of it, and copies again.
async fn copy_in_two_goes(from: Where, to: Where) {
    let seen = Cell::new(None);
    {
        let progress = |progress: Progress| seen.set(Some(progress));
        let first = copy::copy(from.clone(), to.clone(), progress);
        let enough = std::future::poll_fn(|context| {
            let some = seen.get().is_some_and(|Progress { copied, all }| copied > 0 && copied < all);
            if some {
                return std::task::Poll::Ready(());
            }
            context.waker().wake_by_ref();
            std::task::Poll::Pending
        });
        tokio::select! {
            biased;
            () = enough => {}
            done = first => panic!("it was not interrupted: {done:?}"),
        }
    }
    let first = Cell::new(None);
    let progress = |progress: Progress| {
        if first.get().is_none() {
            first.set(Some(progress));
        }
    };
    let done = copy::copy(from, to, progress).await.unwrap();
    assert_eq!(done.copied, done.all);
    assert!(first.get().unwrap().copied > 0, "it went on where it was");
}

async fn there_and_back(nats: JetStreamPlace) {
    let file = SqlitePlace::new();
    let log = fill(&file).await;
    // Somebody watches the file, and has heard a part.
    let mut watcher = Client::new(Scope::ALL);
    watcher.take(&log, 10).await;
    record(&log, webhook("more", "new1", status("APPROVED"), 6_000)).await;
    watcher.take(&log, 1).await;
    let (after_more, _) = record(&log, webhook("unheard", "new2", status("APPROVED"), 6_000)).await;
    let before = everything(&log).await;
    watcher.disconnect();
    log.close().await;

    let in_file = Where::File(file.path());
    let on_nats = Where::JetStream(Box::new(nats.options()));
    copy_in_two_goes(in_file.clone(), on_nats.clone()).await;
    let again = copy::copy(in_file.clone(), on_nats.clone(), |_| {}).await.unwrap_err();
    assert!(matches!(again, CopyError::JetStream(_)), "{again}");
    let refused = sqlite::open(file.options(), file.shared_clock()).unwrap_err();
    assert!(matches!(refused, OpenError::Sealed(_)), "{refused}");

    nats.clock().advance(std::time::Duration::from_micros(
        u64::try_from(file.clock().now().as_microsecond() - nats.clock().now().as_microsecond()).unwrap(),
    ));
    let log = nats.open().await;
    assert_eq!(everything(&log).await, before);
    // The watcher goes on with its token, ids are known, and what comes next comes after.
    assert!(watcher.take(&log, 10).await);
    assert_eq!(watcher.changes.last().unwrap().position, after_more);
    assert_eq!((watcher.changes.len(), watcher.expired), (2, 0));
    let copy_of_old = log.record(webhook("699", "new9", status("PENDING"), 1)).await.unwrap();
    assert!(matches!(copy_of_old, Recorded::Duplicate { .. }));
    let (next, _) = record(&log, webhook("next", "old5", status("APPROVED"), 7_000)).await;
    assert_eq!(next, Position::new(after_more.ahead_of(Position::START) + 1));
    let before = everything(&log).await;
    let left_behind = Arc::clone(&log);

    let back = SqlitePlace::new();
    // As an earlier copy left it that ended as soon as it began.
    std::fs::write(back.path(), "").unwrap();
    let in_file = Where::File(back.path());
    copy_in_two_goes(on_nats.clone(), in_file.clone()).await;
    let occupied = copy::copy(on_nats.clone(), in_file, |_| {}).await.unwrap_err();
    assert!(matches!(occupied, CopyError::Occupied(_)), "{occupied}");
    // A replica that still runs records nothing more, and none can be started.
    let late = left_behind.record(webhook("late", "old6", status("APPROVED"), 8_000)).await;
    assert!(matches!(late, Err(LogError::Unavailable { .. })), "{late:?}");
    assert!(matches!(nats.replica().await, Err(JetStreamError::Sealed(_))));
    back.clock().advance(std::time::Duration::from_micros(
        u64::try_from(nats.clock().now().as_microsecond() - back.clock().now().as_microsecond()).unwrap(),
    ));
    let log = back.open().await;
    assert_eq!(everything(&log).await, before);
    assert!(watcher.take(&log, 10).await);
    assert_eq!(watcher.changes.last().unwrap().position, next);
    let (newest, _) = record(&log, webhook("late", "old6", status("APPROVED"), 8_000)).await;
    assert!(newest > next);

    // Whoever decides otherwise can go back.
    copy::unseal(on_nats).await.unwrap();
    let log = nats.open().await;
    record(&log, webhook("unsealed", "old6", status("HOLD"), 9_000)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_log_moves_to_one_server_and_back() {
    there_and_back(JetStreamPlace::on(crate::support::nats::Nats::shared_single().await, quick)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_log_moves_to_a_cluster_and_back() {
    there_and_back(JetStreamPlace::on(crate::support::nats::Nats::shared_cluster().await, quick)).await;
}

fn quick(options: &mut gridgate::kyc::log::jetstream::JetStreamOptions) {
    options.record_wait = std::time::Duration::from_millis(500);
}

#[tokio::test]
async fn what_cannot_be_copied_says_why() {
    let file = SqlitePlace::new();
    let other = SqlitePlace::new();
    let nats = JetStreamPlace::single().await;
    let on_nats = Where::JetStream(Box::new(nats.options()));
    let in_file = || Where::File(file.path());
    let none = copy::copy(in_file(), on_nats.clone(), |_| {}).await.unwrap_err();
    assert!(matches!(none, CopyError::NoSource(_)), "{none}");
    let same = copy::copy(in_file(), Where::File(other.path()), |_| {}).await.unwrap_err();
    assert!(matches!(same, CopyError::SameKind), "{same}");
    let log = file.open().await;
    record(&log, webhook("1", "a", status("PENDING"), 1)).await;
    let in_use = copy::copy(in_file(), on_nats.clone(), |_| {}).await.unwrap_err();
    assert!(matches!(in_use, CopyError::File(OpenError::InUse { .. })), "{in_use}");
    // Nothing is sealed by a copy that cannot begin.
    record(&log, webhook("2", "a", status("APPROVED"), 2)).await;
    let taken = nats.open().await;
    record(&taken, webhook("1", "a", status("PENDING"), 1)).await;
    taken.close().await;
    log.close().await;
    let occupied = copy::copy(in_file(), on_nats, |_| {}).await.unwrap_err();
    assert!(matches!(occupied, CopyError::JetStream(_)), "{occupied}");
    copy::unseal(in_file()).await.unwrap();
    assert_eq!(read_all(&file.open().await, Position::START, &Scope::ALL, 10).await.len(), 2);
}
