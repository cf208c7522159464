//! Calls about the bytes of objects.

use kmdf::{DirectInput, Error, Output, Result};
use wdfmem_ioctl::{CopyBytes, Handle, Level, PoolKind, Span, wire};

use super::Scope;
use crate::object::{Object, mismatch, range, unwritten};

/// How many bytes pass over the stack at a time.
const STEP: usize = 256;

/// How many bytes are touched before the level is lowered again.
const DISPATCH_STEP: usize = 4096;

/// Refuses an object without a buffer.
fn buffered(object: &Object) -> Result<()> {
    if object.has_buffer() {
        Ok(())
    } else {
        Err(mismatch())
    }
}

/// Refuses to read what nobody has written.
fn written(object: &Object) -> Result<()> {
    if matches!(object, Object::Uninitialized(_)) {
        Err(unwritten())
    } else {
        Ok(())
    }
}

/// The object that bytes are read from, and where they start.
fn source<'a>(scope: &'a mut Scope<'_>, span: Span) -> Result<(&'a Object, usize)> {
    let object = &scope.table.get(span.handle)?.object;
    buffered(object)?;
    let range = range(span.offset, span.length, object.length()).ok_or(Error::BUFFER_TOO_SMALL)?;
    written(object)?;
    Ok((object, range.start))
}

/// The place of bytes that are to be written; the object's buffer holds something after this.
fn target(scope: &mut Scope<'_>, span: Span) -> Result<usize> {
    let object = &scope.table.get(span.handle)?.object;
    buffered(object)?;
    let range =
        range(span.offset, span.length, object.length()).ok_or(Error::INVALID_BUFFER_SIZE)?;
    if written(object).is_err() {
        let irql = &*scope.irql;
        scope
            .table
            .change(span.handle, |slot| slot.initialize(irql))?;
    }
    Ok(range.start)
}

/// Write.
pub fn write(scope: &mut Scope<'_>, handle: Handle, offset: u64, data: &[u8]) -> Result<()> {
    let start = target(
        scope,
        Span {
            handle,
            offset,
            length: data.len() as u64,
        },
    )?;
    scope
        .table
        .get(handle)?
        .object
        .copy_from(start, data, scope.irql)
}

/// Read.
pub fn read(scope: &mut Scope<'_>, span: Span, output: &mut Output<'_>) -> Result<usize> {
    let (_, mut offset) = source(scope, span)?;
    let object = &scope.table.get(span.handle)?.object;
    let mut left = usize::try_from(span.length).map_err(|_| Error::BUFFER_TOO_SMALL)?;
    let mut step = [0; STEP];
    while left > 0 {
        let part = step
            .get_mut(..left.min(STEP))
            .ok_or(Error::INTERNAL_ERROR)?;
        object.copy_to(offset, part, scope.irql)?;
        output.write(part)?;
        offset = offset.saturating_add(part.len());
        left = left.saturating_sub(part.len());
    }
    Ok(output.written())
}

/// Fill.
pub fn fill(scope: &mut Scope<'_>, span: Span, byte: u8) -> Result<()> {
    target(scope, span)?;
    let bytes = scope.table.get(span.handle)?.object.bytes_mut(scope.irql)?;
    let range = range(span.offset, span.length, bytes.len()).ok_or(Error::INVALID_BUFFER_SIZE)?;
    bytes
        .get_mut(range)
        .ok_or(Error::INVALID_BUFFER_SIZE)?
        .fill(byte);
    Ok(())
}

/// Copy.
pub fn copy(scope: &mut Scope<'_>, ask: CopyBytes) -> Result<()> {
    let CopyBytes {
        source_offset,
        target_offset,
        length,
        ..
    } = ask;
    let from = Span {
        handle: ask.source,
        offset: source_offset,
        length,
    };
    let to = Span {
        handle: ask.target,
        offset: target_offset,
        length,
    };
    let (_, from_start) = source(scope, from)?;
    let to_start = target(scope, to)?;
    let length = usize::try_from(length).map_err(|_| Error::BUFFER_TOO_SMALL)?;
    // Within one object, bytes that are still to be read must not be overwritten: those towards which
    // the copy moves go first.
    let backward = ask.source == ask.target && to_start > from_start;
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
        let from = from_start.saturating_add(at);
        scope
            .table
            .get(ask.source)?
            .object
            .copy_to(from, part, scope.irql)?;
        let to = to_start.saturating_add(at);
        scope
            .table
            .get(ask.target)?
            .object
            .copy_from(to, part, scope.irql)?;
        done = done.saturating_add(part.len());
    }
    Ok(())
}

/// Checksum.
pub fn checksum(scope: &mut Scope<'_>, span: Span, level: Level) -> Result<wire::ChecksumAnswer> {
    let object = &scope.table.get(span.handle)?.object;
    buffered(object)?;
    if level == Level::Dispatch && object.pool() == PoolKind::Paged {
        return Err(Error::NOT_SUPPORTED);
    }
    let range = range(span.offset, span.length, object.length()).ok_or(Error::BUFFER_TOO_SMALL)?;
    let checksum = match level {
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
    Ok(wire::ChecksumAnswer {
        checksum: checksum.ok_or(Error::BUFFER_TOO_SMALL)?.into(),
        ..wire::ChecksumAnswer::default()
    })
}

/// Bulk write, of the whole second buffer.
pub fn bulk_write(
    scope: &mut Scope<'_>,
    handle: Handle,
    offset: u64,
    input: &DirectInput<'_>,
) -> Result<usize> {
    let span = Span {
        handle,
        offset,
        length: input.len() as u64,
    };
    target(scope, span)?;
    let bytes = scope.table.get(handle)?.object.bytes_mut(scope.irql)?;
    let range = range(span.offset, span.length, bytes.len()).ok_or(Error::INVALID_BUFFER_SIZE)?;
    input.copy_to(0, bytes.get_mut(range).ok_or(Error::INVALID_BUFFER_SIZE)?)?;
    Ok(input.len())
}

/// Bulk read.
pub fn bulk_read(scope: &mut Scope<'_>, span: Span, output: &mut Output<'_>) -> Result<usize> {
    source(scope, span)?;
    let bytes = scope.table.get(span.handle)?.object.bytes(scope.irql)?;
    let range = range(span.offset, span.length, bytes.len()).ok_or(Error::BUFFER_TOO_SMALL)?;
    output.write(bytes.get(range).ok_or(Error::BUFFER_TOO_SMALL)?)
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
