//! The log on JetStream: the suite over one server and over a cluster of three, which answer differently, and what only
//! such a log has.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use gridgate::kyc::log::EventLog;
use gridgate::kyc::log::jetstream::{JetStreamLog, JetStreamOptions, OpenError};
use gridgate::kyc::log::sqlite::{IDS_KEPT, Retention};

use super::place::{ManualClock, Place};
use super::suite;
use crate::support::nats::Nats;

mod single {
    use super::JetStreamPlace;

    super::suite::conforms!(JetStreamPlace::single().await);
}

mod cluster {
    use super::JetStreamPlace;

    super::suite::conforms!(JetStreamPlace::cluster().await);
}

/// A log with streams of its own in servers that others may share.
pub struct JetStreamPlace {
    nats: Arc<Nats>,
    prefix: String,
    clock: Arc<ManualClock>,
    options: fn(&mut JetStreamOptions),
    open: tokio::sync::Mutex<Option<Arc<JetStreamLog>>>,
}

impl JetStreamPlace {
    /// On the server that tests share.
    pub async fn single() -> Self {
        Self::on(Nats::shared_single().await, |_| {})
    }

    /// On the cluster that tests share.
    pub async fn cluster() -> Self {
        Self::on(Nats::shared_cluster().await, |_| {})
    }

    pub fn on(nats: Arc<Nats>, options: fn(&mut JetStreamOptions)) -> Self {
        let prefix = format!("t{:x}", fastrand::u64(..));
        Self { nats, prefix, clock: ManualClock::new(), options, open: tokio::sync::Mutex::default() }
    }

    pub fn options(&self) -> JetStreamOptions {
        let mut options = JetStreamOptions::at(self.nats.servers());
        options.prefix.clone_from(&self.prefix);
        options.replicas = self.nats.size();
        options.retention = Retention { max_age: IDS_KEPT, max_bytes: 256 << 20 };
        (self.options)(&mut options);
        options
    }

    pub fn nats(&self) -> &Arc<Nats> {
        &self.nats
    }

    pub fn shared_clock(&self) -> Arc<ManualClock> {
        Arc::clone(&self.clock)
    }

    /// The name of one of its streams.
    pub fn stream(&self, name: &str) -> String {
        format!("{}-{name}", self.prefix)
    }

    /// One more replica of the same log.
    pub async fn replica(&self) -> Result<Arc<JetStreamLog>, OpenError> {
        JetStreamLog::open(self.options(), Arc::clone(&self.clock) as _).await.map(Arc::new)
    }
}

#[async_trait]
impl Place for JetStreamPlace {
    async fn open(&self) -> Arc<dyn EventLog> {
        let mut open = self.open.lock().await;
        if let Some(before) = open.take() {
            before.close().await;
        }
        let log = self.replica().await.unwrap();
        *open = Some(Arc::clone(&log));
        log
    }

    fn clock(&self) -> &ManualClock {
        &self.clock
    }

    async fn expire(&self) {
        self.clock.advance(IDS_KEPT + Duration::from_secs(1));
        let log = self.open.lock().await.clone().unwrap();
        log.maintain().await.unwrap();
    }
}
