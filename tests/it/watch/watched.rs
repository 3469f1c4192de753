//! A log in memory, what writes to it, and a server over it.

use std::sync::Arc;

use gridgate::kyc::clock::SystemClock;
use gridgate::kyc::log::EventLog;

use super::history::Writer;
use super::rig::Rig;
use crate::support::memory_log::{MemoryLog, Store};

pub struct Watched {
    pub store: Arc<Store>,
    pub log: Arc<EventLog>,
    pub writer: Writer,
    pub rig: Rig,
}

pub async fn watched() -> Watched {
    let store = Store::new();
    let log = MemoryLog::open(Arc::clone(&store), Arc::new(SystemClock), 64).log();
    let (writer, rig) = (Writer::of(&log), Rig::of(&log).await);
    Watched { store, log, writer, rig }
}
