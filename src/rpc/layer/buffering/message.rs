//! The one message of a call, as it arrives.

use crate::rpc::pieces::Pieces;
use crate::rpc::refused::BufferingError;
use bytes::Bytes;
use http_body::Body;
use http_body_util::BodyExt as _;
use std::pin::pin;
use std::sync::Arc;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// What precedes a message, in bytes (gRPC over HTTP/2, `Length-Prefixed-Message`).
pub(super) const PREFIX: usize = 5;

/// What has arrived.
pub(super) struct Message {
    most: usize,
    /// The message's prefix, as far as it has come: whether it is compressed, and its length.
    prefix: [u8; PREFIX],
    memory: Arc<Semaphore>,
    held: Option<OwnedSemaphorePermit>,
    pieces: Pieces,
}

impl Message {
    /// Nothing yet, of at most so many bytes.
    pub(super) fn new(most: usize, memory: Arc<Semaphore>) -> Self {
        Message { most, prefix: [0; PREFIX], memory, held: None, pieces: Pieces::default() }
    }

    /// Reads until the caller has said all, or more than it may.
    pub(super) async fn read(&mut self, body: impl Body<Data = Bytes>) -> Result<(), BufferingError> {
        let mut body = pin!(body);
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|_| BufferingError::BrokenOff)?;
            // gRPC has no trailers in requests.
            if let Ok(data) = frame.into_data() {
                self.add(data)?;
            }
        }
        match self.declared(self.pieces.len()) {
            Some(length) if self.pieces.len() == length => Ok(()),
            None if self.pieces.len() == 0 => Err(BufferingError::NotOne),
            Some(_) | None => Err(BufferingError::BrokenOff),
        }
    }

    /// How many bytes the message says it has, with its prefix, once `seen` bytes of it have come.
    fn declared(&self, seen: usize) -> Option<usize> {
        if seen < PREFIX {
            return None;
        }
        let [_, length @ ..] = self.prefix;
        Some(usize::try_from(u32::from_be_bytes(length)).unwrap_or(usize::MAX).saturating_add(PREFIX))
    }

    fn add(&mut self, data: Bytes) -> Result<(), BufferingError> {
        // Often the last frame is empty, and only says that it is the last.
        if data.is_empty() {
            return Ok(());
        }
        let seen = self.pieces.len();
        self.prefix.iter_mut().skip(seen).zip(&data).for_each(|(place, byte)| *place = *byte);
        let declared = self.declared(seen.saturating_add(data.len())).unwrap_or(PREFIX);
        if declared > self.most {
            return Err(BufferingError::TooLarge);
        }
        if data.len() > declared.saturating_sub(seen) {
            return Err(BufferingError::NotOne);
        }
        let bytes = u32::try_from(data.len()).map_err(|_| BufferingError::TooLarge)?;
        let memory = Arc::clone(&self.memory).try_acquire_many_owned(bytes).map_err(|_| BufferingError::NoMemory)?;
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
