//! The messages of one device.

use alloc::vec::Vec;
use core::mem::replace;

use kmdf::{Error, Result};

/// How many messages wait at most.
pub const MESSAGES: usize = 61;

/// The length of the longest message.
pub const MESSAGE_BYTES: usize = 16 * 1024;

/// Messages, the oldest first.
///
/// # Invariants
///
/// At most [`MESSAGES`] messages.
#[derive(Debug)]
pub struct Mailbox {
    messages: Vec<Vec<u8>>,
}

impl Mailbox {
    /// A mailbox with room for [`MESSAGES`].
    pub fn new() -> Result<Self> {
        let mut messages = Vec::new();
        messages
            .try_reserve_exact(MESSAGES)
            .map_err(|_| Error::INSUFFICIENT_RESOURCES)?;
        Ok(Self { messages })
    }

    /// Adds a message as the newest.
    pub fn put(&mut self, message: Vec<u8>) -> Result<()> {
        let there_are = self.messages.len();
        // There is room for all since the mailbox was made. Comparing with the capacity shows it to the
        // compiler, which then leaves out of `push` how it grows, and with it the panic when it cannot.
        if there_are >= MESSAGES || there_are == self.messages.capacity() {
            return Err(Error::QUOTA_EXCEEDED);
        }
        self.messages.push(message);
        Ok(())
    }

    /// Takes the oldest message, if it has at most this length.
    pub fn take(&mut self, room: usize) -> Result<Vec<u8>> {
        let oldest = self.messages.first().ok_or(Error::NOT_FOUND)?;
        if oldest.len() > room {
            return Err(Error::BUFFER_TOO_SMALL);
        }
        // `remove(0)` would do the same, but the compiler does not see that it cannot panic.
        let places = self.messages.iter_mut().rev();
        let oldest = places.fold(Vec::new(), |behind, place| replace(place, behind));
        self.messages.pop();
        Ok(oldest)
    }
}

/// A message with these bytes.
pub fn message(bytes: &[u8]) -> Result<Vec<u8>> {
    if bytes.len() > MESSAGE_BYTES {
        return Err(Error::INVALID_BUFFER_SIZE);
    }
    let mut message = Vec::new();
    message
        .try_reserve_exact(bytes.len())
        .map_err(|_| Error::INSUFFICIENT_RESOURCES)?;
    for &byte in bytes {
        // As in `put`. Of `extend_from_slice` the panic goes only where the image is optimised as a whole.
        if message.len() == message.capacity() {
            return Err(Error::INSUFFICIENT_RESOURCES);
        }
        message.push(byte);
    }
    Ok(message)
}
