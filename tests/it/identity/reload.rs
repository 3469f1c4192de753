//! A policy that changes while the server runs.

use gridgate::identity::{Counted, NewToken};
use gridgate::pb;
use gridgate::pb::kyc_event_service_client::KycEventServiceClient;
use tonic::{Code, Request, Status, Streaming};
use tonic_types::StatusExt as _;

use super::rig::{Rig, bearer, caller, outcome, token, until};
use crate::support::soon;

const METHOD: &str = "gridgate.v1.PlatformService/GetPlatformConfig";
const WATCH: &str = "methods = [\"gridgate.v1.KycEventService/*\"]";

#[tokio::test]
async fn a_changed_policy_holds_for_the_next_call_on_the_same_connection() {
    let (old, new) = (token(), token());
    let rig = Rig::with(&caller("a", &old, "methods = [\"*/*\"]")).await;
    let mut client = rig.client().await;
    let path = format!("/{METHOD}");
    let (old, new_bearer) = (bearer(&old), bearer(&new));
    assert_eq!(client.call(&path, &[("authorization", &old)]).await.code(), Code::Ok);
    assert_eq!(client.call(&path, &[("authorization", &new_bearer)]).await.code(), Code::Unauthenticated);
    rig.replace(&caller("a", &new, "methods = [\"*/*\"]")).await;
    assert_eq!(client.call(&path, &[("authorization", &old)]).await.code(), Code::Unauthenticated);
    assert_eq!(client.call(&path, &[("authorization", &new_bearer)]).await.code(), Code::Ok);
    assert_eq!(rig.gate.counters().of(Counted::PolicyLoaded), 1);
}

#[tokio::test]
async fn a_policy_with_mistakes_is_refused_as_a_whole_and_the_one_before_stays() {
    let (known, new) = (token(), token());
    let good = caller("a", &known, "methods = [\"*/*\"]");
    let rig = Rig::with(&good).await;
    let loaded_at = rig.gate.state().loaded_at;
    // Its first half would be right.
    let bad = [good.clone(), caller("b", &new, "methods = [\"no.Such/Method\"]")].concat();
    for bad in [bad.as_str(), "", "[callers", "# all gone\n"] {
        rig.rewrite_wrongly(bad).await;
        assert_eq!(rig.call_as(&known, METHOD).await.code(), Code::Ok, "{bad:?}");
        assert_eq!(rig.call_as(&new, METHOD).await.code(), Code::Unauthenticated, "{bad:?}");
        let state = rig.gate.state();
        assert_eq!((state.loaded_at, state.callers), (loaded_at, 1));
        // Put right again, it is no longer told of.
        rig.rewrite(&good);
        soon("the old one again", until(|| rig.gate.state().refused_since.is_none())).await;
    }
    std::fs::remove_file(rig.policy_file()).unwrap();
    rig.look();
    soon("the refusal", until(|| rig.gate.state().refused_since.is_some())).await;
    assert_eq!(rig.call_as(&known, METHOD).await.code(), Code::Ok);
    let refused = rig.gate.counters().of(Counted::PolicyRefused);
    assert_eq!(refused, 5);
    // The same mistakes are not told at every look.
    rig.look();
    rig.replace(&[good, caller("b", &new, "methods = [\"*/*\"]")].concat()).await;
    assert_eq!(rig.gate.state().refused_since, None);
    assert_eq!(rig.call_as(&new, METHOD).await.code(), Code::Ok);
    assert_eq!(rig.gate.counters().of(Counted::PolicyRefused), refused);
}

/// What the metrics say: when the policy that holds was read, and since when the file is not what holds.
async fn told(rig: &Rig) -> (Option<f64>, Option<f64>) {
    let (status, metrics) = rig.app.admin("/metrics").await;
    assert_eq!(status, 200, "{metrics}");
    let value = |name: &str| {
        let name = format!("gridgate_identity_policy_{name}_timestamp_seconds ");
        metrics.lines().find_map(|line| line.strip_prefix(&name)).map(|value| value.parse().unwrap())
    };
    (value("loaded"), value("refused_since"))
}

#[tokio::test]
async fn the_metrics_say_since_when_the_file_is_not_what_holds() {
    let good = caller("a", &token(), "methods = [\"*/*\"]");
    let rig = Rig::with(&good).await;
    let loaded = Some(rig.gate.state().loaded_at.as_duration().as_secs_f64());
    assert_eq!(told(&rig).await, (loaded, None));
    rig.rewrite_wrongly("[callers").await;
    let since = rig.gate.state().refused_since.unwrap().as_duration().as_secs_f64();
    assert_eq!(told(&rig).await, (loaded, Some(since)));
    // Other mistakes later: the time is that of the first.
    rig.rewrite("");
    soon("the second refusal", until(|| rig.gate.counters().of(Counted::PolicyRefused) == 2)).await;
    assert_eq!(told(&rig).await, (loaded, Some(since)));
    rig.rewrite(&good);
    soon("the old one again", until(|| rig.gate.state().refused_since.is_none())).await;
    assert_eq!(told(&rig).await, (loaded, None));
}

async fn watch(rig: &Rig, token: &NewToken) -> Streaming<pb::WatchKycStatusResponse> {
    try_watch(rig, token, pb::WatchKycStatusRequest::default()).await.unwrap()
}

async fn try_watch(
    rig: &Rig,
    token: &NewToken,
    request: pb::WatchKycStatusRequest,
) -> Result<Streaming<pb::WatchKycStatusResponse>, Status> {
    let mut request = Request::new(request);
    request.metadata_mut().insert("authorization", bearer(token).parse().unwrap());
    let mut client = KycEventServiceClient::new(rig.app.channel().await);
    let mut stream = soon("a stream", client.watch_kyc_status(request)).await?.into_inner();
    // Its first word: it has begun.
    soon("synced", stream.message()).await?;
    Ok(stream)
}

/// The status that a stream ends with; heartbeats may come before it.
async fn end(stream: &mut Streaming<pb::WatchKycStatusResponse>) -> (Code, String) {
    let ended = soon("the end", async {
        loop {
            match stream.message().await {
                Ok(Some(_)) => {}
                Ok(None) => return Status::ok(""),
                Err(status) => return status,
            }
        }
    })
    .await;
    (ended.code(), ended.get_details_error_info().map(|info| info.reason).unwrap_or_default())
}

#[tokio::test]
async fn streams_end_that_the_new_policy_would_not_let_in_and_no_others() {
    let (stays, loses_method, loses_token, is_limited) = (token(), token(), token(), token());
    let policy = |second: &str, third: &str, fourth: &str| {
        [
            caller("stays", &stays, WATCH),
            caller("b", &loses_method, second),
            third.to_owned(),
            caller("d", &is_limited, fourth),
        ]
        .concat()
    };
    let rig = Rig::with(&policy(WATCH, &caller("c", &loses_token, WATCH), WATCH)).await;
    let mut kept = watch(&rig, &stays).await;
    let mut without_method = watch(&rig, &loses_method).await;
    let mut without_token = watch(&rig, &loses_token).await;
    let mut limited = watch(&rig, &is_limited).await;
    let fewer = "methods = [\"gridgate.v1.KycEventService/GetKycStatus\"]";
    let limit = format!("{WATCH}\nwatch = {{ kinds = [\"verification\"] }}");
    rig.replace(&policy(fewer, "", &limit)).await;
    assert_eq!(end(&mut without_method).await, (Code::PermissionDenied, "METHOD_NOT_ALLOWED".to_owned()));
    assert_eq!(end(&mut without_token).await, (Code::Unauthenticated, "CREDENTIALS_INVALID".to_owned()));
    assert_eq!(end(&mut limited).await, (Code::Unavailable, "POLICY_CHANGED".to_owned()));
    assert_eq!(rig.gate.counters().of(Counted::Revoked), 3);
    // The one that stays outlives several policies, and hears of the last.
    for _ in 0..3 {
        rig.replace(&format!("# {:?}\n{}", rig.gate.state().loaded_at, policy(fewer, "", &limit))).await;
    }
    assert!(tokio::time::timeout(std::time::Duration::from_millis(200), kept.message()).await.is_err());
    rig.replace(&caller("d", &is_limited, WATCH)).await;
    assert_eq!(end(&mut kept).await, (Code::Unauthenticated, "CREDENTIALS_INVALID".to_owned()));
}

#[tokio::test]
async fn a_file_that_is_swapped_under_a_symbolic_link_is_seen_without_being_told() {
    let (one, two) = (token(), token());
    // As Kubernetes mounts a ConfigMap: the file is a link into a directory that is swapped as a whole.
    let directory = tempfile::tempdir().unwrap();
    let version = |name: &str, policy: &str| {
        let path = directory.path().join(name);
        std::fs::create_dir(&path).unwrap();
        std::fs::write(path.join("policy.toml"), policy).unwrap();
        path
    };
    let first = version("v1", &caller("a", &one, "methods = [\"*/*\"]"));
    let second = version("v2", &caller("a", &two, "methods = [\"*/*\"]"));
    let (data, file) = (directory.path().join("..data"), directory.path().join("policy.toml"));
    std::os::unix::fs::symlink(&first, &data).unwrap();
    std::os::unix::fs::symlink(data.join("policy.toml"), &file).unwrap();
    let rig = Rig::secured(&caller("unused", &one, "methods = [\"*/*\"]"), |_, sources| {
        sources
            .with(&gridgate::config::settings::IDENTITY_POLICY_FILE, file.to_str().unwrap())
            .with(&gridgate::config::settings::IDENTITY_RELOAD_INTERVAL, "20ms")
    })
    .await;
    assert_eq!(outcome(&rig.call_as(&two, METHOD).await).0, Code::Unauthenticated);
    let swapped = directory.path().join("..data_tmp");
    std::os::unix::fs::symlink(&second, &swapped).unwrap();
    std::fs::rename(&swapped, &data).unwrap();
    soon("the new policy", until(|| rig.gate.counters().of(Counted::PolicyLoaded) == 1)).await;
    assert_eq!(rig.call_as(&two, METHOD).await.code(), Code::Ok);
}

#[tokio::test]
async fn a_policy_that_is_being_written_is_not_taken_half() {
    let known = token();
    let all = caller("a", &known, "methods = [\"*/*\"]");
    let rig = Rig::with(&all).await;
    // The half of it is a policy too: one without the limits.
    let half = format!("# changed\n{all}");
    std::fs::write(rig.policy_file(), &half).unwrap();
    rig.look();
    tokio::time::sleep(std::time::Duration::from_millis(400)).await;
    std::fs::write(rig.policy_file(), format!("{half}watch = {{ kinds = [\"verification\"] }}\n")).unwrap();
    soon("the new policy", until(|| rig.gate.counters().of(Counted::PolicyLoaded) > 0)).await;
    let error = try_watch(&rig, &known, pb::WatchKycStatusRequest::default()).await.unwrap_err();
    assert_eq!(error.code(), Code::PermissionDenied);
    assert_eq!(rig.gate.counters().of(Counted::PolicyLoaded), 1);
}

#[tokio::test]
async fn what_is_no_file_is_refused_and_not_waited_for() {
    let known = token();
    let rig = Rig::with(&caller("a", &known, "methods = [\"*/*\"]")).await;
    for made in [&["mkfifo"][..], &["ln", "-s", "/dev/zero"]] {
        std::fs::remove_file(rig.policy_file()).unwrap();
        let status = std::process::Command::new(made[0]).args(&made[1..]).arg(rig.policy_file()).status().unwrap();
        assert!(status.success());
        let refused = rig.gate.counters().of(Counted::PolicyRefused);
        rig.look();
        soon("the refusal", until(|| rig.gate.state().refused_since.is_some())).await;
        assert!(rig.gate.counters().of(Counted::PolicyRefused) >= refused);
    }
    assert_eq!(rig.call_as(&known, METHOD).await.code(), Code::Ok);
    rig.stop().await;
}
