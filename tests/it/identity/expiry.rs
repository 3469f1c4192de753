//! Tokens that expire.

use std::time::{Duration, SystemTime};

use gridgate::identity::NewToken;
use jiff::Timestamp;
use tonic::Code;

use super::rig::{Rig, bearer, outcome, token};
use crate::support::log::CapturedLog;
use crate::support::soon;

const METHOD: &str = "/gridgate.v1.PlatformService/GetPlatformConfig";

fn caller(name: &str, token: &NewToken, expires: Timestamp) -> String {
    let hash = token.hash();
    format!("[callers.{name}]\ntokens = [{{ hash = \"{hash}\", expires = {expires} }}]\nmethods = [\"*/*\"]\n")
}

fn within(left: Duration) -> Timestamp {
    (SystemTime::now() + left).try_into().unwrap()
}

#[tokio::test]
async fn a_token_is_good_until_it_expires_and_that_is_told_before() {
    let log = CapturedLog::start();
    let (brief, gone, long) = (token(), token(), token());
    let ends = within(Duration::from_secs(2));
    let policy = [
        caller("brief", &brief, ends),
        caller("gone", &gone, "2020-01-31T00:00:00Z".parse().unwrap()),
        caller("long", &long, within(Duration::from_secs(30 * 24 * 3600))),
    ];
    let rig = Rig::with(&policy.concat()).await;
    let mut client = rig.client().await;
    let (of_brief, of_gone, of_long) = (bearer(&brief), bearer(&gone), bearer(&long));
    assert_eq!(client.call(METHOD, &[("authorization", &of_brief)]).await.code(), Code::Ok);
    let refused = client.call(METHOD, &[("authorization", &of_gone)]).await;
    assert_eq!(outcome(&refused), (Code::Unauthenticated, "CREDENTIALS_INVALID".to_owned()));
    let (_, metrics) = rig.app.admin("/metrics").await;
    let next =
        metrics.lines().find_map(|line| line.strip_prefix("gridgate_identity_next_token_expiry_timestamp_seconds "));
    let next: f64 = next.unwrap().parse().unwrap();
    assert!((next - ends.as_duration().as_secs_f64()).abs() < 0.001, "{next} {ends}");
    let refused = soon("its end", async {
        loop {
            let answer = client.call(METHOD, &[("authorization", &of_brief)]).await;
            if answer.code() != Code::Ok {
                return answer;
            }
        }
    })
    .await;
    assert!(Timestamp::now() >= ends);
    assert_eq!(outcome(&refused), (Code::Unauthenticated, "CREDENTIALS_INVALID".to_owned()));
    assert_eq!(client.call(METHOD, &[("authorization", &of_long)]).await.code(), Code::Ok);
    let text = log.text();
    assert_eq!(text.matches("a token of this caller expires soon").count(), 1, "{text}");
    assert_eq!(text.matches("a token of this caller has expired").count(), 1, "{text}");
    assert!(text.contains("the token has expired"), "an audit line says why");
}
