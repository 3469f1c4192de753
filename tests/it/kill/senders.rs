//! Grid, sending webhooks to a program that is there at times.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::Timestamp;
use serde_json::json;
use tokio::task::JoinSet;

use crate::support::fake_grid::Reply;
use crate::support::scene::customer;
use crate::support::webhook_sender::PATH;
use crate::support::webhook_sender::WebhookSender;

/// How many customers there are.
const CUSTOMERS: usize = 300;
/// How many different webhooks are sent at most; copies of them are not counted.
const MOST: usize = 30_000;
/// Grid's pause between two tries.
const PAUSE: Duration = Duration::from_millis(20);
/// The customer that the last webhook is about.
pub const LAST: &str = "Customer:last";

/// What was answered to one webhook, all its tries and copies together.
#[derive(Debug, Clone, Copy, Default)]
pub struct Answers {
    pub ok: usize,
    pub conflict: usize,
    /// 503, or none at all.
    pub other: usize,
}

struct Webhook {
    id: String,
    body: String,
    signature: String,
}

/// What has happened at Grid.
struct World {
    random: fastrand::Rng,
    webhooks: Vec<Arc<Webhook>>,
    /// By customer: when it was updated, and its status.
    customers: BTreeMap<String, (Timestamp, &'static str)>,
    answers: BTreeMap<String, Answers>,
}

/// Everything that Grid says.
pub struct Traffic {
    grid: WebhookSender,
    seed: u64,
    /// Held for as long as it takes to think of something, and not while anything is sent.
    world: Mutex<World>,
}

impl Traffic {
    pub fn new(seed: u64) -> Self {
        let random = fastrand::Rng::with_seed(seed ^ 1);
        let world = World { random, webhooks: Vec::new(), customers: BTreeMap::new(), answers: BTreeMap::new() };
        Self { grid: WebhookSender::new(), seed, world: Mutex::new(world) }
    }

    pub fn public_key(&self) -> String {
        self.grid.public_key()
    }

    /// What Grid answers when it is asked about a customer: what is so now.
    pub fn grids_answers(self: &Arc<Self>) -> Reply {
        let traffic = Arc::clone(self);
        Reply::with(move |request| {
            let name = request.path.rsplit('/').next().unwrap().trim_start_matches("Customer:");
            let (updated_at, status) = traffic.world.lock().unwrap().customers[&format!("Customer:{name}")];
            Reply::json(200, customer(name, status, &updated_at.to_string()))
        })
    }

    /// How many different webhooks there were.
    pub fn sent(&self) -> usize {
        self.world.lock().unwrap().webhooks.len()
    }

    pub fn answers(&self) -> BTreeMap<String, Answers> {
        self.world.lock().unwrap().answers.clone()
    }

    /// The status that each customer has in the end.
    pub fn truth(&self) -> BTreeMap<String, String> {
        let world = self.world.lock().unwrap();
        world.customers.iter().map(|(customer, (_, status))| (customer.clone(), (*status).to_owned())).collect()
    }

    /// Something new, or a copy of something.
    fn next(&self) -> Arc<Webhook> {
        let mut world = self.world.lock().unwrap();
        let count = world.webhooks.len();
        if count == MOST || (count > 0 && world.random.u8(0..5) == 0) {
            // Copies of the latest ones, so that both are on their way at once.
            let index = world.random.usize(count.saturating_sub(200)..count);
            return Arc::clone(&world.webhooks[index]);
        }
        let name = format!("c{}", world.random.usize(0..CUSTOMERS));
        self.happens(&mut world, &name)
    }

    /// A customer has another status.
    fn happens(&self, world: &mut World, name: &str) -> Arc<Webhook> {
        let number = world.webhooks.len();
        // By Grid's clock, which is ours.
        let now = Timestamp::now();
        let before = world.customers.get(&format!("Customer:{name}")).copied();
        let status = loop {
            let status = ["PENDING", "APPROVED", "REJECTED"][world.random.usize(0..3)];
            if before.is_none_or(|(_, before)| before != status) {
                break status;
            }
        };
        // Where it lags, only Grid can say which of two is the newer.
        let lags = world.random.u8(0..20) == 0;
        let updated_at = before.filter(|_| lags).map_or(now, |(updated_at, _)| updated_at);
        world.customers.insert(format!("Customer:{name}"), (updated_at, status));
        let id = format!("Webhook:{}-{number}", self.seed);
        let body = json!({
            "id": id, "type": format!("CUSTOMER.KYC_{status}"), "timestamp": now,
            "data": customer(name, status, &updated_at.to_string()),
        });
        let body = body.to_string();
        let signature = self.grid.signature(body.as_bytes());
        let webhook = Arc::new(Webhook { id, body, signature });
        world.webhooks.push(Arc::clone(&webhook));
        webhook
    }

    fn answered(&self, webhook: &Webhook, status: Option<u16>) -> bool {
        let mut world = self.world.lock().unwrap();
        let answers = world.answers.entry(webhook.id.clone()).or_default();
        match status {
            Some(200) => answers.ok += 1,
            Some(409) => answers.conflict += 1,
            // Busy, or about to end. Anything else is never said of what is in order.
            None | Some(503) => answers.other += 1,
            Some(other) => panic!("{} was answered {other}", webhook.id),
        }
        matches!(status, Some(200 | 409))
    }

    /// Tries until it is taken.
    async fn deliver(&self, client: &reqwest::Client, to: SocketAddr, webhook: &Webhook) {
        loop {
            let request = client.post(format!("http://{to}{PATH}")).header("X-Grid-Signature", &webhook.signature);
            let answer = request.header("Content-Type", "application/json").body(webhook.body.clone()).send().await;
            let status = match answer {
                // The answer counts when all of it was heard.
                Ok(response) => {
                    let status = response.status().as_u16();
                    response.bytes().await.ok().map(|_| status)
                }
                Err(_) => None,
            };
            if self.answered(webhook, status) {
                return;
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// Sends one webhook more, which watchers end with.
    pub async fn deliver_the_last(&self, to: SocketAddr) {
        let webhook = self.happens(&mut self.world.lock().unwrap(), LAST.trim_start_matches("Customer:"));
        self.deliver(&client(), to, &webhook).await;
    }
}

fn client() -> reqwest::Client {
    reqwest::Client::builder().timeout(Duration::from_secs(5)).build().unwrap()
}

/// Those who send.
pub struct Senders {
    tasks: JoinSet<()>,
    enough: Arc<AtomicBool>,
}

impl Senders {
    pub fn start(traffic: &Arc<Traffic>, to: SocketAddr, count: usize) -> Self {
        let (mut tasks, enough) = (JoinSet::new(), Arc::new(AtomicBool::new(false)));
        for _ in 0..count {
            let (traffic, enough) = (Arc::clone(traffic), Arc::clone(&enough));
            tasks.spawn(async move {
                let client = client();
                while !enough.load(Ordering::Relaxed) {
                    let webhook = traffic.next();
                    traffic.deliver(&client, to, &webhook).await;
                }
            });
        }
        Self { tasks, enough }
    }

    /// Has them think of nothing new, and waits until everything they sent was taken.
    pub async fn finish(self) {
        let Self { tasks, enough } = self;
        enough.store(true, Ordering::Relaxed);
        tokio::time::timeout(Duration::from_secs(30), tasks.join_all()).await.expect("everything is taken");
    }
}
