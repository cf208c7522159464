//! Some bytes of an object, for those who make calls about them.

use crate::{BulkRead, Checksum, Fill, Handle, Level, Message, Read};

/// Some bytes of an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// The object that they belong to.
    pub handle: Handle,
    /// The first byte's place in it.
    pub offset: u64,
    /// The number of bytes.
    pub length: u64,
}

impl Span {
    /// The call that reads them.
    #[must_use]
    pub fn read(self) -> Message<'static> {
        let Self {
            handle,
            offset,
            length,
        } = self;
        Message::from(Read {
            handle,
            offset,
            length,
        })
    }

    /// The call that reads them into a locked buffer.
    #[must_use]
    pub fn bulk_read(self) -> Message<'static> {
        let Self {
            handle,
            offset,
            length,
        } = self;
        Message::from(BulkRead {
            handle,
            offset,
            length,
        })
    }

    /// The call that sets each of them to this value.
    #[must_use]
    pub fn fill(self, byte: u8) -> Message<'static> {
        let Self {
            handle,
            offset,
            length,
        } = self;
        Message::from(Fill {
            handle,
            byte,
            offset,
            length,
        })
    }

    /// The call that takes their checksum, read at this level.
    #[must_use]
    pub fn checksum(self, level: Level) -> Message<'static> {
        let Self {
            handle,
            offset,
            length,
        } = self;
        Message::from(Checksum {
            handle,
            level,
            offset,
            length,
        })
    }
}
