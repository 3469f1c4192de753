//! How often a caller may call, and how often anyone may fail to say who they are.

use std::time::Duration;

use gridgate::identity::Counted;
use tonic::Code;

use super::rig::{Rig, bearer, caller, outcome, token};
use crate::support::details::Details;

const METHOD: &str = "gridgate.v1.CustomerService/GetEndUserTerms";

#[tokio::test]
async fn a_caller_has_its_own_rate_and_is_told_when_to_come_back() {
    let (slow, free) = (token(), token());
    let policy = [
        caller("slow", &slow, "methods = [\"*/*\"]\nrate = { per_second = 1, burst = 3 }"),
        caller("free", &free, "methods = [\"*/*\"]"),
    ];
    let rig = Rig::with(&policy.concat()).await;
    let mut client = rig.client().await;
    let path = format!("/{METHOD}");
    let mut codes = Vec::new();
    let mut last = None;
    for _ in 0..5 {
        let answer = client.call(&path, &[("authorization", &bearer(&slow))]).await;
        codes.push(answer.code());
        last = Some(answer);
    }
    let limited = codes.iter().filter(|code| **code == Code::ResourceExhausted).count();
    assert!((1..=2).contains(&limited), "{codes:?}");
    assert_eq!(codes[0], codes[1], "{codes:?}");
    let last = last.unwrap();
    assert_eq!(outcome(&last), (Code::ResourceExhausted, "RATE_LIMITED".to_owned()));
    let details = Details::of(&last.status());
    assert_eq!(details.metadata["caller"], "slow");
    let wait = details.retry_after.unwrap();
    assert!(wait > Duration::ZERO && wait <= Duration::from_secs(1), "{wait:?}");
    assert!(details.pushback.is_some());
    // Others are not held up, and neither is a policy's reload a way around it.
    assert_ne!(rig.call_as(&free, METHOD).await.code(), Code::ResourceExhausted);
    rig.replace(&format!("# changed\n{}", policy.concat())).await;
    let again = client.call(&path, &[("authorization", &bearer(&slow))]).await;
    assert_eq!(again.code(), Code::ResourceExhausted);
}

#[tokio::test]
async fn whoever_keeps_failing_is_slowed_down_and_nobody_else() {
    let (known, wrong) = (token(), token());
    let rig = Rig::with(&caller("known", &known, "methods = [\"*/*\"]")).await;
    let mut client = rig.client().await;
    let path = format!("/{METHOD}");
    let bad = bearer(&wrong);
    let mut slowed = None;
    for _ in 0..1000 {
        let answer = client.call(&path, &[("authorization", &bad)]).await;
        if answer.code() == Code::ResourceExhausted {
            slowed = Some(answer);
            break;
        }
        assert_eq!(outcome(&answer), (Code::Unauthenticated, "CREDENTIALS_INVALID".to_owned()));
    }
    let slowed = slowed.expect("a thousand failures in a row are too many");
    assert_eq!(outcome(&slowed).1, "TOO_MANY_FAILURES");
    assert!(Details::of(&slowed.status()).retry_after.is_some());
    // From the same address, over the same connection.
    let good = client.call(&path, &[("authorization", &bearer(&known))]).await;
    assert!(!matches!(good.code(), Code::ResourceExhausted | Code::Unauthenticated), "{good:?}");
    assert!(rig.gate.counters().of(Counted::TooManyFailures) >= 1);
    assert!(rig.gate.counters().of(Counted::CredentialsInvalid) >= 200);
}
