//! How often a caller may call, and how often anyone may fail to say who they are.

use std::time::Duration;

use gridgate::identity::Counted;
use tonic::Code;

use super::rig::{Rig, bearer, caller, outcome, token};
use crate::support::details::Details;

const METHOD: &str = "gridgate.v1.CustomerService/GetEndUserTerms";

/// More than a busy machine answers in a second is not needed to use up a burst of these, and less comes back in a second.
const BURST: usize = 50;

#[tokio::test]
async fn a_caller_has_its_own_rate_and_is_told_when_to_come_back() {
    let (slow, free) = (token(), token());
    let policy = [
        caller("slow", &slow, &format!("methods = [\"*/*\"]\nrate = {{ per_second = 1, burst = {BURST} }}")),
        caller("free", &free, "methods = [\"*/*\"]"),
    ];
    let rig = Rig::with(&policy.concat()).await;
    let mut client = rig.client().await;
    let (path, header) = (format!("/{METHOD}"), bearer(&slow));
    let mut let_in = 0;
    let refused = loop {
        let answer = client.call(&path, &[("authorization", &header)]).await;
        if answer.code() == Code::ResourceExhausted {
            break answer;
        }
        let_in += 1;
    };
    assert!(let_in >= BURST, "{let_in}");
    assert_eq!(outcome(&refused), (Code::ResourceExhausted, "RATE_LIMITED".to_owned()));
    let details = Details::of(&refused.status());
    assert_eq!(details.metadata["caller"], "slow");
    let wait = details.retry_after.unwrap();
    assert!(wait > Duration::ZERO && wait <= Duration::from_secs(1), "{wait:?}");
    assert!(details.pushback.is_some());
    // Others are not held up, and neither is a policy's reload a way around it: that would give the whole burst anew.
    assert_ne!(rig.call_as(&free, METHOD).await.code(), Code::ResourceExhausted);
    rig.replace(&format!("# changed\n{}", policy.concat())).await;
    for _ in 0..BURST {
        if client.call(&path, &[("authorization", &header)]).await.code() == Code::ResourceExhausted {
            return;
        }
    }
    panic!("the reload gave another burst");
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
