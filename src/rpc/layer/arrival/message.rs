//! The one message of a call, as it arrives.

use crate::rpc::pieces::Pieces;
use bytes::Bytes;
use http_body::Body;
use http_body_util::BodyExt as _;
use std::pin::pin;
use std::sync::Arc;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Why a call is not begun.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotArrived {
    /// Its message is larger than one may be.
    TooLarge,
    /// Its message, or the next part of it, did not come in time.
    TooSlow,
    /// Messages under way hold all the memory that there is for them.
    NoMemory,
    /// The caller broke it off.
    BrokenOff,
}

/// What has arrived.
pub(super) struct Message {
    most: usize,
    memory: Arc<Semaphore>,
    held: Option<OwnedSemaphorePermit>,
    pieces: Pieces,
}

impl Message {
    /// Nothing yet, of at most so many bytes.
    pub(super) fn new(most: usize, memory: Arc<Semaphore>) -> Self {
        Message { most, memory, held: None, pieces: Pieces::default() }
    }

    /// Reads until the caller has said all.
    pub(super) async fn read(&mut self, body: impl Body<Data = Bytes>) -> Result<(), NotArrived> {
        let mut body = pin!(body);
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|_| NotArrived::BrokenOff)?;
            // gRPC has no trailers in requests.
            if let Ok(data) = frame.into_data() {
                self.add(data)?;
            }
        }
        Ok(())
    }

    fn add(&mut self, data: Bytes) -> Result<(), NotArrived> {
        if data.len() > self.most.saturating_sub(self.pieces.len()) {
            return Err(NotArrived::TooLarge);
        }
        let bytes = u32::try_from(data.len()).map_err(|_| NotArrived::TooLarge)?;
        let memory = Arc::clone(&self.memory).try_acquire_many_owned(bytes).map_err(|_| NotArrived::NoMemory)?;
        match &mut self.held {
            Some(held) => held.merge(memory),
            None => self.held = Some(memory),
        }
        self.pieces.push(data);
        Ok(())
    }

    /// All of it, and the memory that it holds, which is given back when that is dropped.
    pub(super) fn finish(self) -> (Bytes, Option<OwnedSemaphorePermit>) {
        let Message { most: _, memory: _, held, pieces } = self;
        (pieces.finish(), held)
    }
}
