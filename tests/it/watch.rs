//! The event service, from outside: a real client, a real socket, and a log that is played upon.
//!
//! What any log has to make possible is tested over each of them; what takes a log that misbehaves, over the one in memory.

mod command;
mod document;
mod ends;
mod errors;
mod faults;
mod filters;
mod get;
mod history;
mod list;
mod promises;
mod property;
mod proxy;
pub mod requests;
mod rig;
mod slow;
mod snapshots;
mod source;
mod stalled;
mod tokens;
mod watched;

use crate::event_log::jetstream::JetStreamPlace;
use crate::support::memory_log::MemoryPlace;
use crate::support::place::SqlitePlace;

/// Tests over each kind of log; each is a function of a place that holds one. Those behind the semicolon record so much that
/// a log which waits for other processes would take minutes.
macro_rules! over_each_log {
    ($($test:path as $name:ident),+; $($heavy:path as $heavy_name:ident),+ $(,)?) => {
        mod in_memory {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                $test(&super::MemoryPlace::new()).await;
            })+
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $heavy_name() {
                $heavy(&super::MemoryPlace::new()).await;
            })+
        }
        mod in_sqlite {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                $test(&super::SqlitePlace::new()).await;
            })+
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $heavy_name() {
                $heavy(&super::SqlitePlace::new()).await;
            })+
        }
        mod in_jetstream {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                $test(&super::JetStreamPlace::single().await).await;
            })+
        }
    };
}

over_each_log! {
    super::promises::nothing_is_lost_and_nothing_comes_twice as nothing_is_lost_and_nothing_comes_twice,
    super::promises::a_token_means_the_same_after_a_restart as a_token_means_the_same_after_a_restart,
    super::promises::only_what_was_applied_is_streamed_and_in_that_order as only_what_was_applied_is_streamed,
    super::promises::a_change_says_all_there_is_to_say as a_change_says_all_there_is_to_say,
    super::promises::a_customer_can_be_watched_before_it_exists as a_customer_can_be_watched_before_it_exists,
    super::tokens::starts_are_what_they_say as starts_are_what_they_say,
    super::tokens::foreign_tokens_are_refused as foreign_tokens_are_refused,
    super::tokens::what_is_no_longer_kept_is_said_with_the_oldest_token as what_is_no_longer_kept_is_said,
    super::filters::only_what_matches_every_filter_comes as only_what_matches_every_filter_comes,
    super::snapshots::a_snapshot_then_changes_then_synced as a_snapshot_then_changes_then_synced,
    super::snapshots::a_snapshot_obeys_the_filters as a_snapshot_obeys_the_filters,
    super::snapshots::large_snapshots_are_whole as large_snapshots_are_whole,
    super::ends::heartbeats_come_on_a_clock as heartbeats_come_on_a_clock,
    super::ends::a_heartbeat_passes_what_concerns_others as a_heartbeat_passes_what_concerns_others,
    super::ends::streams_say_goodbye as streams_say_goodbye,
    super::ends::a_stream_ends_when_all_are_decided as a_stream_ends_when_all_are_decided,
    super::list::pages_are_the_log as pages_are_the_log,
    super::list::lists_obey_their_filters as lists_obey_their_filters,
    super::get::what_is_known_is_said_without_asking as what_is_known_is_said_without_asking,
    super::get::a_position_holds_on_any_replica as a_position_holds_on_any_replica;
    super::slow::a_reader_that_stops_delays_nobody_and_then_has_all as a_reader_that_stops_delays_nobody,
    super::slow::a_reader_that_retention_overtakes_is_told as a_reader_that_retention_overtakes_is_told,
}

mod the_log_in_memory {
    crate::event_log::suite::conforms!(super::MemoryPlace::new());
}
