//! The log in a file: the suite, and what only a file has.

use proptest::prelude::*;

use super::model;
use super::place::SqlitePlace;
use super::suite;

mod conformance {
    use super::SqlitePlace;

    super::suite::conforms!(SqlitePlace::new());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, max_shrink_iters: 400, ..ProptestConfig::default() })]

    #[test]
    fn random_histories_come_out_as_the_model_says(history in model::history()) {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        // So few that watchers often have to go to the file.
        let place = SqlitePlace::with(|options| options.ring_events = 6);
        runtime.block_on(model::play(&place, &history));
    }
}
