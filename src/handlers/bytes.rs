//! Calls about the bytes of objects.

use core::ops::Range;

use kmdf::{Error, Result, Transfer};
use wdfmem_ioctl::{
    BulkRead, BulkWrite, Checksum, Checksummed, CopyBytes, Fill, Handle, Level, PoolKind, Read,
    Write,
};

use super::{Handler, Scope, data, reply};
use crate::object::{Object, mismatch, range, unwritten};

/// How many bytes pass over the stack at a time.
const STEP: usize = 256;

/// How many bytes are touched before the level is lowered again.
const DISPATCH_STEP: usize = 4096;

/// Rejects an object without a buffer.
fn buffered(object: &Object) -> Result<()> {
    if object.has_buffer() {
        Ok(())
    } else {
        Err(mismatch())
    }
}

/// Rejects reading what was never written.
fn written(object: &Object) -> Result<()> {
    if matches!(object, Object::Uninitialized(_)) {
        Err(unwritten())
    } else {
        Ok(())
    }
}

impl Scope<'_> {
    /// The object that bytes are read from, and which of its bytes they are.
    fn source(
        &mut self,
        handle: Handle,
        offset: u64,
        length: u64,
    ) -> Result<(&Object, Range<usize>)> {
        let object = &self.table.get(handle)?.object;
        buffered(object)?;
        let range = range(offset, length, object.length()).ok_or(Error::BUFFER_TOO_SMALL)?;
        written(object)?;
        Ok((object, range))
    }

    /// The bytes of an object that are to be written; the object's buffer is initialized after this.
    fn target(&mut self, handle: Handle, offset: u64, length: u64) -> Result<Range<usize>> {
        let object = &self.table.get(handle)?.object;
        buffered(object)?;
        let range = range(offset, length, object.length()).ok_or(Error::INVALID_BUFFER_SIZE)?;
        if written(object).is_err() {
            let irql = &*self.irql;
            self.table.change(handle, |slot| slot.initialize(irql))?;
        }
        Ok(range)
    }
}

impl Handler for Write {
    fn handle(self, scope: &mut Scope<'_>, transfer: Transfer<'_>) -> Result<usize> {
        let data = data::<Self>(&transfer)?;
        let target = scope.target(self.handle, self.offset, data.len() as u64)?;
        let object = &mut scope.table.get(self.handle)?.object;
        object.copy_from(target.start, data, scope.irql)?;
        Ok(0)
    }
}

impl Handler for Read {
    fn handle(self, scope: &mut Scope<'_>, transfer: Transfer<'_>) -> Result<usize> {
        let (_, mut source) = scope.source(self.handle, self.offset, self.length)?;
        let object = &scope.table.get(self.handle)?.object;
        let mut output = transfer.into_output()?;
        let mut step = [0; STEP];
        while !source.is_empty() {
            let part = step
                .get_mut(..source.len().min(STEP))
                .ok_or(Error::INTERNAL_ERROR)?;
            object.copy_to(source.start, part, scope.irql)?;
            output.write(part)?;
            source.start = source.start.saturating_add(part.len());
        }
        Ok(output.written())
    }
}

impl Handler for Fill {
    fn handle(self, scope: &mut Scope<'_>, _: Transfer<'_>) -> Result<usize> {
        let target = scope.target(self.handle, self.offset, self.length)?;
        let bytes = scope.table.get(self.handle)?.object.bytes_mut(scope.irql)?;
        bytes
            .get_mut(target)
            .ok_or(Error::INVALID_BUFFER_SIZE)?
            .fill(self.byte);
        Ok(0)
    }
}

impl Handler for CopyBytes {
    fn handle(self, scope: &mut Scope<'_>, _: Transfer<'_>) -> Result<usize> {
        let (_, source) = scope.source(self.source, self.source_offset, self.length)?;
        let target = scope.target(self.target, self.target_offset, self.length)?;
        // Within one object, bytes that are still to be read must not be overwritten: those towards which
        // the copy moves go first.
        let backward = self.source == self.target && target.start > source.start;
        let length = source.len();
        let mut step = [0; STEP];
        let mut done = 0_usize;
        while done < length {
            let part = length.saturating_sub(done).min(STEP);
            let at = if backward {
                length.saturating_sub(done).saturating_sub(part)
            } else {
                done
            };
            let part = step.get_mut(..part).ok_or(Error::INTERNAL_ERROR)?;
            let from = &scope.table.get(self.source)?.object;
            from.copy_to(source.start.saturating_add(at), part, scope.irql)?;
            let to = &mut scope.table.get(self.target)?.object;
            to.copy_from(target.start.saturating_add(at), part, scope.irql)?;
            done = done.saturating_add(part.len());
        }
        Ok(0)
    }
}

impl Handler for Checksum {
    fn handle(self, scope: &mut Scope<'_>, transfer: Transfer<'_>) -> Result<usize> {
        let object = &scope.table.get(self.handle)?.object;
        buffered(object)?;
        if self.level == Level::Dispatch && object.pool() == PoolKind::Paged {
            return Err(Error::NOT_SUPPORTED);
        }
        let range =
            range(self.offset, self.length, object.length()).ok_or(Error::BUFFER_TOO_SMALL)?;
        let checksum = match self.level {
            Level::Passive => object.bytes(scope.irql)?.get(range).map(crc32),
            Level::Dispatch => {
                let bytes = object.nonpaged_bytes(scope.irql)?.get(range);
                bytes.map(|bytes| {
                    let steps = bytes.chunks(DISPATCH_STEP);
                    !steps.fold(u32::MAX, |remainder, step| {
                        scope.irql.raise(|_| advance(remainder, step))
                    })
                })
            }
        };
        let checksummed = Checksummed {
            checksum: checksum.ok_or(Error::BUFFER_TOO_SMALL)?.into(),
            ..Checksummed::default()
        };
        reply::<Self>(transfer, &checksummed)
    }
}

/// Takes the whole second buffer.
impl Handler for BulkWrite {
    fn handle(self, scope: &mut Scope<'_>, transfer: Transfer<'_>) -> Result<usize> {
        let input = transfer.direct_input()?;
        let target = scope.target(self.handle, self.offset, input.len() as u64)?;
        let bytes = scope.table.get(self.handle)?.object.bytes_mut(scope.irql)?;
        input.copy_to(0, bytes.get_mut(target).ok_or(Error::INVALID_BUFFER_SIZE)?)?;
        Ok(input.len())
    }
}

impl Handler for BulkRead {
    fn handle(self, scope: &mut Scope<'_>, transfer: Transfer<'_>) -> Result<usize> {
        let (_, source) = scope.source(self.handle, self.offset, self.length)?;
        let bytes = scope.table.get(self.handle)?.object.bytes(scope.irql)?;
        let bytes = bytes.get(source).ok_or(Error::BUFFER_TOO_SMALL)?;
        transfer.into_output()?.write(bytes)
    }
}

/// The remainders of the CRC-32 polynomial, for a byte at a time.
static REMAINDERS: [u32; 256] = remainders();

const fn remainders() -> [u32; 256] {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        let mut remainder = byte as u32;
        let mut bit = 0;
        while bit < 8 {
            let low = remainder & 1;
            remainder >>= 1;
            if low == 1 {
                remainder ^= 0xEDB8_8320;
            }
            bit += 1;
        }
        table[byte] = remainder;
        byte += 1;
    }
    table
}

/// The CRC-32 (ISO-HDLC) of bytes.
fn crc32(bytes: &[u8]) -> u32 {
    !advance(u32::MAX, bytes)
}

/// The remainder after some more bytes.
fn advance(remainder: u32, bytes: &[u8]) -> u32 {
    bytes.iter().fold(remainder, |remainder, byte| {
        let low = usize::from((remainder as u8) ^ byte);
        (remainder >> 8) ^ REMAINDERS.get(low).copied().unwrap_or_default()
    })
}
