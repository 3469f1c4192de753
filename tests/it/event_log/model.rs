//! Random histories against a model that fits on a page: what is recorded, what it means, what is listed, and what watchers
//! are sent, across copies, doubts, reconnects, retention and restarts.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use gridgate::kyc::clock::Clock;
use gridgate::kyc::event::{Asker, Basis, Event, Observation, Outcome};
use gridgate::kyc::head::Head;
use gridgate::kyc::id::{EntityKey, Position};
use gridgate::kyc::log::{EventLog, Recorded, Scope};
use gridgate::kyc::record;
use proptest::prelude::*;

use super::client::Client;
use super::seen::{answer_based_on, at, customer, id, platform, status, verification};
use super::suite::{all_heads, assert_same_heads, read_all};
use crate::support::place::Place;

/// One thing that happens.
#[derive(Debug, Clone)]
pub enum Op {
    /// Webhooks that arrive together.
    Webhooks(Vec<Delivery>),
    /// An answer to a call that was sent `ago` steps before.
    Answer { of: usize, word: usize, ago: usize, by: Asker },
    /// The resolver asks about everything in doubt; Grid says this.
    Resolve { word: usize },
    /// A watcher takes some changes, and may lose its connection afterwards.
    Watch { client: usize, limit: usize, disconnects: bool },
    /// Time passes: seconds.
    Wait(u64),
    /// The process ends, and starts again.
    Restart,
    /// Retention lets go of everything.
    Expire,
}

/// A webhook, as it may be delivered several times.
#[derive(Debug, Clone)]
pub struct Delivery {
    id: usize,
    of: usize,
    verification: bool,
    word: usize,
    updated_at: i64,
    timestamp: i64,
}

const WORDS: [&str; 5] = ["UNVERIFIED", "PENDING", "APPROVED", "REJECTED", "UNHEARD_OF"];
const CUSTOMERS: [(&str, &str); 3] = [("a", "one"), ("b", "two"), ("c", "two")];

fn delivery() -> impl Strategy<Value = Delivery> {
    // An id names one webhook, so that copies say the same.
    let said = (0..40usize).prop_map(|id| {
        let mut random = fastrand::Rng::with_seed(id as u64);
        (id, random.usize(0..3), random.u8(0..4) == 0, random.usize(0..5), random.i64(0..9), random.i64(0..9))
    });
    said.prop_map(|(id, of, verification, word, updated_at, timestamp)| Delivery {
        id,
        of,
        verification,
        word,
        updated_at,
        timestamp,
    })
}

fn op() -> impl Strategy<Value = Op> {
    let by = prop_oneof![Just(Asker::Call), Just(Asker::Reconciler)];
    prop_oneof![
        8 => prop::collection::vec(delivery(), 1..8).prop_map(Op::Webhooks),
        3 => (0..3usize, 0..5usize, 0..4usize, by).prop_map(|(of, word, ago, by)| Op::Answer { of, word, ago, by }),
        2 => (0..5usize).prop_map(|word| Op::Resolve { word }),
        6 => (0..3usize, 1..9usize, any::<bool>())
            .prop_map(|(client, limit, disconnects)| Op::Watch { client, limit, disconnects }),
        2 => (0..900u64).prop_map(Op::Wait),
        1 => Just(Op::Restart),
        1 => Just(Op::Expire),
    ]
}

pub fn history() -> impl Strategy<Value = Vec<Op>> {
    prop::collection::vec(op(), 1..40)
}

/// What ought to be so.
#[derive(Default)]
struct Model {
    /// Everything that was ever recorded.
    events: Vec<Event>,
    /// How many of them retention has let go.
    gone: usize,
    heads: HashMap<EntityKey, Head>,
}

impl Model {
    fn record(&mut self, mut observation: Observation, recorded: Recorded, now: jiff::Timestamp) {
        let kept = &self.events[self.gone..];
        if let Some(copy) = kept.iter().find(|event| event.observation.id == observation.id) {
            assert_eq!(recorded, Recorded::Duplicate { position: copy.position });
            return;
        }
        let key = observation.entity();
        let head = self.heads.get(&key);
        let verdict = record::decide(head, &observation);
        let position = match recorded {
            Recorded::New { position, outcome } => {
                assert_eq!(outcome, verdict.outcome);
                assert!(!record::is_redundant(&observation, &verdict));
                assert!(self.events.last().is_none_or(|last| last.position < position), "positions grow");
                position
            }
            Recorded::Redundant => {
                assert!(record::is_redundant(&observation, &verdict));
                let same = record::advance(head, &observation, &verdict, head.unwrap().seen.last, now);
                self.heads.insert(key, same);
                return;
            }
            Recorded::Duplicate { .. } => panic!("{} was not recorded before", observation.id),
        };
        let next = record::advance(head, &observation, &verdict, position, now);
        if observation.platform_customer.is_none() {
            let own = self.heads.get(&EntityKey::customer(observation.customer.clone()));
            let known = |head: Option<&Head>| head.and_then(|head| head.platform_customer.clone());
            observation.platform_customer = known(own).or_else(|| known(head));
        }
        let previous = head.map(|head| head.subject.without_problems());
        let next = Head { platform_customer: observation.platform_customer.clone(), ..next };
        self.heads.insert(key, next);
        self.events.push(Event {
            position,
            observation,
            outcome: verdict.outcome,
            previous,
            cause: verdict.settles,
            recorded_at: now,
        });
    }

    fn check(&self, events: &[Arc<Event>], heads: &[Arc<Head>]) {
        let kept = &self.events[self.gone..];
        assert_eq!(events.iter().map(|event| event.as_ref()).collect::<Vec<_>>(), kept.iter().collect::<Vec<_>>());
        assert_same_heads(heads, &self.heads);
    }

    fn check_client(&self, client: &Client) {
        let expected = self.events.iter().filter(|event| {
            let seen = &event.observation;
            event.position > client.begun
                && event.outcome == Outcome::Change
                && client.scope.includes(&seen.customer, seen.platform_customer.as_ref())
        });
        let sent: Vec<_> = client.changes.iter().map(|event| event.as_ref()).collect();
        assert_eq!(sent, expected.collect::<Vec<_>>(), "every change once, in order");
        for (key, head) in &self.heads {
            // What was seen before anyone said whose it is, is not for those who watch by the platform's id.
            if client.scope.is_all() || client.scope.customers.contains(&key.customer) {
                assert_eq!(client.known.get(key), Some(&head.subject));
            }
        }
    }
}

fn observe(Delivery { id: number, of, verification: verified, word, updated_at, timestamp }: &Delivery) -> Observation {
    let (name, platform_id) = CUSTOMERS[*of];
    let (subject, platform_customer) = if *verified {
        (verification(name, WORDS[*word], &[]), None)
    } else {
        (status(WORDS[*word]), Some(platform(platform_id)))
    };
    let id = id(&number.to_string());
    Observation::webhook(
        id,
        Some(at(*timestamp * 400)),
        customer(name),
        platform_customer,
        subject,
        Some(at(*updated_at)),
    )
}

/// Plays a history, and compares all the way.
pub async fn play(place: &dyn Place, history: &[Op]) {
    let mut log = place.open().await;
    let mut model = Model::default();
    let mut bases: Vec<Basis> = vec![log.basis()];
    let only = |customers: &[&str]| customers.iter().map(|name| customer(name)).collect::<Vec<_>>();
    let mut clients = [
        Client::new(Scope::ALL),
        Client::new(Scope { customers: only(&["a"]), platform_customers: vec![] }),
        Client::new(Scope { customers: only(&["a", "b"]), platform_customers: vec![platform("two")] }),
    ];
    for op in history {
        match op {
            Op::Webhooks(deliveries) => {
                let seen: Vec<_> = deliveries.iter().map(observe).collect();
                let all = seen.iter().map(|observation| log.record(observation.clone()));
                let recorded = futures_util::future::try_join_all(all).await.unwrap();
                let mut both: Vec<_> = seen.into_iter().zip(recorded).collect();
                // Those that are new come in the log's order; copies after them.
                both.sort_by_key(|(_, recorded)| match recorded {
                    Recorded::New { position, .. } => (false, *position),
                    Recorded::Duplicate { position } => (true, *position),
                    Recorded::Redundant => (true, Position::START),
                });
                for (observation, recorded) in both {
                    model.record(observation, recorded, place.clock().now());
                }
            }
            Op::Answer { of, word, ago, by } => {
                let basis = bases[bases.len().saturating_sub(ago + 1)];
                let observation = answer_based_on(basis, *by, CUSTOMERS[*of].0, status(WORDS[*word]));
                let recorded = log.record(observation.clone()).await.unwrap();
                model.record(observation, recorded, place.clock().now());
            }
            Op::Resolve { word } => resolve(&log, &mut model, WORDS[*word], place.clock().now()).await,
            Op::Watch { client, limit, disconnects } => {
                let client = &mut clients[*client];
                let done = client.take(&log, *limit).await;
                if done {
                    model.check_client(client);
                }
                if *disconnects {
                    client.disconnect();
                }
            }
            Op::Wait(seconds) => place.clock().advance(Duration::from_secs(*seconds)),
            Op::Restart => {
                clients.iter_mut().for_each(Client::disconnect);
                log = place.open().await;
                for (key, head) in &mut model.heads {
                    // The time of an answer that said nothing new need not survive.
                    let kept = log.head(key).await.unwrap().unwrap();
                    assert!(kept.confirmed_at() <= head.confirmed_at());
                    head.confirmed = kept.confirmed.clone();
                }
            }
            Op::Expire => {
                place.expire().await;
                model.gone = model.events.len();
            }
        }
        bases.push(log.basis());
    }
    let oldest = log.bounds().await.unwrap().oldest;
    model.check(&read_all(&log, oldest.position, &Scope::ALL, 7).await, &all_heads(&log, &Scope::ALL, 2).await);
    for client in &mut clients {
        let seen = |event: &&Event| {
            client.scope.includes(&event.observation.customer, event.observation.platform_customer.as_ref())
        };
        let expected: Vec<_> = model.events[model.gone..].iter().filter(seen).collect();
        let listed = read_all(&log, oldest.position, &client.scope, 5).await;
        assert_eq!(listed.iter().map(|event| event.as_ref()).collect::<Vec<_>>(), expected);
        while !client.take(&log, 3).await {}
        model.check_client(client);
    }
    resolve(&log, &mut model, "APPROVED", place.clock().now()).await;
    assert_eq!(log.unresolved(None, 10).await.unwrap(), []);
}

async fn resolve(log: &Arc<EventLog>, model: &mut Model, word: &str, now: jiff::Timestamp) {
    for head in log.unresolved(None, 100).await.unwrap() {
        let subject = match head.subject.verification_id() {
            None => status(word),
            Some(_) => verification(head.customer.as_str().trim_start_matches("Customer:"), word, &[]),
        };
        let name = head.customer.as_str().trim_start_matches("Customer:").to_owned();
        let observation = answer_based_on(log.basis(), Asker::Resolver, &name, subject);
        let recorded = log.record(observation.clone()).await.unwrap();
        assert!(matches!(recorded, Recorded::New { .. }), "what settles a doubt is recorded");
        model.record(observation, recorded, now);
    }
}
