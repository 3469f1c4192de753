//! A gridgate that was built without its sandbox.

use crate::support::process::{Ended, Process};

#[tokio::test]
async fn commands_that_need_it_name_the_feature() {
    let serve =
        ["serve", "--sandbox", "--grpc-addr=127.0.0.1:0", "--admin-addr=127.0.0.1:0", "--sandbox-addr=127.0.0.1:0"];
    for args in [&serve[..], &["sandbox"], &["sandbox", "--sandbox-addr=127.0.0.1:0"], &["demo", "--help"]] {
        let Ended { status, stdout, stderr } = Process::start(args, &[]).ended().await;
        assert_eq!((status.code(), stdout.as_str()), (Some(2), ""), "{args:?}");
        assert!(stderr.contains("built without its sandbox (the cargo feature `sandbox`)"), "{args:?}: {stderr}");
    }
}

#[tokio::test]
async fn help_does_not_offer_it() {
    let help = Process::start(&["--help"], &[]).ended().await;
    assert_eq!(help.status.code(), Some(0));
    assert!(!help.stdout.contains("  sandbox") && !help.stdout.contains("  demo"), "{}", help.stdout);
}
