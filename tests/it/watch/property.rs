//! Random histories against a model that fits on a page: what is recorded and what it means, and what watchers are sent,
//! across copies, reorderings, doubts, snapshots, reconnects at any token, retention and restarts.

mod model;
mod session;

use std::sync::Arc;

use gridgate::kyc::clock::Clock as _;
use gridgate::kyc::event::{Asker, Basis, Observation};
use gridgate::kyc::log::{EventLog, Recorded};
use proptest::prelude::*;

use self::model::{Filter, Model};
use self::session::{Begin, Session, Token};
use super::rig::Rig;
use crate::event_log::jetstream::JetStreamPlace;
use crate::event_log::seen::{answer_based_on, at, customer, deleted, id, platform, status, verification};
use crate::support::memory_log::MemoryPlace;
use crate::support::place::{Place, SqlitePlace};

/// So few that streams often have to read the log.
const RING: usize = 4;
const CLIENTS: usize = 4;
const WORDS: [&str; 4] = ["PENDING", "APPROVED", "REJECTED", "UNHEARD_OF"];
const CUSTOMERS: [(&str, &str); 3] = [("a", "one"), ("b", "two"), ("c", "two")];

/// One thing that happens.
#[derive(Debug, Clone)]
enum Op {
    /// A webhook arrives, perhaps once more.
    Webhook(Webhook),
    /// Grid answered a question that was asked some steps ago.
    Answer { of: usize, word: usize, deleted: bool, ago: usize },
    /// Grid is asked about everything in doubt, and says this.
    Resolve { word: usize },
    /// A client begins a stream, at the end of the one it had if it had one.
    Begin { client: usize, filter: Filter, begin: Begin },
    /// The rows of snapshots are not read until somebody wants to see one, where the log can be made to wait.
    HoldRows,
    /// A client reads on, if there is something to read.
    Read { client: usize, most: usize },
    /// A client's connection breaks.
    Break { client: usize },
    /// The process ends, and starts again.
    Restart,
    /// Retention lets go of everything.
    Expire,
}

#[derive(Debug, Clone)]
struct Webhook {
    id: usize,
    of: usize,
    verification: bool,
    word: usize,
    updated_at: i64,
    timestamp: i64,
}

fn webhook() -> impl Strategy<Value = Webhook> {
    // An id names one webhook, so that copies say the same; their times are a few hours before the log's clock.
    (0..48usize).prop_map(|id| {
        let mut random = fastrand::Rng::with_seed(id as u64);
        Webhook {
            id,
            of: random.usize(0..CUSTOMERS.len()),
            verification: random.u8(0..4) == 0,
            word: random.usize(0..WORDS.len()),
            updated_at: random.i64(0..9),
            timestamp: random.i64(0..9),
        }
    })
}

fn op() -> impl Strategy<Value = Op> {
    let client = 0..CLIENTS;
    prop_oneof![
        12 => webhook().prop_map(Op::Webhook),
        4 => (0..CUSTOMERS.len(), 0..WORDS.len(), prop::bool::weighted(0.1), 0..4usize)
            .prop_map(|(of, word, deleted, ago)| Op::Answer { of, word, deleted, ago }),
        3 => (0..WORDS.len()).prop_map(|word| Op::Resolve { word }),
        8 => (client.clone(), model::filter(), session::begin())
            .prop_map(|(client, filter, begin)| Op::Begin { client, filter, begin }),
        10 => (client.clone(), 1..6usize).prop_map(|(client, most)| Op::Read { client, most }),
        2 => Just(Op::HoldRows),
        1 => client.prop_map(|client| Op::Break { client }),
        1 => Just(Op::Restart),
        1 => Just(Op::Expire),
    ]
}

fn history() -> impl Strategy<Value = Vec<Op>> {
    prop::collection::vec(op(), 1..60)
}

fn observe(webhook: &Webhook) -> Observation {
    let Webhook { id: number, of, verification: verified, word, updated_at, timestamp } = webhook;
    let (name, platform_id) = CUSTOMERS[*of];
    let (subject, platform_customer) = if *verified {
        (verification(name, WORDS[*word], &[]), None)
    } else {
        (status(WORDS[*word]), Some(platform(platform_id)))
    };
    let (timestamp, updated_at) = (Some(at(*timestamp * 400)), Some(at(*updated_at)));
    Observation::webhook(id(&number.to_string()), timestamp, customer(name), platform_customer, subject, updated_at)
}

/// What is played, and with whom.
struct Play<'a> {
    place: &'a dyn Place,
    memory: Option<&'a MemoryPlace>,
    log: Arc<EventLog>,
    rig: Rig,
    model: Model,
    bases: Vec<Basis>,
    sessions: Vec<Option<Session>>,
    /// Every token that anyone was ever given.
    tokens: Vec<Token>,
}

impl Play<'_> {
    async fn start<'a>(place: &'a dyn Place, memory: Option<&'a MemoryPlace>) -> Play<'a> {
        let log = place.open().await;
        let rig = Rig::of(&log).await;
        let (model, bases) = (Model::default(), vec![log.basis()]);
        Play {
            place,
            memory,
            rig,
            model,
            bases,
            log,
            sessions: (0..CLIENTS).map(|_| None).collect(),
            tokens: Vec::new(),
        }
    }

    async fn play(&mut self, op: &Op) {
        match op {
            Op::Webhook(webhook) => drop(self.record(observe(webhook)).await),
            Op::Answer { of, word, deleted: gone, ago } => {
                let basis = self.bases[self.bases.len().saturating_sub(ago + 1)];
                let subject = if *gone { deleted(WORDS[*word]) } else { status(WORDS[*word]) };
                self.record(answer_based_on(basis, Asker::Reconciler, CUSTOMERS[*of].0, subject)).await;
            }
            Op::Resolve { word } => self.resolve(WORDS[*word]).await,
            Op::Begin { client, filter, begin } => {
                let session = Session::begin(&self.rig, &self.model, filter, begin, &self.tokens).await;
                self.sessions[*client] = session;
            }
            Op::Read { client, most } => {
                for _ in 0..*most {
                    self.read(*client).await;
                }
            }
            Op::HoldRows => self.hold_rows(true).await,
            Op::Break { client } => self.sessions[*client] = None,
            Op::Restart => {
                self.sessions.iter_mut().for_each(|session| *session = None);
                self.log = self.place.open().await;
                self.rig = Rig::of(&self.log).await;
                self.model.forget_answers(&self.log).await;
            }
            Op::Expire => {
                self.place.expire().await;
                self.model.expire();
            }
        }
        self.bases.push(self.log.basis());
    }

    async fn record(&mut self, observation: Observation) -> Recorded {
        let recorded = self.log.record(observation.clone()).await.unwrap();
        self.model.record(observation, recorded, self.place.clock().now());
        recorded
    }

    /// Asks about everything in doubt. An answer that contradicts nothing settles it.
    async fn resolve(&mut self, word: &str) {
        let doubts = self.log.unresolved(None, 100).await.unwrap();
        let in_doubt = self.model.in_doubt();
        assert_eq!(doubts.iter().map(|head| head.entity()).collect::<Vec<_>>(), in_doubt);
        for key in in_doubt {
            let name = key.customer.as_str().trim_start_matches("Customer:").to_owned();
            let subject = match key.verification {
                None => status(word),
                Some(_) => verification(&name, word, &[]),
            };
            let answer = answer_based_on(self.log.basis(), Asker::Resolver, &name, subject);
            assert!(matches!(self.record(answer).await, Recorded::New { .. }), "what settles a doubt is recorded");
        }
        assert_eq!(self.log.unresolved(None, 100).await.unwrap(), []);
    }

    async fn hold_rows(&self, hold: bool) {
        if let Some(memory) = self.memory {
            memory.hold_rows(hold).await;
        }
    }

    /// One response, if one has to come; the session ends where it has to.
    async fn read(&mut self, client: usize) {
        self.hold_rows(false).await;
        let Some(session) = &mut self.sessions[client] else { return };
        if session.is_owed(&self.model) {
            match session.read(&self.model).await {
                Some(token) => self.tokens.push(token),
                None => self.sessions[client] = None,
            }
        }
    }

    /// Everyone reads all there is, and then nothing but the end.
    async fn finish(mut self) {
        for client in 0..CLIENTS {
            while self.sessions[client].as_ref().is_some_and(|session| session.is_owed(&self.model)) {
                self.read(client).await;
            }
        }
        self.rig.leaving.cancel();
        for session in self.sessions.iter_mut().flatten() {
            session.hear_nothing_but_goodbye(&self.model).await;
        }
    }
}

fn runs(place: &dyn Place, memory: Option<&MemoryPlace>, history: &[Op]) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let mut play = Play::start(place, memory).await;
        for op in history {
            play.play(op).await;
        }
        play.finish().await;
    });
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, max_shrink_iters: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn random_histories_come_out_as_the_model_says_in_memory(history in history()) {
        let place = MemoryPlace::with_ring(RING);
        runs(&place, Some(&place), &history);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, max_shrink_iters: 500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn random_histories_come_out_as_the_model_says_in_sqlite(history in history()) {
        runs(&SqlitePlace::with(|options| options.ring_events = RING), None, &history);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 6, max_shrink_iters: 60, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn random_histories_come_out_as_the_model_says_in_jetstream(history in history()) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let place = runtime.block_on(JetStreamPlace::forgetful(|options| options.ring_events = RING));
        runs(&place, None, &history);
    }
}
