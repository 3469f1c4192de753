//! The real program, killed with `kill -9` at random moments while webhooks arrive and watchers listen.
//!
//! What has to hold afterwards: each webhook that was answered 200 is in the log once; 409 was only said of what is in it;
//! and each watcher, going on with its last token every time, has heard each change exactly once, in the order of the log.

mod senders;
mod watchers;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rusqlite::{Connection, OpenFlags};

use self::senders::{Senders, Traffic};
use self::watchers::{Heard, Watch};
use crate::support::fake_grid::FakeGrid;
use crate::support::serving::Serving;

/// How often the program is killed, unless this variable says otherwise (`scripts/soak` has it killed often).
const KILLS: usize = 12;
const KILLS_VARIABLE: &str = "GRIDGATE_TEST_KILLS";
/// Begins the same random choices again.
const SEED_VARIABLE: &str = "GRIDGATE_TEST_SEED";
/// How many senders there are at once.
const SENDERS: usize = 64;

fn variable(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().unwrap_or_else(|_| panic!("{name} has to be a number")))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[allow(clippy::print_stderr, reason = "whoever reads of a failure needs the seed")]
async fn nothing_is_lost_repeated_or_out_of_order_however_often_the_program_is_killed() {
    let seed = variable(SEED_VARIABLE).unwrap_or_else(|| fastrand::u64(..));
    eprintln!("{SEED_VARIABLE}={seed}");
    let mut random = fastrand::Rng::with_seed(seed);
    let kills = variable(KILLS_VARIABLE).map_or(KILLS, |kills| usize::try_from(kills).unwrap());

    let traffic = Arc::new(Traffic::new(seed));
    let upstream = FakeGrid::start().await;
    upstream.on("GET", "/customers/*", traffic.grids_answers());
    let serving = Serving::new(&mut random, traffic.public_key(), upstream.base_url());
    let senders = Senders::start(&traffic, serving.webhooks, SENDERS);
    let watches = [Watch::of_everyone(), Watch::of_everyone().that_hangs_up(seed), Watch::of_some()];
    let watches = watches.map(|watch| watch.start(serving.grpc));

    let began = Instant::now();
    for _ in 0..kills {
        let mut program = serving.start();
        if random.u8(0..5) > 0 {
            program.json_line().await;
        }
        // A random moment, and not a wait for anything; else, it is killed while it starts.
        tokio::time::sleep(Duration::from_millis(random.u64(0..1500))).await;
        program.signal("KILL").await;
        let ended = program.ended().await;
        assert_eq!(ended.status.code(), None, "killed: {}", ended.stderr);
    }
    let program = serving.start_and_wait().await;
    senders.finish().await;
    nothing_is_in_doubt(&serving.log()).await;
    traffic.deliver_the_last(serving.webhooks).await;
    let mut heard = Vec::new();
    for watch in watches {
        heard.push(tokio::time::timeout(Duration::from_secs(30), watch).await.expect("they hear all of it").unwrap());
    }
    program.signal("TERM").await;
    let ended = program.ended().await;
    assert!(ended.status.success(), "{}", ended.stderr);

    let kept = Kept::read(&serving.log());
    let (sent, answered) = (traffic.sent(), traffic.answers());
    eprintln!(
        "{kills} kills in {:?}: {sent} webhooks sent, {} answers, {} events, {} changes, {} streams",
        began.elapsed(),
        answered.values().map(|answers| answers.ok + answers.conflict + answers.other).sum::<usize>(),
        kept.ids.len(),
        kept.changes.len(),
        heard.iter().map(|heard| heard.streams).sum::<usize>(),
    );
    for (id, answers) in &answered {
        assert!(answers.ok <= 1, "{id} was answered 200 {} times", answers.ok);
        assert!(answers.ok + answers.conflict > 0, "{id} was sent until it was taken");
        assert_eq!(kept.ids.get(id), Some(&1), "{id} was answered {answers:?}");
    }
    assert_eq!(kept.webhooks, answered.len(), "and nothing else came in");
    for heard in &heard {
        heard.is_what_was_kept(&kept);
    }
    for (customer, status) in traffic.truth() {
        assert_eq!(kept.heads.get(&customer), Some(&status), "{customer} ends with the status that Grid has");
    }
}

fn look_into(path: &Path) -> Connection {
    Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap()
}

/// Waits until Grid was asked about everything that was in doubt. The program may run meanwhile.
async fn nothing_is_in_doubt(path: &Path) {
    let file = look_into(path);
    let settled = async {
        while file
            .query_row("SELECT exists (SELECT * FROM heads WHERE doubt_id IS NOT NULL)", [], |row| row.get(0))
            .unwrap()
        {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), settled).await.expect("all doubts are settled");
}

/// What the log has in the end, read by somebody who knows nothing of it but its tables.
struct Kept {
    /// How often each id is in it.
    ids: BTreeMap<String, usize>,
    /// How many events came by webhook.
    webhooks: usize,
    /// The changes, in order: the customer, the id, the status.
    changes: Vec<(String, String, String)>,
    heads: BTreeMap<String, String>,
}

impl Kept {
    fn read(path: &Path) -> Self {
        let file = look_into(path);
        let verdict: String = file.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
        assert_eq!(verdict, "ok");
        let mut kept = Self { ids: BTreeMap::new(), webhooks: 0, changes: Vec::new(), heads: BTreeMap::new() };
        let mut events =
            file.prepare("SELECT id, source, outcome, customer_id, status FROM events ORDER BY position").unwrap();
        let mut rows = events.query([]).unwrap();
        while let Some(row) = rows.next().unwrap() {
            let text = |column: usize| row.get::<_, String>(column).unwrap();
            *kept.ids.entry(text(0)).or_default() += 1;
            kept.webhooks += usize::from(text(1) == "webhook");
            if text(2) == "change" {
                kept.changes.push((text(3), text(0), text(4)));
            }
        }
        let mut heads = file.prepare("SELECT customer_id, status FROM heads").unwrap();
        let rows = heads.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
        kept.heads = rows.map(Result::unwrap).collect();
        kept
    }
}

impl Heard {
    /// Each change that was asked for once, in the order of the log.
    fn is_what_was_kept(&self, kept: &Kept) {
        let wanted: Vec<_> = kept.changes.iter().filter(|(customer, _, _)| self.wants(customer)).collect();
        let different = wanted.iter().zip(&self.changes).position(|(wanted, heard)| **wanted != *heard);
        if let Some(at) = different {
            panic!("change {at}: {:?} was kept, and {:?} was heard", wanted[at], self.changes[at]);
        }
        assert_eq!(self.changes.len(), wanted.len(), "as many as were kept");
    }
}
