//! The one message of a call, as it arrives.

use super::PREFIX;
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
    /// There is no message, or more than the one that the method takes.
    NotOne,
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
    /// As much of the message's prefix as has come: whether it is compressed, and its length.
    prefix: Vec<u8>,
    memory: Arc<Semaphore>,
    held: Option<OwnedSemaphorePermit>,
    pieces: Pieces,
}

impl Message {
    /// Nothing yet, of at most so many bytes.
    pub(super) fn new(most: usize, memory: Arc<Semaphore>) -> Self {
        Message { most, prefix: Vec::with_capacity(PREFIX), memory, held: None, pieces: Pieces::default() }
    }

    /// Reads until the caller has said all, or more than it may.
    pub(super) async fn read(&mut self, body: impl Body<Data = Bytes>) -> Result<(), NotArrived> {
        let mut body = pin!(body);
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|_| NotArrived::BrokenOff)?;
            // gRPC has no trailers in requests.
            if let Ok(data) = frame.into_data() {
                self.add(data)?;
            }
        }
        match self.declared() {
            Some(length) if self.pieces.len() == length => Ok(()),
            None if self.pieces.len() == 0 => Err(NotArrived::NotOne),
            Some(_) | None => Err(NotArrived::BrokenOff),
        }
    }

    /// How many bytes the message says it has, with its prefix.
    fn declared(&self) -> Option<usize> {
        let [_, length @ ..] = <[u8; PREFIX]>::try_from(self.prefix.as_slice()).ok()?;
        Some(usize::try_from(u32::from_be_bytes(length)).unwrap_or(usize::MAX).saturating_add(PREFIX))
    }

    fn add(&mut self, data: Bytes) -> Result<(), NotArrived> {
        self.prefix.extend(data.iter().take(PREFIX.saturating_sub(self.prefix.len())));
        let declared = self.declared().unwrap_or(PREFIX);
        if declared > self.most {
            return Err(NotArrived::TooLarge);
        }
        if data.len() > declared.saturating_sub(self.pieces.len()) {
            return Err(NotArrived::NotOne);
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
        let Message { most: _, prefix: _, memory: _, held, pieces } = self;
        (pieces.finish(), held)
    }
}
