//! Publishes whose answers are lost: the quorum goes while they are under way, and comes back.

use std::sync::Arc;
use std::time::Duration;

use gridgate::kyc::id::Position;
use gridgate::kyc::log::{EventLog, LogError, Recorded, Scope};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use crate::event_log::jetstream::JetStreamPlace;
use crate::event_log::seen::{status, webhook};
use crate::event_log::suite::read_all;
use crate::support::nats::Nats;

/// What each try to record one webhook came to.
type Tries = Vec<Result<Recorded, LogError>>;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_publish_whose_answer_was_lost_ends_as_one_event_and_is_no_duplicate_of_nothing() {
    let nats = Arc::new(Nats::cluster().await);
    let place = JetStreamPlace::on(Arc::clone(&nats), |options| options.record_wait = Duration::from_millis(700));
    let log: Arc<EventLog> = place.replica().await.unwrap();
    let mut expected = 0;
    for round in 0..3 {
        let leader = nats.leader_of(&place.stream("events")).await;
        let others = [(leader + 1) % 3, (leader + 2) % 3];
        let mut sending = JoinSet::new();
        for number in 0..40 {
            let log = Arc::clone(&log);
            expected += 1;
            sending.spawn(async move {
                // Some before the quorum goes, some while it is away.
                sleep(Duration::from_millis(number * 20)).await;
                until_recorded(&log, &format!("{round}-{number}")).await
            });
        }
        sleep(Duration::from_millis(200)).await;
        // The leader goes on alone, or the leader goes and one goes on alone.
        let gone = if round == 1 { [leader, others[0]] } else { others };
        for server in gone {
            nats.pause(server);
        }
        sleep(Duration::from_millis(2500)).await;
        for server in gone {
            nats.go_on(server);
        }
        let all: Vec<(String, Tries)> = sending.join_all().await;
        let failed = all.iter().filter(|(_, tries)| tries.len() > 1).count();
        assert!(failed > 0, "the quorum was never away");
        let stream = nats.jetstream().await.get_stream(place.stream("events")).await.unwrap();
        for (name, tries) in all {
            let position = match tries.last().unwrap().as_ref().unwrap() {
                Recorded::New { position, .. } | Recorded::Duplicate { position } => *position,
                Recorded::Redundant => panic!("{name} is no answer"),
            };
            // Only a try before it can have been the first copy.
            let first_try_is_a_copy = tries.len() == 1 && matches!(tries[0], Ok(Recorded::Duplicate { .. }));
            assert!(!first_try_is_a_copy, "{name} was called a copy of nothing");
            let sequence = position.to_string().parse().unwrap();
            let kept = stream.get_raw_message(sequence).await.unwrap();
            let id = kept.headers.get("Nats-Msg-Id").unwrap().as_str();
            assert_eq!(id, format!("Webhook:{name}"), "what stands at {position}");
        }
    }
    let events = read_all(&log, Position::START, &Scope::ALL, 500).await;
    assert_eq!(events.len(), expected, "each is one event");
}

/// Hands in a webhook until the log says that it has it, as Grid does.
async fn until_recorded(log: &Arc<EventLog>, name: &str) -> (String, Tries) {
    let deadline = Instant::now() + Duration::from_secs(40);
    let mut tries = Vec::new();
    loop {
        let recorded = log.record(webhook(name, name, status("PENDING"), 1)).await;
        let done = recorded.is_ok();
        if let Err(error) = &recorded {
            assert!(matches!(error, LogError::Unavailable { .. }), "{error}");
        }
        tries.push(recorded);
        if done {
            return (name.to_owned(), tries);
        }
        assert!(Instant::now() < deadline, "{name}: {:?}", tries.last());
    }
}
