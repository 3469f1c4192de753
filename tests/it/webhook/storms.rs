//! Webhooks that contradict each other, through the whole server: each is answered at once, and it ends with the status that
//! Grid has, whoever is away meanwhile.

use serde_json::Value;

use crate::support::PATIENCE;
use crate::support::app::free_ports;
use crate::support::fake_grid::{FakeGrid, Refusing, Reply};
use crate::support::scene::{Scene, path, webhook};

const AT_10: &str = "2026-05-01T10:00:00Z";
const AT_11: &str = "2026-05-01T11:00:00Z";
const AT_12: &str = "2026-05-01T12:00:00Z";

/// Webhooks about one customer, in the order in which they arrive.
struct Story {
    name: &'static str,
    /// Status, `updatedAt`, `timestamp`.
    arrives: &'static [(&'static str, &'static str, &'static str)],
    /// What Grid has: each of these may be so.
    truths: &'static [&'static str],
    /// Whether it can be known without asking Grid, and then there is one truth.
    certain: bool,
}

const STORIES: [Story; 6] = [
    Story {
        name: "late",
        arrives: &[("PENDING", AT_10, AT_10), ("APPROVED", AT_11, AT_11), ("PENDING", AT_10, AT_10)],
        truths: &["APPROVED"],
        certain: true,
    },
    Story {
        name: "late-and-stamped-anew",
        arrives: &[("APPROVED", AT_11, AT_11), ("PENDING", AT_10, AT_12)],
        truths: &["APPROVED", "PENDING"],
        certain: false,
    },
    Story {
        name: "late-with-a-lagging-update",
        arrives: &[("APPROVED", AT_10, AT_11), ("PENDING", AT_10, AT_10)],
        truths: &["APPROVED"],
        certain: true,
    },
    Story {
        name: "older-update-newer-timestamp",
        arrives: &[("PENDING", AT_11, AT_10), ("REJECTED", AT_10, AT_12)],
        truths: &["PENDING", "REJECTED"],
        certain: false,
    },
    Story {
        name: "newer-update-older-timestamp",
        arrives: &[("PENDING", AT_10, AT_12), ("APPROVED", AT_11, AT_10)],
        truths: &["PENDING", "APPROVED"],
        certain: false,
    },
    Story {
        name: "back-from-a-decision",
        arrives: &[("APPROVED", AT_10, AT_10), ("REJECTED", AT_11, AT_11)],
        truths: &["APPROVED", "REJECTED"],
        certain: false,
    },
];

/// Each story with each of its truths: a customer of its own, its webhooks, and how it ends.
fn cases() -> Vec<(String, Vec<Value>, &'static str, bool)> {
    let mut cases = Vec::new();
    for Story { name, arrives, truths, certain } in STORIES {
        for truth in truths {
            let customer = format!("{name}-{}", truth.to_lowercase());
            let webhooks = arrives.iter().enumerate().map(|(number, (status, updated_at, timestamp))| {
                webhook(&format!("{customer}-{number}"), &customer, status, updated_at, timestamp)
            });
            cases.push((customer.clone(), webhooks.collect(), *truth, certain));
        }
    }
    cases
}

async fn ends_with(scene: &Scene, customer: &str, truth: &str) {
    let ends = async {
        loop {
            let last = scene.events_of(customer).await.pop();
            let in_doubt = last.is_some_and(|last| last.contains("Unresolved"));
            if !in_doubt && scene.status(customer).await == truth {
                return;
            }
            tokio::task::yield_now().await;
        }
    };
    if tokio::time::timeout(2 * PATIENCE, ends).await.is_err() {
        panic!("{customer} ends with {truth}: {:?}", scene.events_of(customer).await);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_the_order_it_ends_with_the_status_that_grid_has() {
    let scene = Scene::start().await;
    for (customer, webhooks, truth, certain) in cases() {
        scene.says(&customer, truth, AT_12);
        let asked = scene.upstream.requests_to("GET", &path(&customer)).len();
        for body in &webhooks {
            assert_eq!(scene.deliver(body).await.status, 200, "{customer}");
        }
        ends_with(&scene, &customer, truth).await;
        for body in &webhooks {
            assert_eq!(scene.deliver(body).await.status, 409, "{customer}: known by now");
        }
        let asked = scene.upstream.requests_to("GET", &path(&customer)).len() - asked;
        assert_eq!(asked > 0, !certain, "{customer}: Grid is asked only where there is a doubt");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn webhooks_are_answered_at_once_while_grid_says_nothing() {
    let scene = Scene::start().await;
    scene.upstream.on("GET", "/customers/*", Reply::hang());
    let mut watcher = scene.watch().await;
    for (customer, webhooks, _, _) in cases() {
        for body in &webhooks {
            assert_eq!(scene.deliver(body).await.status, 200, "{customer}");
        }
    }
    scene.upstream.wait_for_requests(1).await;
    // The doubts wait; what is certain goes on.
    assert_eq!(scene.deliver(&webhook("z", "z", "APPROVED", AT_10, AT_10)).await.status, 200);
    let (heard, _) = watcher.hear_until("z APPROVED").await;
    for (customer, webhooks, _, _) in cases() {
        let of_it = heard.iter().filter(|said| said.starts_with(&format!("{customer} "))).count();
        assert_eq!(of_it, webhooks.len() - 1, "{customer}: the last one is late, or in doubt");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_arrives_while_grid_is_down_ends_as_grid_has_it_when_it_is_back() {
    let refusing = Refusing::start();
    let base_url = refusing.base_url();
    let scene = Scene::in_front_of(&base_url, FakeGrid::start().await, free_ports()).await;
    for (customer, webhooks, _, _) in cases() {
        for body in &webhooks {
            assert_eq!(scene.deliver(body).await.status, 200, "{customer}");
        }
    }
    let in_doubt = scene.recorded().await.iter().filter(|said| said.contains("Unresolved")).count();
    assert_eq!(in_doubt, cases().iter().filter(|(_, _, _, certain)| !certain).count());
    let scene = scene.with_grid_at(refusing.open());
    for (customer, _, truth, _) in cases() {
        scene.says(&customer, truth, AT_12);
    }
    for (customer, _, truth, _) in cases() {
        ends_with(&scene, &customer, truth).await;
    }
}
